"""Calls of tools with arguments from the question, and answers from what tools return."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from . import beyond, server, talk
from .dialogue import Dialogue, Message, assistant, user
from .families import FAMILIES, OPEN, Choice, Family, chosen, function
from .noise import typed
from .sentences import sentences
from .strings import NOUNS, invented, number, word
from .values import ascii_only, filled, made

TOLD = "Here is what the tool says: "
_RESULTS: dict[str, list[str]] = sentences("tools")["results"]
_PLAIN: list[dict[str, Any]] = sentences("tools")["without_params"]
_FIRST = FAMILIES[0]
# Tools so narrow that a question about something else is none for them.
_NARROW = ("set_alarm", "set_timer", "set_light", "order_status", "book_room", "book_flight", "deploy", "roll_dice")
_SYSTEM = (
    "You are a helpful assistant.",
    "You are a helpful assistant. Use the tools.",
    "You are a helpful assistant with access to tools.",
    "Use a tool if it helps.",
    "Call the right tool.",
    "You are an agent. Call tools to do what the user wants.",
    "Answer questions with the tools you have.",
    "You help customers of a shop.",
    "You control a house.",
    "Only call a tool when it is needed.",
)


def _call(called: str, arguments: dict[str, Any]) -> Message:
    return {"function": {"name": called, "arguments": arguments}}


def _with_calls(*calls: Message) -> Message:
    return {"role": "assistant", "content": "", "tool_calls": list(calls)}


def _named(choice: Choice) -> str:
    return str(choice.tool["function"]["name"])


def _returned(rng: Random, key: str) -> Any:
    """A value that a tool may return for a key."""
    draw = rng.random()
    if draw < 0.75 and key in _RESULTS:
        return filled(rng, rng.choice(_RESULTS[key]), _RESULTS)
    if draw < 0.82:
        return rng.choice((True, False, None, number(rng), -number(rng, 2)))
    return made(rng, rng.choice(("word", "fullname", "place", "number", "clock", "sku", "decimal", "number", "phrase")))


def _object(rng: Random, family: Family, most: int) -> dict[str, Any]:
    keys = [rng.choice((*family.results, *family.results, "name", "value", word(rng))) for _ in range(most)]
    return {key: _returned(rng, key) for key in keys}


def _result(rng: Random, family: Family) -> str:
    """What a tool may return: an object, also a nested one, a list, a text, a number, an error."""
    draw = rng.random()
    if draw < 0.45:
        return _written(rng, _object(rng, family, rng.choice((1, 1, 2, 2, 3, 3, 4, 5))))
    if draw < 0.56:
        inner = _object(rng, family, rng.choice((1, 2, 2, 3)))
        before = _object(rng, family, rng.choice((0, 0, 1, 1)))
        return _written(rng, {**before, filled(rng, rng.choice(_RESULTS["wrapped"])): inner})
    if draw < 0.64:
        shape = list(_object(rng, family, rng.choice((1, 2, 2))))
        rows = [{key: _returned(rng, key) for key in shape} for _ in range(rng.choice((1, 2, 2, 3)))]
        return _written(rng, rows if rng.random() < 0.5 else {filled(rng, rng.choice(_RESULTS["many"])): rows})
    if draw < 0.71:
        some = [_returned(rng, rng.choice((*family.results, word(rng)))) for _ in range(rng.choice((0, 1, 2, 2, 3, 4)))]
        before = _object(rng, family, rng.choice((0, 1)))
        return _written(
            rng, some if rng.random() < 0.4 else {**before, filled(rng, rng.choice(_RESULTS["tags"])): some}
        )
    if draw < 0.77:
        value = _returned(rng, rng.choice((*family.results, "value", "text")))
        return value if isinstance(value, str) else _written(rng, value)
    if draw < 0.82:
        return rng.choice(_RESULTS["done"])
    if draw < 0.9:
        error = filled(rng, rng.choice(_RESULTS["error"]))
        if rng.random() < 0.4:
            return str(filled(rng, rng.choice(_RESULTS["errors"]), _RESULTS))
        return _written(
            rng,
            rng.choice(
                (
                    {"error": error},
                    {"error": {"code": number(rng, 3), "message": error}},
                    {"success": False, "message": error},
                    {"status": "error", "error": error},
                    {"ok": False, "error": error},
                )
            ),
        )
    return str(filled(rng, rng.choice(_RESULTS["text"]), _RESULTS))


def _written(rng: Random, value: Any) -> str:
    draw = rng.random()
    if draw < 0.1:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, indent=2 if draw < 0.15 else None)


def spoken(result: str) -> str:
    """A tool's result in words: ``{"temp": 3, "sky": {"now": "grey"}}`` as "temp: 3, sky (now: grey)."."""
    if result[0] in "{[":
        result = _flat(json.loads(result)) or "nothing"
    return TOLD + (result if result[-1] in ".!?" else result + ".")


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} ({_flat(each)})" if _inner(each) else f"{key}: {_flat(each)}" for key, each in value.items()
        )
    if isinstance(value, list):
        return ("; " if _inner(value) else " and ").join(_flat(each) for each in value) or "none"
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _inner(value: Any) -> bool:
    """Whether there are keys in it."""
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def made_up(rng: Random) -> Choice:
    """A tool that nobody has: only what the request says of it helps."""
    verb = invented(rng, rng.choice((1, 2))) if rng.random() < 0.6 else rng.choice(sentences("tools")["deeds"])
    thing = word(rng)
    sorts = rng.sample(
        ("word", "name", "sku", "city", "number", "date", "clock", "email"), rng.choice((1, 1, 1, 2, 2, 3))
    )
    keys = "abc"[: len(sorts)]
    params: dict[str, Any] = {}
    for key, sort in zip(keys, sorts, strict=True):
        own = {"date": "date", "clock": "time", "email": "email", "number": "count", "city": "place"}.get(sort, "name")
        names = [thing, invented(rng, 2), "value", "input", "text", "id", rng.choice(NOUNS)] if key == "a" else []
        taken = [name for param in params.values() for name in param["names"]]
        names = names or [name for name in (own, own, invented(rng, 2), rng.choice(NOUNS)) if name not in taken]
        params[key] = {"names": [rng.choice(names or [invented(rng, 3)])], "value": sort}
    called = ascii_only(
        rng.choice((f"{verb}_{thing}", f"{verb}_{thing}", f"{verb}{thing.capitalize()}", f"{verb}.{thing}", verb))
    )
    frames = [
        frame
        for frame in sentences("tools")["made_up"]
        if all((f"{{{key}}}" in frame) == (key in keys) for key in "abc")
    ]
    said = {"verb": verb, "Verb": verb.capitalize(), "thing": thing, "called": called}
    said |= {f"name_{key}": params[key]["names"][0] for key in keys}
    asked = [_put(frame, said) for frame in frames]
    does = [f"{verb.capitalize()} a {thing}.", f"{verb.capitalize()}s the {thing}.", f"To {verb} a {thing}"]
    return chosen(
        rng, Family.of({"names": [called], "does": does, "params": params, "asked": asked, "results": [thing]})
    )


def _put(frame: str, said: dict[str, str]) -> str:
    for hole, text in said.items():
        frame = frame.replace(f"{{{hole}}}", text)
    return frame


def _tools(rng: Random, wanted: Choice) -> list[Choice]:
    """The tool with some others, none of which does the same."""
    found = [wanted]
    for family in rng.sample(FAMILIES, rng.choice((0, 0, 0, 1, 1, 1, 2, 2, 3))):
        other = chosen(rng, family)
        if not any(family.like(each.family) or _named(each) == _named(other) for each in found):
            found.append(other)
    rng.shuffle(found)
    return found


def called(rng: Random) -> Dialogue:
    """A question with tools, a call or none, perhaps its result, perhaps another question."""
    dialogue = _called(rng)
    if rng.random() < 0.15:
        dialogue.messages.insert(0, {"role": "system", "content": rng.choice(_SYSTEM)})
    return dialogue


def _called(rng: Random) -> Dialogue:
    draw = rng.random()
    if draw < 0.04:
        # Nothing that fits, but weather is asked for: what there is gets tried.
        tool = function(
            rng, rng.choice(("note", "lookup", "run", "ask", invented(rng))), "A tool.", {"input": {"type": "string"}}
        )
        said, arguments = chosen(rng, _FIRST_PLAIN).ask(rng)
        call = _call(tool["function"]["name"], {"input": next(iter(arguments.values()))})
        return Dialogue([user(said), _with_calls(call)], [tool])
    if draw < 0.07:
        narrow = chosen(rng, rng.choice(_NARROW_FAMILIES))
        asked, answer = rng.choice((beyond.question, beyond.question, talk.fact, beyond.sum_))(rng)
        return Dialogue([user(asked), assistant(answer)], [narrow.tool])
    wanted = made_up(rng) if rng.random() < 0.16 else chosen(rng, rng.choice(FAMILIES), rng.random() < 0.06)
    choices = _tools(rng, wanted)
    tools = [choice.tool for choice in choices]
    if draw < 0.19:
        asked, answer = rng.choice((talk.small_talk, talk.small_talk, server.question, talk.about_itself))(rng)
        return Dialogue([user(asked), assistant(answer)], tools)
    if draw < 0.25:
        simple = rng.choice(_PLAIN)
        name = rng.choice(simple["names"])
        tools.insert(rng.randint(0, len(tools)), function(rng, name, simple["does"], {}))
        return Dialogue([user(typed(rng, rng.choice(simple["asked"]))), _with_calls(_call(name, {}))], tools)
    said, arguments = wanted.ask(rng, alone=len(choices) == 1)
    calls = [_call(_named(wanted), arguments)]
    if draw < 0.31:
        said, more = _another(rng, wanted, choices, said, arguments)
        calls += more
    messages = [user(said), _with_calls(*calls)]
    if rng.random() < 0.07:
        hello, answer = talk.small_talk(rng)
        messages = [user(hello), assistant(answer), *messages]
    if rng.random() < 0.55:
        results = [_result(rng, wanted.family) for _ in calls]
        messages += [{"role": "tool", "content": result} for result in results]
        told = [spoken(result).removeprefix(TOLD) for result in results]
        messages.append(assistant(TOLD + " ".join(told)))
        messages += _after(rng, wanted, choices)
    return Dialogue(messages, tools)


def _another(
    rng: Random, wanted: Choice, choices: list[Choice], said: str, arguments: dict[str, Any]
) -> tuple[str, list[Message]]:
    """The question with something more in it that is to be called at the same time, where that can be."""
    (key, called), *others = wanted.called.items()
    sort = wanted.family.params[key].value
    second = made(rng, sort) if sort and sort not in OPEN | {"query", "expression", "word"} else None
    first = arguments.get(called)
    if not others and type(second) is type(first) and str(first) in said and isinstance(first, (str, int)):
        joint = rng.choice((" and ", " and ", " and also ", ", ", " & "))
        again = {called: second.rstrip(".!") if isinstance(second, str) else second}
        return said.replace(str(first), f"{first}{joint}{again[called]}", 1), [_call(_named(wanted), again)]
    unlike = [choice for choice in choices if choice is not wanted]
    if not unlike:
        return said, []
    other = rng.choice(unlike)
    more, values = other.ask(rng)
    joint = rng.choice((". ", " and ", ", and ", ". Then ", " and then ", ". Also: ", "; "))
    if "." not in joint and more.split()[0] not in " ".join(map(str, values.values())):
        more = more[0].lower() + more[1:]
    body = said.rstrip("?.!") if said[-1] != "?" or joint[0] != "." else said
    joint = joint[1:] if body[-1] == "?" else joint
    return body + joint + more, [_call(_named(other), values)]


def _after(rng: Random, wanted: Choice, choices: list[Choice]) -> list[Message]:
    """What may follow an answer: thanks, the same asked in a few words, something else."""
    draw = rng.random()
    if draw < 0.12:
        asked, answer = talk.small_talk(rng)
        return [user(asked), assistant(answer)]
    if draw < 0.28 and len(wanted.called) == 1 and not wanted.choices[next(iter(wanted.called))]:
        (key,) = wanted.called
        frame = rng.choice(sentences("tools")["again"]).replace("{}", f"{{{key}}}")
        said, arguments = wanted.said(rng, frame, {})
        return [user(said), _with_calls(_call(_named(wanted), arguments))]
    if draw < 0.45:
        choice = rng.choice(choices)
        said, arguments = choice.ask(rng)
        return [user(said), _with_calls(_call(_named(choice), arguments))]
    return []


_FIRST_PLAIN = Family(_FIRST.names, _FIRST.does, {"city": _FIRST.params["city"]}, _FIRST.asked, _FIRST.results)
_NARROW_FAMILIES = [family for family in FAMILIES if set(_NARROW) & set(family.names)]
