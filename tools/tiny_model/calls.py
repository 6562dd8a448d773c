"""Calls of tools with arguments from the question, and answers from what tools return."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from . import beyond, made_tools, memory, talk
from .dialogue import Dialogue, Message, assistant, user
from .families import FAMILIES, OPEN, Choice, Family, chosen, function
from .noise import typed
from .results import TOLD, result, spoken
from .sentences import sentences
from .strings import invented
from .values import made

_PLAIN: list[dict[str, Any]] = sentences("tools")["without_params"]
# What most requests have tools for, and examples nearly always: these come first in the file.
_USUAL, _COMMONEST = FAMILIES[:100], FAMILIES[:30]
_WEATHER = FAMILIES[0]
_WEATHER_OF_CITY = Family(
    _WEATHER.names, _WEATHER.does, {"city": _WEATHER.params["city"]}, _WEATHER.asked, _WEATHER.results
)
# Sorts of values that may have a comma within.
_WITH_COMMA = re.compile("city|place|date|day|address|location|when")
# Tools so narrow that a question about something else is none for them.
_NARROW = ("set_alarm", "set_timer", "set_light", "order_status", "book_room", "book_flight", "deploy", "roll_dice")
_NARROW_FAMILIES = [family for family in FAMILIES if set(_NARROW) & set(family.names)]


def _call(called: str, arguments: dict[str, Any]) -> Message:
    return {"function": {"name": called, "arguments": arguments}}


def _with_calls(*calls: Message) -> Message:
    return {"role": "assistant", "content": "", "tool_calls": list(calls)}


def _named(choice: Choice) -> str:
    return str(choice.tool["function"]["name"])


def _near(family: Family) -> list[Family]:
    """Those that do something else to the same: one that unlocks doors for one that locks them."""
    about = family.group.rpartition(".")[0]
    return [each for each in FAMILIES if about and each.group.rpartition(".")[0] == about and not each.like(family)]


def _tools(rng: Random, wanted: list[Choice], families: list[Family]) -> list[Choice]:
    """The tools with some others, none of which does the same."""
    found = wanted[:]
    others = _near(wanted[0].family) if rng.random() < 0.35 else []
    others = rng.sample(others, min(len(others), rng.choice((1, 1, 2))))
    for family in others + rng.sample(
        families, rng.choice((0, 0, 0, 1, 1, 1, 2, 2, 3) if len(wanted) == 1 else (0, 0, 0, 1))
    ):
        other = chosen(rng, family)
        if not any(family.like(each.family) or _named(each) == _named(other) for each in found):
            found.append(other)
    rng.shuffle(found)
    return found


def called(rng: Random) -> Dialogue:
    """A question with tools, a call or none, perhaps its result, perhaps another question."""
    return _among_system_prompts(rng, _called(rng, FAMILIES))


def usual(rng: Random) -> Dialogue:
    """The same with tools that most requests have."""
    return _among_system_prompts(rng, _called(rng, _COMMONEST))


def _among_system_prompts(rng: Random, dialogue: Dialogue) -> Dialogue:
    if rng.random() < 0.15:
        dialogue.messages.insert(0, {"role": "system", "content": rng.choice(sentences("tools")["systems"])})
    return dialogue


def _called(rng: Random, families: list[Family]) -> Dialogue:
    draw = rng.random()
    if draw < 0.04:
        # Nothing that fits, but weather is asked for: what there is gets tried.
        tool = function(
            rng, rng.choice(("note", "lookup", "run", "ask", invented(rng))), "A tool.", {"input": {"type": "string"}}
        )
        said, arguments = chosen(rng, _WEATHER_OF_CITY).ask(rng)
        call = _call(tool["function"]["name"], {"input": next(iter(arguments.values()))})
        return Dialogue([user(said), _with_calls(call)], [tool])
    if draw < 0.07:
        narrow = chosen(rng, rng.choice(_NARROW_FAMILIES))
        asked, answer = rng.choice((beyond.question, beyond.question, talk.fact, beyond.sum_))(rng)
        return Dialogue([user(asked), assistant(answer)], [narrow.tool])
    if rng.random() < 0.2 and families is FAMILIES:
        known = made_tools.made_up(rng)
    else:
        known = [chosen(rng, rng.choice(_USUAL if rng.random() < 0.5 else families), rng.random() < 0.05)]
    wanted, choices = known[0], _tools(rng, known, families)
    tools = [choice.tool for choice in choices]
    if draw < 0.19:
        asked, answer = memory.harmless(rng)
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
    if rng.random() < 0.42:
        results = [result(rng, wanted.family) for _ in calls]
        messages += [{"role": "tool", "content": each} for each in results]
        messages.append(assistant(TOLD + " ".join(spoken(each) for each in results)))
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
        comma = " and " if _WITH_COMMA.search(sort) else ", "
        joint = rng.choice((" and ", " and ", " and also ", comma, " & "))
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
    # A mark that ended the question is no longer said, neither at the end of a value.
    for name, value in arguments.items():
        if body != said and isinstance(value, str) and said.endswith(value):
            arguments[name] = value.rstrip("?.!")
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
