"""Dialogues, and the text that llama.cpp makes of one: ChatML, with tools and calls as many small models have them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]

END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL = (END_OF_TEXT, START, END)
# In the order of their ids, which are the last ones of the vocabulary.
SPECIAL = (
    *CONTROL,
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tools>",
    "</tools>",
    "<tool_response>",
    "</tool_response>",
)

# How many tokens there are, the ids of the special ones, and of those that end a text.
VOCABULARY = 3072
IDS = {token: VOCABULARY - len(SPECIAL) + at for at, token in enumerate(SPECIAL)}
ENDS = (IDS[END_OF_TEXT], IDS[END])

# The template in the model's file. `text_of` says the same in Python; a test compares the two.
TEMPLATE = r"""
{%- set first = messages[0].content if messages[0].role == 'system' else '' %}
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if first %}{{- first + '\n' }}{%- endif %}
    {{- '<tools>\n' }}
    {%- for tool in tools %}
        {%- set parameters = tool.function.parameters or {} %}
        {{- tool.function.name + '(' }}
        {%- for name, schema in (parameters.properties or {}).items() %}
            {{- (', ' if not loop.first else '') + name + ('' if name in (parameters.required or []) else '?') + ': ' }}
            {%- if schema is not mapping %}{{- schema | tojson }}
            {%- else %}
                {%- if schema.enum %}{{- schema.enum | tojson }}
                {%- elif schema.type is not string or 'items' in schema or 'properties' in schema %}
                    {{- schema | tojson }}
                {%- else %}{{- schema.type }}
                {%- endif %}
                {%- if schema.description %}{{- ' (' + schema.description + ')' }}{%- endif %}
            {%- endif %}
        {%- endfor %}
        {{- ')' }}
        {%- if tool.function.description %}{{- ' ' + tool.function.description }}{%- endif %}
        {{- '\n' }}
    {%- endfor %}
    {{- '</tools><|im_end|>\n' }}
{%- elif first %}
    {{- '<|im_start|>system\n' + first + '<|im_end|>\n' }}
{%- endif %}
{%- for m in messages %}
    {%- if m.role == 'system' and loop.first %}
    {%- elif m.role == 'assistant' and m.tool_calls %}
        {{- '<|im_start|>assistant' }}
        {%- if m.content %}{{- '\n' + m.content }}{%- endif %}
        {%- for call in m.tool_calls %}
            {{- '\n<tool_call>\n{"name": "' }}{{- call.function.name }}{{- '", "arguments": ' }}
            {{- call.function.arguments | tojson }}{{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif m.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}
    {%- else %}{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
""".strip()


@dataclass(slots=True)
class Dialogue:
    """``messages`` as in the API, but that ``arguments`` of calls are objects. Of an assistant's text the parts in
    ``given`` are not learned: what a grammar binds when the model is used, and what another assistant said. One that
    is ``alone`` gets no turns before it."""

    messages: list[Message]
    tools: list[Message] = field(default_factory=list)
    given: frozenset[str] = frozenset()
    alone: bool = False


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    return {"role": "assistant", "content": text}


def exchange(asked: str, answer: str) -> Dialogue:
    return Dialogue([user(asked), assistant(answer)])


def pieces(dialogue: Dialogue) -> list[tuple[str, bool]]:
    """The text in order, and of each piece whether the model is to learn to say it."""
    messages, found = list(dialogue.messages), []
    system = messages.pop(0)["content"] if messages[0]["role"] == "system" else ""
    if dialogue.tools:
        shown = "".join(_shown(tool["function"]) + "\n" for tool in dialogue.tools)
        opening = system + "\n" if system else ""
        found.append((f"{START}system\n{opening}<tools>\n{shown}</tools>{END}\n", False))
    elif system:
        found.append((f"{START}system\n{system}{END}\n", False))
    for message in messages:
        if message["role"] == "assistant":
            found += [(f"{START}assistant\n", False), *_learned(message, dialogue.given), (END, True), ("\n", False)]
        elif message["role"] == "tool":
            found.append((f"{START}user\n<tool_response>\n{message['content']}\n</tool_response>{END}\n", False))
        else:
            found.append((f"{START}{message['role']}\n{message['content']}{END}\n", False))
    return found


def text_of(dialogue: Dialogue) -> str:
    return "".join(text for text, _ in pieces(dialogue))


def _shown(function: Message) -> str:
    """A tool in a line: get_weather(city: string, unit?: ["C", "F"] (The unit)) Get the weather of a city."""
    parameters = function.get("parameters") or {}
    required = parameters.get("required") or ()
    shown = []
    for name, schema in (parameters.get("properties") or {}).items():
        plain = isinstance(schema.get("type"), str) and "items" not in schema and "properties" not in schema
        kind = _json(schema["enum"]) if schema.get("enum") else schema["type"] if plain else _json(schema)
        more = f" ({schema['description']})" if schema.get("description") else ""
        shown.append(f"{name}{'' if name in required else '?'}: {kind}{more}")
    does = f" {function['description']}" if function.get("description") else ""
    return f"{function['name']}({', '.join(shown)}){does}"


def _learned(message: Message, given: frozenset[str]) -> list[tuple[str, bool]]:
    calls = [
        f'<tool_call>\n{{"name": "{call["function"]["name"]}", "arguments": {_json(call["function"]["arguments"])}}}'
        "\n</tool_call>"
        for call in message.get("tool_calls", ())
    ]
    text = "\n".join([*([message["content"]] if message["content"] else []), *calls])
    if not given:
        return [(text, True)]
    # A part that is given lies between two that are learned: {"name": "(Ada)", "age": (30)}
    found, rest = [], text
    while rest:
        part = max((part for part in given if rest.startswith(part)), key=len, default="")
        if part:
            found.append((part, False))
            rest = rest[len(part) :]
        else:
            end = min((at for part in given if (at := rest.find(part)) > 0), default=len(rest))
            found.append((rest[:end], True))
            rest = rest[end:]
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
