"""What llama.cpp makes of a request's messages and tools by the bundled model's template."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import pytest

from app.engines.llama.engine import LlamaEngine
from tools.tiny_model import calls
from tools.tiny_model.dialogue import START, Dialogue, text_of, user

pytestmark = pytest.mark.live


def _function(name: str, **more: Any) -> Dialogue:
    return Dialogue([user("Hello!")], [{"type": "function", "function": {"name": name, **more}}])


def _asked(dialogue: Dialogue) -> dict[str, Any]:
    """The dialogue as a request: the arguments of calls are texts there, and calls have ids."""

    def call(at: int, function: dict[str, Any]) -> dict[str, Any]:
        arguments = json.dumps(function["arguments"], ensure_ascii=False)
        return {"type": "function", "id": f"call_{at}", "function": {**function, "arguments": arguments}}

    messages = []
    for message in dialogue.messages:
        made = [call(at, each["function"]) for at, each in enumerate(message.get("tool_calls", ()))]
        messages.append({**message, "tool_calls": made} if made else message)
    return {"messages": messages, "tools": dialogue.tools}


def _rendered(engine: LlamaEngine, dialogues: list[Dialogue]) -> list[str | None]:
    async def render() -> list[str | None]:
        await engine.start()
        try:
            return [await engine._process.render(_asked(dialogue)) for dialogue in dialogues]
        finally:
            await engine.close()

    return asyncio.run(render())


def test_llama_cpp_makes_the_texts_that_the_model_has_learned(engine: LlamaEngine) -> None:
    rng = Random(3)
    found = [calls.called(rng) for _ in range(120)]
    before = [Dialogue(each.messages[:-1], each.tools) for each in found if each.messages[-1]["content"]]
    assert any(message.get("tool_calls") for each in before for message in each.messages)
    assert _rendered(engine, before) == [f"{text_of(each)}{START}assistant\n" for each in before]


@pytest.mark.parametrize(
    ("dialogue", "line"),
    [
        (_function("f"), "f()"),
        (_function("f", description="Does it.", parameters={}), "f() Does it."),
        (
            _function("f", parameters={"properties": {"items": {}, "u": {"type": ["string", "null"]}}}),
            'f(items?: {}, u?: {"type": ["string", "null"]})',
        ),
        (
            _function("f", parameters={"properties": {"a": {"type": "array", "items": {"type": "integer"}}}}),
            'f(a?: {"type": "array", "items": {"type": "integer"}})',
        ),
        (
            _function(
                "f",
                strict=True,
                parameters={
                    "type": "object",
                    "required": ["e"],
                    "properties": {"e": {"enum": [1, "a"]}, "o": {"type": "string", "description": "The o."}},
                },
            ),
            'f(e: [1, "a"], o?: string (The o.))',
        ),
    ],
)
def test_a_tool_of_any_schema_is_shown_in_a_line(engine: LlamaEngine, dialogue: Dialogue, line: str) -> None:
    (text,) = _rendered(engine, [dialogue])
    assert text is not None
    assert f"<tools>\n{line}\n</tools>" in text
