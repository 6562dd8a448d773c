"""Calls of tools with arguments from the question, answers from what tools return, and JSON with values from a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from . import server, talk
from .dialogue import Dialogue, Message, assistant, user
from .noise import typed
from .strings import COLOURS, FOODS, JOBS, city, clock, code, invented, name, number, phrase, sentence, word

Make = Callable[[Random], Any]
TOLD = "Here is what the tool says: "


def _several(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.split(";") if each.strip()]


@dataclass(frozen=True, slots=True)
class Family:
    """Tools that do the same. ``values`` are made in the order of the ``{}`` in ``asked`` and go to ``params``, each
    with its names."""

    names: tuple[str, ...]
    does: tuple[str, ...]
    params: tuple[tuple[str, ...], ...]
    values: tuple[Make, ...]
    asked: tuple[str, ...]
    results: tuple[str, ...] = ("status",)


def _f(names: str, does: str, params: str, values: tuple[Make, ...], asked: str, results: str = "status") -> Family:
    return Family(
        tuple(names.split()), tuple(_several(does)), tuple(tuple(each.split("|")) for each in params.split()), values,
        tuple(_several(asked)), tuple(results.split()),
    )  # fmt: skip


def _title(rng: Random) -> str:
    return " ".join(word(rng).capitalize() for _ in range(rng.choice((1, 2, 2, 3))))


def _query(rng: Random) -> str:
    return " ".join(word(rng) for _ in range(rng.choice((1, 2, 2, 3))))


def _room(rng: Random) -> str:
    return rng.choice("kitchen bathroom bedroom garage hall cellar office attic garden".split()) if rng.random() < 0.5 else word(rng)


def _symbol(rng: Random) -> str:
    return "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.choice((3, 4, 4))))


def _money(rng: Random) -> str:
    return rng.choice("euros dollars pounds yen francs pesos rupees kronor".split()) if rng.random() < 0.7 else invented(rng)


_CITY = "city|location|place|town"
FAMILIES = (
    _f("get_weather current_weather weather get_current_weather weather_lookup getWeather",
       "Get the weather of a city.;Tells the weather of a city.;Current weather for a location.;Get current temperature for a given location.;Weather forecast.",
       _CITY, (city,),
       """What is the weather in {}?;What's the weather like in {}?;weather in {};How is the weather in {} today?;Is it raining
       in {}?;Is it cold in {}?;How warm is it in {}?;Will I need an umbrella in {} today?;do I need a coat in {}?;What is the
       temperature in {}?;Tell me the weather in {}.;Will it rain in {} tomorrow?;Is the sun shining in {}?;What is the weather
       like in {} today?;how hot is it in {} right now?;{} weather;forecast for {};should I wear a jacket in {}?;Is there snow in
       {}?;weather {} please;Check the weather for {}.;What is the weather in {} right now?""", "temperature condition temp wind humidity"),
    _f("get_time current_time time_in clock getTime", "Tells the time in a city.;Get the current time.;Local time of a place.",
       _CITY, (city,),
       """What time is it in {}?;time in {};What is the local time in {}?;Tell me the time in {}.;how late is it in {};what's
       the time in {} now;current time in {};Is it night in {}?""", "time timezone"),
    _f("send_email email send_mail", "Send an email.;Send an email to somebody.;Mail somebody.", "to|recipient|name subject|title",
       (name, _query),
       """Send an email to {} with the subject {}.;Email {} about {}.;Write a mail to {} about {}.;send {} a mail with the title
       {};Mail {}, subject {}.;Send {} an email about {}.;please send a mail to {} with subject {}"""),
    _f("send_message text_person message sms", "Send a message to a person.;Send a text message.", "to|person|name text|message|content",
       (name, sentence),
       """Tell {} that {};Send {} the message: {};Text {}: {};Write to {}: {};message {} saying {};Let {} know: {}"""),
    _f("search_web web_search search google searchWeb", "Search the web.;Look something up on the internet.;Web search.", "query|q|text|term",
       (_query,),
       """Search the web for {}.;Search for {}.;look up {};Find {} on the internet.;google {};web search {};Look for {} on the
       web.;What does the web say about {}?;look up {} on the web;Find something about {}.;please search {} online"""),
    _f("set_alarm alarm wake_up", "Set an alarm.;Wake the user.;Set an alarm clock.", "time|at|when", (clock,),
       """Set an alarm for {}.;Wake me up at {}.;wake me at {};alarm at {};I need to get up at {}.;set the alarm clock to
       {};Please wake me at {}.;alarm for {} please"""),
    _f("set_timer timer start_timer", "Start a timer.;Set a timer.", "minutes|duration", (lambda rng: number(rng, rng.choice((1, 2))),),
       """Set a timer for {} minutes.;timer {} minutes;Start a timer of {} minutes.;Remind me in {} minutes.;count down {}
       minutes"""),
    _f("add sum add_numbers calculator plus", "Add two numbers.;Adds numbers.;The sum of two numbers.", "a|x|first b|y|second",
       (number, number),
       """Add {} and {}.;What is {} + {}?;What is {} plus {}?;{}+{};{} + {};How much is {} plus {}?;sum of {} and {};What do
       {} and {} make?;calculate {} + {};add {} to {}""", "result sum"),
    _f("multiply times product", "Multiply two numbers.;The product of two numbers.", "a|x|first b|y|second", (number, number),
       """Multiply {} by {}.;What is {} times {}?;{} * {};How much is {} times {}?;product of {} and {};{} x {}""", "result product"),
    _f("play_song play_music play music", "Play a song.;Play music.;Plays a song by its title.", "title|song|track", (_title,),
       """Play {}.;Play the song {};I want to hear {}.;put on {};Can you play {}?;please play {};I want to hear the song
       {};Start the song {}.;music: {}"""),
    _f("find_user lookup_user get_user user_search find_person", "Look a user up.;Find a user by name.;Look a person up.", "name|user|username",
       (name,),
       """Find the user {}.;Look up {}.;Who is the user {}?;find user {};Get the user {};Show me the user {}.;search the user
       {};Is there a user called {}?""", "name city age email"),
    _f("book_room book_hotel reserve_room hotel", "Book a room.;Book a hotel room for some nights.", f"{_CITY} nights|days", (city, lambda rng: number(rng, 1)),
       """Book a room in {} for {} nights.;I need a hotel in {} for {} nights.;Reserve a room in {} for {} days.;hotel in {}, {}
       nights;book a hotel in {} for {} nights;room in {} for {} nights please""", "confirmation price"),
    _f("book_flight find_flight flights", "Find a flight.;Book a flight between two cities.", "from|origin|start to|destination|end", (city, city),
       """Book a flight from {} to {}.;Find flights from {} to {}.;I want to fly from {} to {}.;flight {} to {};Is there a flight
       from {} to {}?""", "flight price"),
    _f("turn_on_light light_on switch_on lights", "Turn on the light in a room.;Switch the light on.", "room|where", (_room,),
       """Turn on the light in the {}.;Switch on the light in the {}.;light on in the {};turn the light in the {} on;It is dark in
       the {}.;Lights on in the {}, please.;Make light in the {}."""),
    _f("set_temperature heat thermostat", "Set the temperature of a room.;Control the heating.", "room|where degrees|temperature", (_room, lambda rng: number(rng, 2)),
       """Set the {} to {} degrees.;Heat the {} to {} degrees.;Make the {} {} degrees warm.;temperature in the {} to {}"""),
    _f("convert_currency exchange currency convert_money", "Convert an amount of money.;Convert money to another currency.", "amount|value to|currency|target",
       (number, _money),
       """Convert {} to {}.;How much is {} in {}?;exchange {} to {};Change {} into {}.;convert {} dollars to {};{} in {}?""", "amount result"),
    _f("get_stock_price stock_price stock share_price quote", "The price of a share.;Get the price of a stock.", "symbol|ticker|stock", (_symbol,),
       """What is the price of {}?;How much is a share of {}?;price of {} stock;What does a share of {} cost?;stock price of
       {};how is {} doing?;quote for {};Get the stock price of {}.""", "price symbol"),
    _f("order_status get_order track_order lookup_order", "Look up an order.;The status of an order.;Track an order.", "order_id|id|order|number", (code,),
       """Where is my order {}?;What is the status of order {}?;track order {};order {}?;Has order {} been sent?;status of
       {};Look up order {}.;Is my order {} on its way?;what about order {}""", "status date"),
    _f("create_note note add_note remember save_note take_note", "Write a note.;Save a note.;Creates a note.", "text|content|note", (sentence,),
       """Note: {};Write down: {};Make a note: {};note that {};Save the note {};Take a note: {};Please note that {}"""),
    _f("add_todo create_task add_task todo", "Add a task to the list.;Create a task.", "title|task|text", (_query,),
       """Add {} to my list.;Put {} on my todo list.;new task: {};Create the task {}.;todo: {};Remind me of {}."""),
    _f("translate translate_text translator", "Translate a text.;Translates text into a language.", "text language|to|target",
       (phrase, lambda rng: rng.choice("French German Spanish Italian Dutch Polish Greek Japanese".split())),
       """Translate '{}' to {}.;Translate {} into {}.;What is {} in {}?;How do you say {} in {}?"""),
    _f("get_recipe find_recipe recipe", "Find a recipe.;A recipe for a dish.", "dish|food|meal", (lambda rng: rng.choice(FOODS) if rng.random() < 0.5 else word(rng),),
       """Find a recipe for {}.;How do I cook {}?;recipe for {};I want to make {}.;What do I need for {}?;Give me a recipe for
       {}.""", "recipe minutes"),
    _f("call_person phone_call call dial", "Call somebody.;Phone a person.", "name|person|who", (name,),
       "Call {}.;Phone {}.;dial {};Ring {} please.;Make a call to {}.;I want to talk to {}."),
    _f("get_capital capital country_info", "The capital of a country.;Facts about a country.", "country|name", (city,),
       "What is the capital of {}?;capital of {};Tell me about the country {}.;facts about {}", "capital population"),
    _f("delete_file remove_file rm", "Delete a file.;Remove a file.", "path|file|name", (lambda rng: f"{word(rng)}.{rng.choice(('txt', 'csv', 'py', 'md'))}",),
       "Delete {}.;Remove the file {}.;delete the file {};rm {};Throw {} away."),
    _f("read_file open_file cat_file", "Read a file.;Open a file.", "path|file|name", (lambda rng: f"{word(rng)}.{rng.choice(('txt', 'csv', 'py', 'md'))}",),
       "Read {}.;Open the file {}.;What is in {}?;show me {};cat {};Show the file {}.", "content"),
)  # fmt: skip
_NO_PARAMS = (("get_date", "Tells today's date.", "What is the date?;What day is it?;today's date;which day is it today"),
              ("get_news", "Reads the news.", "What's in the news?;Read me the news.;news please;latest news"),
              ("lock_door", "Locks the door.", "Lock the door.;close the door;Please lock the door"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool as a request has it, and how its values are named there."""

    family: Family
    tool: Message
    params: tuple[str, ...]


def _chosen(rng: Random, family: Family) -> Choice:
    params = tuple(rng.choice(each) for each in family.params)
    properties: dict[str, Message] = {}
    for param, make in zip(params, family.values, strict=True):
        kind: Message = {"type": "integer" if isinstance(make(Random(0)), int) else "string"}
        if kind["type"] == "integer" and rng.random() < 0.3:
            kind = {"type": "number"}
        if rng.random() < 0.25:
            kind["description"] = rng.choice((f"The {param}.", f"The {param} that the user wants.", f"{param} as text", "e.g. " + word(rng)))
        properties[param] = kind
    return Choice(family, _function(rng, rng.choice(family.names), rng.choice(family.does), properties), params)


def _function(rng: Random, called: str, does: str, properties: dict[str, Message]) -> Message:
    schema: Message = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        schema["required"] = list(properties)
    if rng.random() < 0.25:
        schema["additionalProperties"] = False
    function: Message = {"name": called}
    if rng.random() < 0.8:
        function["description"] = does
    if rng.random() < 0.15:
        function["strict"] = True
    return {"type": "function", "function": {**function, "parameters": schema}}


def _invented(rng: Random) -> Choice:
    """A tool that nobody has: only what the request says of it helps."""
    verb, thing = invented(rng, rng.choice((1, 2))), word(rng)
    param = rng.choice((thing, invented(rng, 2), "value", "input", "text", "id"))
    asked = (f"{verb} {{}}", f"{verb.capitalize()} the {thing} {{}}.", f"Please {verb} the {thing} {{}}", f"Can you {verb} {{}}?",
             f"Call {verb}_{thing} with {{}}.", f"Use {verb}_{thing} for {{}}", f"I want to {verb} {{}}")  # fmt: skip
    make: Make = rng.choice((word, name, code, city, number))
    family = Family((f"{verb}_{thing}",), (f"{verb.capitalize()} a {thing}.",), ((param,),), (make,), asked, (thing,))
    return _chosen(rng, family)


def _ask(rng: Random, choice: Choice) -> tuple[str, dict[str, Any]]:
    values = [make(rng) for make in choice.family.values]
    frame = rng.choice(choice.family.asked)
    said = typed(rng, frame, *(str(value) for value in values), polite=rng.random() < 0.4)
    values = [value[:-1] if isinstance(value, str) and value[-1] in ".!" else value for value in values]
    return said, dict(zip(choice.params, values, strict=True))


def _call(called: str, arguments: dict[str, Any]) -> Message:
    return {"function": {"name": called, "arguments": arguments}}


def _with_calls(calls: list[Message]) -> Message:
    return {"role": "assistant", "content": "", "tool_calls": calls}


def _result(rng: Random, family: Family) -> str:
    """What a tool may return: an object, a text, a number, a list."""
    makers: list[Make] = [word, name, city, number, clock, code, lambda rng: rng.choice((-1, 1)) * number(rng, 2),
                          lambda rng: number(rng, 2) + number(rng, 1) / 10]  # fmt: skip
    draw = rng.random()
    if draw < 0.6:
        keys = list(dict.fromkeys(rng.choice((*family.results, *family.results, "name", "value", word(rng))) for _ in range(rng.choice((1, 1, 2, 2, 3)))))
        return json.dumps({key: rng.choice(makers)(rng) for key in keys}, ensure_ascii=False)
    if draw < 0.72:
        return str(rng.choice(makers)(rng))
    if draw < 0.8:
        return rng.choice(("ok", "done", "OK", "sent", "error", "true", "No results found.", "not found", "success", "none"))
    return rng.choice((sentence(rng), f"{number(rng, 2)} degrees and {rng.choice(('sunny', 'cloudy', 'rainy', 'windy', word(rng)))}"))


def spoken(result: str) -> str:
    """A tool's result in words: ``{"temp": 3, "sky": "grey"}`` as "temp: 3, sky: grey."."""
    if result.startswith("{"):
        result = ", ".join(f"{key}: {value}" for key, value in json.loads(result).items())
    return TOLD + (result if result[-1] in ".!" else result + ".")


def called(rng: Random) -> Dialogue:
    """A question with tools, a call or none, perhaps its result, perhaps another question."""
    draw = rng.random()
    wanted = _invented(rng) if draw < 0.18 else _chosen(rng, rng.choice(FAMILIES))
    others = [_chosen(rng, family) for family in rng.sample(FAMILIES, rng.choice((0, 0, 1, 1, 2))) if family.names != wanted.family.names]
    choices = [wanted, *others]
    rng.shuffle(choices)
    tools = [choice.tool for choice in choices]
    system: list[Message] = [{"role": "system", "content": "You are a helpful assistant."}] if rng.random() < 0.15 else []
    own = wanted.tool["function"]["name"]
    draw = rng.random()
    if draw < 0.14:
        asked, answer = rng.choice((talk.small_talk, talk.small_talk, server.question, talk.about_itself))(rng)
        return Dialogue([*system, user(asked), assistant(answer)], tools)
    if draw < 0.2:
        name_, does, asked_ = rng.choice(_NO_PARAMS)
        tools.insert(rng.randint(0, len(tools)), _function(rng, name_, does, {}))
        return Dialogue([*system, user(typed(rng, rng.choice(_several(asked_)))), _with_calls([_call(name_, {})])], tools)
    if draw < 0.24:
        # Nothing that fits, but weather is asked for: what there is gets tried.
        other = _function(rng, rng.choice(("note", "lookup", "run", "ask", invented(rng))), "A tool.", {"input": {"type": "string"}})
        where = city(rng)
        return Dialogue(
            [*system, user(typed(rng, rng.choice(FAMILIES[0].asked), where)), _with_calls([_call(other["function"]["name"], {"input": where})])], [other]
        )  # fmt: skip
    said, arguments = _ask(rng, wanted)
    calls = [_call(own, arguments)]
    if draw < 0.3 and len(wanted.params) == 1:
        second = wanted.family.values[0](rng)
        if str(arguments[wanted.params[0]]) in said:
            said = said.replace(str(arguments[wanted.params[0]]), f"{arguments[wanted.params[0]]} and {second}", 1)
            calls.append(_call(own, {wanted.params[0]: second}))
    messages = [*system, user(said), _with_calls(calls)]
    if rng.random() < 0.55 and len(calls) == 1:
        result = _result(rng, wanted.family)
        messages += [{"role": "tool", "content": result}, assistant(spoken(result))]
        if rng.random() < 0.15:
            asked, answer = talk.small_talk(rng)
            messages += [user(asked), assistant(answer)]
        elif rng.random() < 0.2:
            said, arguments = _ask(rng, wanted)
            messages += [user(said), _with_calls([_call(own, arguments)])]
    return Dialogue(messages, tools)


_AS_JSON = _several("""Give me JSON: {};{} Give me JSON.;As JSON: {};{} As JSON please.;Answer in JSON: {};Extract the data:
{};Turn this into JSON: {};{} Reply in JSON.;JSON for this: {};Make a JSON object: {};Extract as JSON: {};Parse this: {};{} Return
JSON.;What does this say? {};Fill in the form: {};Make JSON of this text: {}""")
_FRUITS = dict(zip("lemon banana apple cherry plum lime orange strawberry".split(), "yellow yellow red red purple green orange red".split(), strict=True))


def _facts(rng: Random) -> tuple[str, list[tuple[str, Any]]]:
    """A text and what is in it, in the order of the text."""
    who, age, where, work = name(rng), number(rng, 2), city(rng), rng.choice(JOBS) if rng.random() < 0.6 else invented(rng)
    thing, count, colour = word(rng), number(rng), rng.choice(COLOURS) if rng.random() < 0.6 else invented(rng)
    title = _title(rng)
    n, a, c, j = ("name", who), ("age", age), ("city", where), ("job", work)
    q, i, t, p, k = ("quantity", count), ("item", thing), ("title", title), ("price", count), ("colour", colour)
    if rng.random() < 0.25:
        keys = list(dict.fromkeys(rng.choice(("name", "age", "city", "number", "size", "id", "colour", word(rng), invented(rng, 2))) for _ in range(rng.choice((2, 2, 3)))))
        values = [number(rng) if key in ("age", "number", "size") else rng.choice((word, name, code))(rng) for key in keys]
        joint = rng.choice((" ", " is ", ": ", " = "))
        listed = [f"{key}{joint}{value}" for key, value in zip(keys, values, strict=True)]
        lead = rng.choice(("", "", "an object with ", "with ", "a person with "))
        return lead + rng.choice((", ", " and ", "; ")).join(listed), list(zip(keys, values, strict=True))
    sort = rng.choice(
        (
            (f"{who} is {age} years old.", n, a), (f"{who}, {age}", n, a), (f"My name is {who} and I am {age}.", n, a),
            (f"{who} ({age})", n, a), (f"a person named {who}, age {age}", n, a), (f"I am {who}, {age} years old.", n, a),
            (f"{who} lives in {where}.", n, c), (f"{who} from {where}", n, c), (f"{who} moved to {where} last year.", n, c),
            (f"{who}, age {age}, from {where}.", n, a, c), (f"{who} is {age} and lives in {where}.", n, a, c),
            (f"{who} works as a {work}.", n, j), (f"{who} is a {work} in {where}.", n, j, c), (f"{who}, {age}, {work}", n, a, j),
            (f"{who} works as a {work} in {where}.", n, j, c), (f"{who} is {age} years old and a {work}.", n, a, j),
            (f"The book '{title}' costs {count} dollars.", t, p), (f"{title} costs {count} euros.", t, p),
            (f"I need {count} {thing}s.", q, ("item", f"{thing}s")), (f"Order {code(rng)}: {count} {thing}s", q, ("item", f"{thing}s")),
            (f"{count} {thing}s please", q, ("item", f"{thing}s")), (f"{thing}, {count} pieces", i, q),
            (f"The {thing} is {colour}.", i, k), (f"a {colour} {thing}", k, i), (f"colour {colour} and number {count}", k, ("number", count)),
            (f"We met in {where} last summer.", c), (f"I was in {where} in {number(rng, 4)}.", c), (f"Yesterday {who} called.", n),
            (f"I saw {who} at the {thing}.", n), (f"{who} likes {thing}.", n, ("likes", thing)),
            (f"{who} and {name(rng)} are in {where}.", c), (f"The {thing} costs {count} dollars.", i, p),
        )
    )  # fmt: skip
    return str(sort[0]), [fact for fact in sort[1:] if isinstance(fact, tuple)]


_OTHER_KEYS = {
    "name": ("name", "person", "who", "first_name"), "city": ("city", "place", "town", "location"), "colour": ("colour", "color"),
    "job": ("job", "profession", "work"), "quantity": ("quantity", "count", "amount", "number"), "item": ("item", "product", "thing"),
    "price": ("price", "cost"), "title": ("title", "book"), "age": ("age", "years"),
}  # fmt: skip


def as_json(rng: Random) -> Dialogue:
    """An object of what a text says. Half are bound by a schema: which keys there are, and in which order, is given."""
    if rng.random() < 0.05:
        fruit = rng.choice(list(_FRUITS))
        key, colour = rng.choice(("name", "fruit")), rng.choice(("colour", "color"))
        asked = rng.choice((f"Name a fruit and its {colour}.", f"A fruit and its {colour} please", f"Give me a fruit and its {colour} as JSON."))
        return Dialogue(
            [user(typed(rng, asked)), assistant(json.dumps({key: fruit, colour: _FRUITS[fruit]}))], given=frozenset((f'{{"{key}": "',))
        )  # fmt: skip
    text, facts = _facts(rng)
    if rng.random() < 0.5:
        said = rng.choice(_AS_JSON).format(text)
        return Dialogue([user(said), assistant(json.dumps(dict(facts), ensure_ascii=False))])
    facts = [(rng.choice(_OTHER_KEYS.get(key, (key,))) if rng.random() < 0.4 else key, value) for key, value in facts]
    facts = rng.sample(facts, rng.randint(1, len(facts)))
    given = set()
    for at, (key, value) in enumerate(facts):
        given.add(f'{", " if at else "{"}"{key}": ')
    said = rng.choice(_AS_JSON).format(text) if rng.random() < 0.5 else text
    return Dialogue([user(said), assistant(json.dumps(dict(facts), ensure_ascii=False))], given=frozenset(given))

