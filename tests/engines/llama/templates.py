"""Chat templates in the manner of known models, as functions from llama.cpp's request to a prompt, or None where the
template refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.engines.llama.frames import Render
from app.jsontypes import Json

Template = Callable[[Json], str | None]


def rendering(template: Template, asked: list[Json] | None = None) -> Render:
    """llama.cpp's way to render with a template; what it was asked is kept."""

    async def render(payload: Json) -> str | None:
        if asked is not None:
            asked.append(payload)
        return template(payload)

    return render


def told(payload: Json, name: str, otherwise: Any = None) -> Any:
    """A variable of a template."""
    return payload.get("chat_template_kwargs", {}).get(name, otherwise)


def asks(payload: Json) -> bool:
    """Whether the prompt ends where an answer begins."""
    return bool(payload.get("add_generation_prompt", True))


def plain(payload: Json) -> str:
    """Roles and texts between marks, and tools where there are some."""
    tools = told(payload, "tools")
    head = f"<|im_start|>system\n{json.dumps(tools)}<|im_end|>\n" if tools else ""
    turns = [f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in payload["messages"]]
    return "".join([head, *turns, "<|im_start|>assistant\n" if asks(payload) else ""])


def _with_thoughts(payload: Json, thoughts: Callable[[str], str], ask: str) -> str:
    """As `plain`, with what is made of the thoughts of each answer before it, and something at the prompt's end."""
    shown = []
    for each in payload["messages"]:
        before = thoughts(each.get("reasoning_content", "")) if each["role"] == "assistant" else ""
        shown.append({**each, "content": f"{before}{each['content']}"})
    return plain({**payload, "messages": shown}) + (ask if asks(payload) else "")


def qwen3(payload: Json) -> str:
    """Shows thoughts, and says that there are none where it is told so."""
    off = told(payload, "enable_thinking", True) is False
    none = "<think>\n\n</think>\n\n"
    return _with_thoughts(payload, lambda text: f"<think>\n{text}\n</think>\n\n", none if off else "")


def qwen3_thinking(payload: Json) -> str:
    """Shows thoughts, and begins them always."""
    return _with_thoughts(payload, lambda text: f"<think>\n{text}\n</think>\n\n", "<think>\n")


def r1(payload: Json) -> str:
    """Leaves the thoughts of the past out, and begins them always."""
    return _with_thoughts(payload, lambda _: "", "<think>\n")


def gpt_oss(payload: Json) -> str:
    """Has channels."""
    turns = []
    for each in payload["messages"]:
        thoughts, begin = each.get("reasoning_content"), f"<|start|>{each['role']}"
        if thoughts:
            turns.append(f"{begin}<|channel|>analysis<|message|>{thoughts}<|end|>")
        channel = "<|channel|>final" if each["role"] == "assistant" else ""
        turns.append(f"{begin}{channel}<|message|>{each['content']}<|end|>")
    return "".join([*turns, "<|start|>assistant" if asks(payload) else ""])


def magistral(payload: Json) -> str:
    """Has no mark before answers."""
    turns = []
    for each in payload["messages"]:
        thoughts = each.get("reasoning_content")
        shown = f"[THINK]{thoughts}[/THINK]" if thoughts else ""
        text = each["content"]
        turns.append(f"[INST]{text}[/INST]" if each["role"] == "user" else f"{shown}{text}</s>")
    return "".join(turns)


def apriel(payload: Json) -> str:
    """Begins thoughts and ends them with words."""
    begin, end = "Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]\n"
    return _with_thoughts(payload, lambda text: f"{begin}{text}{end}" if text else "", begin)


def functionary(payload: Json) -> str:
    """Says whom an answer is for."""
    return _with_thoughts(payload, lambda _: "all\n", "")


def seed_oss(payload: Json) -> str:
    """Leaves the thoughts of the past out, and the model begins them itself."""
    return _with_thoughts(payload, lambda _: "", "")
