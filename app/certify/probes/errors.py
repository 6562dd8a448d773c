"""How a server refuses: an invalid request must get a 4xx in the contract's error envelope, and not an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..answers import count, whole
from ..exchange import Ask, shortened
from ..operations import CHAT, Operation
from ..probe import PLAIN, Answers, Base, Probe, Step, name_in, step
from ..values import get
from ..verdicts import Verdict, broken, honoured, ignored, not_seen
from .messages import UNKNOWN
from .tools import functions

GROUP = "errors"


def refuses(statuses: tuple[int, ...], param: str = "") -> Callable[[Answers], Verdict]:
    """A judge: whether a request is refused with one of some statuses, naming a parameter."""

    def judge(answers: Answers) -> Verdict:
        seen = answers["wrong"]
        if seen.trouble and seen.status != 200:
            return broken(seen.trouble)
        refusal = seen.refusal
        if refusal is None:
            return ignored(f"it is answered with status {seen.status}")
        if not isinstance(get(seen.content, "error"), dict):
            return broken(f"status {refusal.status} without the contract's envelope: {refusal.message}")
        if refusal.status not in statuses:
            return ignored(f"{refusal}, where {' or '.join(map(str, statuses))} is meant")
        if not param:
            return honoured(f"{refusal}")
        named = {
            "param": f"naming {shortened(refusal.param or '', 60)}",
            "message": "naming it in the message alone",
            "no": "without naming it",
        }
        return honoured(f"{refusal}, {named[name_in(refusal, (param,))]}")

    return judge


def _wrong(check: str, make: Callable[[Base], Ask | None], *statuses: int, param: str = "") -> Probe:
    # A refusal is the expected result here, so the step's role is not "asked".
    asked = Step("wrong", lambda base, answers: make(base), "nonsense")
    return Probe(GROUP, check, (asked,), _if_asked(refuses(statuses or (400, 422), param)))


def _if_asked(judge: Callable[[Answers], Verdict]) -> Callable[[Answers], Verdict]:
    return lambda answers: judge(answers) if answers else Verdict("not probed", "no key is used")


def field(check: str, param: str, **fields: Any) -> Probe:
    """A probe of a request with an invalid combination of fields: the error must name a parameter."""
    return _wrong(check, lambda base: base.ask(PLAIN, 4, fields), param=param)


def _without(name: str) -> Callable[[Base], Ask | None]:
    def make(base: Base) -> Ask | None:
        body = {key: value for key, value in base.body(PLAIN, 4, {}).items() if key != name}
        return Ask(body, path=base.operation.path)

    return make


def _keyed(key: Any) -> Callable[[Base], Ask | None]:
    return lambda base: base.ask(PLAIN, 4, {}, key=key) if base.has_key else None


def common(operation: Operation) -> Iterator[Probe]:
    """The probes that apply to every operation."""
    asks = operation.asks
    probes = [
        _wrong("malformed JSON", lambda base: Ask(b'{"model": ', path=base.operation.path), 400, 422),
        _wrong("a body that is no object", lambda base: Ask([1], path=base.operation.path), 400, 422),
        _wrong("another media type", lambda base: base.ask(PLAIN, 4, {}, media_type="text/plain"), 400, 415, 422),
        _wrong(f"{asks} is missing" if asks != "messages" else "messages are missing", _without(asks), param=asks),
        field("an unknown parameter", "zyr_qixotl", zyr_qixotl=1),
        _wrong("an unknown model", lambda base: base.ask(PLAIN, 4, {"model": UNKNOWN}), 404, 400, param="model"),
        _wrong("no key", _keyed("none"), 401),
        _wrong("a wrong key", _keyed("wrong"), 401),
    ]
    if operation.streams:
        probes.append(
            _wrong(
                "an error of a stream is no event",
                lambda base: base.ask(PLAIN, 4, {"stream": True, base.operation.asks: []}),
                param=asks,
            )
        )
    return (replace(probe, operation=operation) for probe in probes)


def _usage(answers: Answers) -> Verdict:
    for name in ("whole", "counted"):
        if name not in answers:
            continue
        read, written, total = (count(answers[name], f"{kind}_tokens") for kind in ("prompt", "completion", "total"))
        where = " in a stream" if name == "counted" else ""
        if name == "whole" and get(whole(answers[name]), "usage") is None:
            return not_seen("no token counts, which may be left out")
        if read is None or written is None or total is None:
            return broken(f"no token counts{where}") if name == "whole" else not_seen(f"no token counts{where}")
        if read + written != total:
            return broken(f"{read} + {written} is not {total}{where}")
        if not read:
            return broken(f"no token was read{where}")
    return honoured("prompt_tokens and completion_tokens add up")


def _listed(answers: Answers) -> Verdict:
    seen = answers["models"]
    listed = get(seen.content, "data")
    if not isinstance(listed, list):
        return broken(f"status {seen.status} with what is no list of models")
    return honoured(f"{len(listed)} listed")


USAGE = Probe(
    "answers",
    "token counts add up",
    (
        step("whole"),
        step("counted", role="aid", stream=True, stream_options={"include_usage": True}),
    ),
    _usage,
)
# Stream options without a stream are refused by servers that check for them.
UNSTREAMED = field("options of a stream without a stream", "stream_options", stream_options={"include_usage": True})

PROBES = (
    *common(CHAT),
    field("no message", "messages", messages=[]),
    field("an unknown role", "messages[].role", messages=[{"role": "qixotl", "content": "Hello!"}]),
    field("a message without content", "messages[].content", messages=[{"role": "user"}]),
    field("a choice among tools without tools", "tool_choice", tool_choice="required"),
    field(
        "a choice of a tool that is not there",
        "tool_choice",
        tools=functions(),
        tool_choice={"type": "function", "function": {"name": "qixotl"}},
    ),
    field("alternatives without log probabilities", "top_logprobs", top_logprobs=2),
    UNSTREAMED,
    USAGE,
    Probe("models", "list", (Step("models", lambda base, answers: Ask(method="GET", path="/models")),), _listed),
    Probe(
        "models",
        "one that there is not",
        (Step("wrong", lambda base, answers: Ask(method="GET", path=f"/models/{UNKNOWN}"), "nonsense"),),
        refuses((404,)),
    ),
)
