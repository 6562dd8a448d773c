"""A scripted server with a vice: what servers do wrong in answers to requests that they accept.

The vices that spoil a finished answer stand here, those that are a matter of how it is made in the scripted server.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf, nan
from typing import Any

from app.certify.rules import Rules

from ..certify.scripted_server import MODEL, Answered, Scripted

Json = dict[str, Any]
Spoil = Callable[[Json, Answered], Answered]

# A choice of an answer, or of a chunk, is changed in place; what it gives is no longer wanted.
ChangeChoice = Callable[[Json, Json], None]


def _choices(change: ChangeChoice) -> Spoil:
    """A vice of each choice, whole and in a stream."""

    def spoil(request: Json, answered: Answered) -> Answered:
        for answer in (answered.content, *(answered.events or ())):
            for choice in answer["choices"] if isinstance(answer, dict) else ():
                change(request, choice)
        return answered

    return spoil


def _message(choice: Json) -> Json:
    found: Json = choice["message"] if "message" in choice else choice["delta"]
    return found


def _functions(choice: Json) -> Iterator[Json]:
    for call in _message(choice).get("tool_calls") or ():
        if "function" in call:
            yield call["function"]


def _without(name: str) -> Spoil:
    return _choices(lambda _, choice: choice.pop(name, None))


def _arguments(value: object) -> Spoil:
    def change(_: Json, choice: Json) -> None:
        for function in _functions(choice):
            function["arguments"] = value

    return _choices(change)


def _end_is_null(_: Json, choice: Json) -> None:
    choice["finish_reason"] = None


def _says(text: str) -> Spoil:
    """It answers with a text, whatever was to bind it."""

    def change(request: Json, choice: Json) -> None:
        message = _message(choice)
        if message.get("tool_calls") or request.get("response_format"):
            message.pop("tool_calls", None)
            message["content"] = text
        if choice["finish_reason"] == "tool_calls":
            choice["finish_reason"] = "stop"

    return _choices(change)


def _other_tool(_: Json, choice: Json) -> None:
    for function in _functions(choice):
        function["name"] = "another"


def _infinite(_: Json, choice: Json) -> None:
    for entry in ((choice.get("logprobs") or {}).get("content")) or ():
        entry["logprob"] = -inf


def _no_alternatives(_: Json, choice: Json) -> None:
    for entry in ((choice.get("logprobs") or {}).get("content")) or ():
        entry["top_logprobs"] = []


def _bare(_: Json, choice: Json) -> None:
    """As few fields as some have, and some of their own."""
    message = _message(choice)
    for name in ("refusal", "annotations"):
        message.pop(name, None)
    message["reasoning"] = None
    choice["stop_reason"] = None


def _usage(**wrong: Any) -> Spoil:
    def spoil(request: Json, answered: Answered) -> Answered:
        for answer in (answered.content, *(answered.events or ())):
            if isinstance(answer, dict) and answer.get("usage"):
                answer["usage"].update(wrong)
        return answered

    return spoil


def _one_choice(_: Json, answered: Answered) -> Answered:
    if answered.events is not None:
        kept = [event for event in answered.events if all(each["index"] == 0 for each in event["choices"])]
        return replace(answered, events=tuple(kept))
    if isinstance(answered.content, dict) and "choices" in answered.content:
        answered.content["choices"] = answered.content["choices"][:1]
    return answered


def _cut_off(_: Json, answered: Answered) -> Answered:
    return answered if answered.events is None else replace(answered, events=answered.events[:2], done=False)


def _fails_late(_: Json, answered: Answered) -> Answered:
    failed = {"error": {"message": "it is worn out", "type": "server_error", "code": 500}}
    return answered if answered.events is None else replace(answered, events=(*answered.events[:2], failed))


def _no_object(_: Json, answered: Answered) -> Answered:
    if answered.events is not None:
        return replace(answered, events=(answered.events[0], "garbage", *answered.events[1:]))
    return replace(answered, content="garbage")


def _when(parameter: str, made: Answered) -> Spoil:
    """It fails where a parameter is asked for."""
    return lambda request, answered: made if request.get(parameter) else answered


SPOILT: dict[str, Spoil] = {
    "fields are missing, others added": _choices(_bare),
    "log probabilities are absent": _without("logprobs"),
    "log probabilities are infinite": _choices(_infinite),
    "alternatives are absent": _choices(_no_alternatives),
    "the finish reason is absent": _without("finish_reason"),
    "the finish reason is null": _choices(_end_is_null),
    "one choice for several": _one_choice,
    "usage does not add up": _usage(total_tokens=1),
    "usage is no numbers": _usage(completion_tokens="many"),
    "details of usage are null": _usage(prompt_tokens_details=None, completion_tokens_details=None),
    "arguments break the schema": _arguments('{"zyr": "other", "vex": 0, "more": true}'),
    "arguments have NaN": _arguments('{"zyr": NaN, "vex": NaN}'),
    "arguments are no JSON": _arguments('{"zyr": '),
    "arguments are an object": _arguments({"zyr": "qixotl"}),
    "arguments are absent": _arguments(None),
    "a text, where a call or JSON must come": _says("No."),
    "a call of another tool": _choices(_other_tool),
    "a stream breaks off": _cut_off,
    "a stream fails in the middle": _fails_late,
    "an event is no object": _no_object,
    "500 without a reason": _when("stop", Answered(500, content={})),
    "numbers are NaN": _usage(prompt_tokens=nan),
}

# As the scripted server calls them.
OWN = (
    "logprobs null",
    "ignores max_tokens",
    "leaves stop in",
    "no usage chunk",
    "no role",
    "one finish",
    "no [DONE]",
    "500 with HTML",
    "html errors",
    "wrong envelope",
    "hangs",
)


class Vicious(Scripted):
    """The scripted server, whose answers are spoilt."""

    def __init__(self, rules: Rules, spoil: Spoil) -> None:
        super().__init__(rules)
        self._spoil = spoil

    def answer(self, method: str, path: str, raw: bytes, media_type: str, key: str | None) -> Answered:
        answered = super().answer(method, path, raw, media_type, key)
        if method != "POST" or answered.status != 200:
            return answered
        return self._spoil(json.loads(raw), copy.deepcopy(answered))


def scripted(rules: Rules, vice: str) -> Scripted:
    """A server with the vice of a name; none without a name."""
    if vice in SPOILT:
        return Vicious(rules, SPOILT[vice])
    return Scripted(rules, *filter(None, [vice]))


__all__ = ["MODEL", "OWN", "SPOILT", "Scripted", "scripted"]
