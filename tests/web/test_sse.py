from __future__ import annotations

import json
from typing import Any

import pytest

from app.web import sse

VALUES: list[Any] = [
    {"a": [1, 2.5, None, True, 'ü\n\u2028"\\'], "b": {}, "c": 10**30, "d": -0.0, "e": 1e22},
    [],
    "text",
    None,
    {1: "keys that are no texts", None: 2},
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_json_is_what_the_standard_library_writes(value: Any) -> None:
    written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert sse.to_json(value) == written.encode()
    assert sse.event(value) == b"data: " + written.encode() + b"\n\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}, "\ud800"], ids=repr)
def test_what_is_not_json_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are Python's
        sse.to_json(value)


def test_what_json_has_no_form_for_is_an_error() -> None:
    with pytest.raises(TypeError):
        sse.to_json({"a": object()})
