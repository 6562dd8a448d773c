"""Calls of tools with arguments from the question, and answers from what tools return."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from . import server, talk
from .dialogue import Dialogue, Message, assistant, user
from .families import FAMILIES, Choice, Family, Make, chosen, function, made_up
from .noise import typed
from .sentences import sentences
from .strings import city, clock, code, invented, name, number, sentence, word

TOLD = "Here is what the tool says: "


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
    makers: list[Make] = [
        word,
        name,
        city,
        number,
        clock,
        code,
        lambda rng: rng.choice((-1, 1)) * number(rng, 2),
        lambda rng: number(rng, 2) + number(rng, 1) / 10,
    ]
    draw = rng.random()
    if draw < 0.6:
        keys = list(
            dict.fromkeys(
                rng.choice((*family.results, *family.results, "name", "value", word(rng)))
                for _ in range(rng.choice((1, 1, 2, 2, 3)))
            )
        )
        return json.dumps({key: rng.choice(makers)(rng) for key in keys}, ensure_ascii=False)
    if draw < 0.72:
        return str(rng.choice(makers)(rng))
    if draw < 0.8:
        return rng.choice(
            ("ok", "done", "OK", "sent", "error", "true", "No results found.", "not found", "success", "none")
        )
    return rng.choice(
        (sentence(rng), f"{number(rng, 2)} degrees and {rng.choice(('sunny', 'cloudy', 'rainy', 'windy', word(rng)))}")
    )


def spoken(result: str) -> str:
    """A tool's result in words: ``{"temp": 3, "sky": "grey"}`` as "temp: 3, sky: grey."."""
    if result.startswith("{"):
        result = ", ".join(f"{key}: {value}" for key, value in json.loads(result).items())
    return TOLD + (result if result[-1] in ".!" else result + ".")


def called(rng: Random) -> Dialogue:
    """A question with tools, a call or none, perhaps its result, perhaps another question."""
    draw = rng.random()
    wanted = made_up(rng) if draw < 0.18 else chosen(rng, rng.choice(FAMILIES))
    others = [
        chosen(rng, family)
        for family in rng.sample(FAMILIES, rng.choice((0, 0, 1, 1, 2)))
        if family.names != wanted.family.names
    ]
    choices = [wanted, *others]
    rng.shuffle(choices)
    tools = [choice.tool for choice in choices]
    system: list[Message] = (
        [{"role": "system", "content": "You are a helpful assistant."}] if rng.random() < 0.15 else []
    )
    own = wanted.tool["function"]["name"]
    draw = rng.random()
    if draw < 0.14:
        asked, answer = rng.choice((talk.small_talk, talk.small_talk, server.question, talk.about_itself))(rng)
        return Dialogue([*system, user(asked), assistant(answer)], tools)
    if draw < 0.2:
        plain = rng.choice(sentences("tools")["without_params"])
        tools.insert(rng.randint(0, len(tools)), function(rng, plain["name"], plain["does"], {}))
        said = typed(rng, rng.choice(plain["asked"]))
        return Dialogue([*system, user(said), _with_calls([_call(plain["name"], {})])], tools)
    if draw < 0.24:
        # Nothing that fits, but weather is asked for: what there is gets tried.
        other = function(
            rng, rng.choice(("note", "lookup", "run", "ask", invented(rng))), "A tool.", {"input": {"type": "string"}}
        )
        where = city(rng)
        return Dialogue(
            [
                *system,
                user(typed(rng, rng.choice(FAMILIES[0].asked), where)),
                _with_calls([_call(other["function"]["name"], {"input": where})]),
            ],
            [other],
        )
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
