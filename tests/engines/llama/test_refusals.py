"""What cannot be answered is refused by its parameter, before anything is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.engines.constraints import trials
from app.engines.llama.plan import LlamaPlan
from app.errors import ApiError, BadRequest, ContextLengthExceeded
from app.jsontypes import Json

from .requests import HELLO, PLAIN, custom, form, function
from .scripted_process import CONTEXT_LENGTH, ScriptedProcess

Planned = Callable[..., LlamaPlan]

_NOTHING: Json = {"type": "integer", "minimum": 2, "maximum": 1, "description": "impossible"}
IMPOSSIBLE: Json = {"type": "object", "properties": {"a": _NOTHING}, "required": ["a"]}
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
    process = ScriptedProcess(marks=marks)
    with pytest.raises(BadRequest) as caught:
        planned(process, **request_)
    assert caught.value.param == param
    assert "impossible" not in caught.value.message
    assert process.asked == []


def test_a_strict_tool_that_cannot_be_obeyed_is_refused_where_its_calls_are_bound(planned: Planned) -> None:
    process = ScriptedProcess()
    with pytest.raises(BadRequest) as caught:
        planned(process, tools=[PLAIN, function("f", IMPOSSIBLE, strict=True)])
    assert caught.value.param == "tools[1].function.parameters"


def test_a_conversation_that_cannot_fit_has_its_own_code(planned: Planned) -> None:
    with pytest.raises(ContextLengthExceeded):
        planned(ScriptedProcess(), messages=HELLO * (CONTEXT_LENGTH + 1))


LONG = "a" * (CONTEXT_LENGTH * 512)
CALL: Json = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM: Json = {"id": "c", "type": "custom", "custom": {"name": "f", "input": LONG}}


@pytest.mark.parametrize(
    "request_",
    [
        {"messages": [{"role": "user", "content": "a", "name": LONG}]},
        {"messages": [{"role": "assistant", "content": "a", "reasoning_content": LONG}]},
        {"messages": [{"role": "assistant", "refusal": LONG}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": LONG}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": LONG}]}]},
        {"messages": [{"role": "tool", "content": "a", "tool_call_id": LONG}]},
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "id": LONG}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "function": {"name": LONG, "arguments": ""}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": LONG}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [CUSTOM]}]},
        {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": LONG}}]},
        {"tools": [function("f", description=LONG)]},
        {
            "tools": [function("f"), custom("g", "a" * 19_000)],
            "messages": [{"role": "user", "content": LONG[:-19_000]}],
        },
        {"functions": [function("f", description=LONG)["function"]]},
    ],
    ids=range(14),
)
def test_all_that_the_template_renders_counts_toward_the_context(planned: Planned, request_: Json) -> None:
    process = ScriptedProcess()
    with pytest.raises(ContextLengthExceeded) as caught:
        planned(process, **request_)
    assert caught.value.param == "messages"
    assert len(caught.value.message) < 200
    assert not process.calls


def test_a_picture_does_not_count_as_text(planned: Planned) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + LONG}}
    with pytest.raises(BadRequest) as caught:
        planned(ScriptedProcess(), messages=[{"role": "user", "content": [picture]}])
    assert caught.value.param == "messages[0].content[0].image_url.url"


def test_parts_that_are_understood_alone_may_be_too_much_together(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def can_be_obeyed(grammar: str) -> bool:
        tried.append(grammar)
        return "get_time" not in grammar or "weather" not in grammar

    monkeypatch.setattr(trials, "can_be_obeyed", can_be_obeyed)
    process = ScriptedProcess()
    with pytest.raises(ApiError) as caught:
        planned(process, tools=[PLAIN, function("get_time")], tool_choice="required")
    assert caught.value.param == "tool_choice"
    assert len(tried) == 3
