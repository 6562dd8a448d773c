"""The input items of a Responses request that have no counterpart in a chat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...jsontypes import Json
from ..operations import RESPONSES
from ..probe import Probe, Step, step
from . import media, messages
from .service import HIDDEN, invisible
from .state import made_up

_CACHE = "a cache does not show in an answer"
_CALL = {"type": "function_call", "call_id": "call_1", "name": "zyr", "arguments": "{}"}
# Nothing listens at this address: a server should refuse it, or not fetch it.
_AWAY = "http://127.0.0.1:9/zyr.txt"


def _user(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def _given(*given: Any) -> list[Any]:
    """An input of these items, unchanged, after which the model should continue."""
    return [*given, _user("Go on.")]


def _input(name: str, given: list[Any], **more: Any) -> Step:
    return step(name, input=given, **more)


def _longer(group: str, check: str, make: Callable[[str], Json], *paths: str, always: bool = False) -> Probe:
    """A probe of the fields that ``make`` creates from a text: whether a longer text is read."""
    return Probe(
        group,
        check,
        (
            step("short", **make(messages.SHORT)),
            step("short again", turn=1, **make(messages.SHORT)),
            step("long", **make(messages.LONG)),
        ),
        messages.reads(always),
        paths,
    )


def _label(path: str, valid: Any, why: str, make: Callable[[Any], Json]) -> Probe:
    """A probe of a property with no visible effect, sent with a valid value and with an invalid one."""
    steps = (step("set", **make(valid)), step("nonsense", role="nonsense", **make(7)))
    return Probe(messages.GROUP, "", steps, invisible(why), (path,))


# -- the output of a tool ----------------------------------------------------------------------------------------


def _output(*parts: Json) -> list[Any]:
    return _given(_user("Go on."), _CALL, {"type": "function_call_output", "call_id": "call_1", "output": [*parts]})


def _shown(part: Json, *paths: str, parts: Iterable[str] = ()) -> Probe:
    """A probe of a part of a tool's output, sent with the part and without it."""
    text = {"type": "input_text", "text": "done"}
    return Probe(
        media.GROUP,
        "output of a tool",
        (
            _input("once", _output(text, part)),
            _input("without", _output(text), role="compare"),
            _input("without again", _output(text), role="compare", turn=1),
        ),
        media.read,
        tuple(f"input[].output[].{path}" for path in paths),
        tuple(f"input[].output[].{path}" for path in parts),
    )


def _marked(**mark: Any) -> Json:
    part = {"type": "input_text", "text": "done", "prompt_cache_breakpoint": mark}
    return {"input": _output(part)}


def _marks(path: str, **mark: Any) -> Probe:
    return Probe(
        media.GROUP,
        "output of a tool",
        (step("set", **_marked(**mark)), step("nonsense", role="nonsense", **_marked(mode=7))),
        invisible(_CACHE),
        tuple(f"input[].output[].prompt_cache_breakpoint{each}" for each in path.split(",")),
    )


PROBES = (
    _longer(messages.GROUP, "text", lambda text: {"input": f"Say {text}"}, "input", always=True),
    _longer(messages.GROUP, "", lambda text: {"instructions": f"Remember {text}."}, "instructions", always=True),
    _longer(
        messages.GROUP,
        "",
        lambda text: {
            "input": _given(_user("Hello"), {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]})
        },
        *("input[].summary", "input[].summary[].type", "input[].summary[].text"),
    ),
    _longer(
        messages.GROUP,
        "parts of text",
        lambda text: {"input": _output({"type": "input_text", "text": text})},
        *("input[].output", "input[].output[].type", "input[].output[].text"),
        always=True,
    ),
    _label("input[].id", "msg_zyr", HIDDEN, lambda value: {"input": [_user(RESPONSES.hello, id=value)]}),
    _label("input[].status", "completed", HIDDEN, lambda value: {"input": [_user(RESPONSES.hello, status=value)]}),
    _label(
        "input[].phase",
        "commentary",
        HIDDEN,
        lambda value: {"input": _given(_user("Hello"), {"role": "assistant", "content": "Hi.", "phase": value})},
    ),
    _label(
        "input[].namespace",
        "zyr",
        HIDDEN,
        lambda value: {
            "input": _given(
                {**_CALL, "namespace": value}, {"type": "function_call_output", "call_id": "call_1", "output": "done"}
            )
        },
    ),
    made_up(
        messages.GROUP,
        "",
        "thoughts in a form",
        {"input": _given(_user("Hello"), {"type": "reasoning", "summary": [], "encrypted_content": "qixotl"})},
        "input[].encrypted_content",
    ),
    made_up(
        messages.GROUP,
        "reference",
        "an item",
        {"input": _given(_user("Hello"), {"type": "item_reference", "id": "msg_qixotl"})},
        "input[].type",
    ),
    made_up(
        media.GROUP,
        "",
        "a file at an address",
        {"input": [_user([{"type": "input_file", "file_url": _AWAY}])]},
        "input[].content[].file_url",
    ),
    made_up(
        media.GROUP,
        "output of a tool",
        "the id of a file",
        {"input": _output({"type": "input_file", "file_id": "file-qixotl"})},
        "input[].output[].file_id",
    ),
    made_up(
        media.GROUP,
        "output of a tool",
        "a file at an address",
        {"input": _output({"type": "input_file", "file_url": _AWAY})},
        "input[].output[].file_url",
    ),
    _shown({"type": "input_image", "image_url": media.address(), "detail": "low"}, "image_url", parts=("detail",)),
    _shown({"type": "input_file", **media.FILE["file"]}, "file_data", parts=("filename",)),
    _marks(",.mode", mode="explicit"),
    _marks(".ttl", mode="explicit", ttl="30m"),
)
