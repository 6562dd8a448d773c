"""What cannot be answered is refused by its parameter, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.engines.llama.plan import LlamaPlan
from app.errors import ApiError, BadRequest, ContextLengthExceeded
from app.jsontypes import Json

from .requests import HELLO, PLAIN, custom, form, function
from .scripted_process import CONTEXT_LENGTH, ScriptedProcess

Planned = Callable[..., LlamaPlan]

IMPOSSIBLE: Json = {"type": "object", "properties": {"a": {"const": "impossible"}}, "required": ["a"]}
TEXT = {"type": "text", "text": "a"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "x"}}
BAD: list[tuple[Json, str]] = [
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [PLAIN], "tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice.function.name"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"tools": [PLAIN, PLAIN]}, "tools[1].function.name"),
    ({"functions": [PLAIN["function"]] * 2}, "functions[1].name"),
    ({"tools": [PLAIN, function("f", {"not": {}})]}, "tools[1].function.parameters.not"),
    ({"tools": [function("f", {"type": "array"})]}, "tools[0].function.parameters.type"),
    ({"functions": [{"name": "f", "parameters": {"not": 1}}]}, "functions[0].parameters.not"),
    ({"tools": [custom("c", "((")]}, "tools[0].custom.format.grammar.definition"),
    ({"tools": [custom(f"c{index}") for index in range(17)]}, "tools"),
    ({"tools": [function("f", IMPOSSIBLE)], "tool_choice": "required"}, "tools[0].function.parameters"),
    ({"tools": [custom("c", "impossible")]}, "tools[0].custom.format.grammar.definition"),
    ({"response_format": form({"not": {}})}, "response_format.json_schema.schema.not"),
    ({"response_format": form(IMPOSSIBLE)}, "response_format.json_schema.schema"),
    ({"response_format": form(IMPOSSIBLE), "tools": [PLAIN]}, "response_format.json_schema.schema"),
    ({"response_format": form({"description": "a" * 1_000_001})}, "response_format.json_schema.schema"),
    ({"logit_bias": {"100": 1}}, "logit_bias"),
    ({"logit_bias": {"cat": 1}}, "logit_bias"),
    ({"messages": HELLO * (CONTEXT_LENGTH + 1)}, "messages"),
    ({"messages": [{"role": "user", "content": "a" * (CONTEXT_LENGTH * 512 + 1)}]}, "messages"),
    ({"messages": [{"role": "user", "content": [TEXT, PICTURE]}]}, "messages[0].content[1].image_url.url"),
    ({"messages": [{"role": "user", "content": [SOUND]}]}, "messages[0].content[0].input_audio.data"),
    ({"messages": [*HELLO, {"role": "user", "content": [TEXT, FILE]}]}, "messages[1].content[1].type"),
]


@pytest.mark.parametrize("marks", [True, False], ids=["marked", "bare"])
@pytest.mark.parametrize(("request_", "param"), BAD, ids=[f"{param}-{index}" for index, (_, param) in enumerate(BAD)])
def test_what_cannot_be_answered_is_refused_before_anything_is_asked(
    planned: Planned, request_: Json, param: str, marks: bool
) -> None:
    process = ScriptedProcess(marks=marks, understands=lambda grammar: "impossible" not in grammar)
    with pytest.raises(BadRequest) as caught:
        planned(process, **request_)
    assert caught.value.param == param
    assert "impossible" not in caught.value.message
    assert process.asked == []


def test_a_strict_tool_that_cannot_be_obeyed_is_refused_where_its_calls_are_bound(planned: Planned) -> None:
    process = ScriptedProcess(understands=lambda grammar: "impossible" not in grammar)
    with pytest.raises(BadRequest) as caught:
        planned(process, tools=[PLAIN, function("f", IMPOSSIBLE, strict=True)])
    assert caught.value.param == "tools[1].function.parameters"


def test_a_conversation_that_cannot_fit_has_its_own_code(planned: Planned) -> None:
    with pytest.raises(ContextLengthExceeded):
        planned(ScriptedProcess(), messages=HELLO * (CONTEXT_LENGTH + 1))


def test_parts_that_are_understood_alone_may_be_too_much_together(planned: Planned) -> None:
    process = ScriptedProcess(understands=lambda grammar: "get_time" not in grammar or "weather" not in grammar)
    with pytest.raises(ApiError) as caught:
        planned(process, tools=[PLAIN, function("get_time")], tool_choice="required")
    assert caught.value.param == "tool_choice"
    assert process.calls["complete_text"] == 3
