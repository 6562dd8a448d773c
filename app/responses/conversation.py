"""Converts the items of an input to the messages of a conversation.

The model's output of one turn is several items (reasoning, messages and calls) but a single chat message: consecutive
items of the model are merged until an item of another author follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import BadRequest, UnsupportedParameter
from ..jsontypes import Json
from .namespaces import joined
from .places import Places


def messages_of(body: Json, places: Places) -> list[Json]:
    """The messages for a request's instructions and input; ``places`` records where each of them comes from.

    Raises:
        BadRequest: a part is not allowed in a message of its role, or a call and its output do not match.
    """
    conversation = _Conversation(places)
    if "instructions" in body:
        conversation.add({"role": "system", "content": body["instructions"]}, "instructions", "instructions")
    given = body["input"]
    if isinstance(given, str):
        conversation.add({"role": "user", "content": given}, "input", "input")
    else:
        for index, item in enumerate(given):
            conversation.read(item, f"input[{index}]")
    conversation.close()
    if not conversation.messages:
        raise BadRequest(
            "Invalid value for 'input': it has no content for the model. Send at least one message.",
            param="input",
            code="invalid_value",
        )
    return conversation.messages


@dataclass(slots=True)
class _Turn:
    """The model's output of one turn; its message is the last one of the conversation."""

    message: Json
    thoughts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def has_spoken(self) -> bool:
        return bool(self.words or self.refusals)

    def end(self) -> None:
        """Write the collected parts into the message."""
        calls = self.message.pop("tool_calls", None)
        words = "".join(self.words)
        # A turn with reasoning alone has empty content; one with calls or a refusal needs no content.
        self.message["content"] = words or (None if calls or self.refusals else "")
        if self.thoughts:
            self.message["reasoning_content"] = "\n\n".join(self.thoughts)
        if self.refusals:
            self.message["refusal"] = "".join(self.refusals)
        if calls:
            self.message["tool_calls"] = calls


class _Conversation:
    def __init__(self, places: Places) -> None:
        self.messages: list[Json] = []
        self._places = places
        self._turn: _Turn | None = None
        # The ids of calls that have no output yet, each with its path in the request.
        self._waiting: dict[str, str] = {}

    def read(self, item: Json, place: str) -> None:
        """Add an item."""
        kind = item.get("type", "message")
        if kind == "reasoning":
            self._think(item, place)
        elif kind in ("function_call", "custom_tool_call"):
            self._call(item, place)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            self._answer(item, place)
        elif item["role"] == "assistant":
            self._say(item, place)
        else:
            self._end_turn()
            self._refuse_waiting()
            self.add({"role": item["role"]}, place)
            self.messages[-1]["content"] = self._parts(item, place)

    def add(self, message: Json, place: str, content: str | None = None) -> None:
        """Add a message and record the path that it comes from, and the path of its content."""
        at = f"messages[{len(self.messages)}]"
        self._places.note(at, place)
        if content is not None:
            self._places.note(f"{at}.content", content)
        self.messages.append(message)

    def close(self) -> None:
        """End the conversation: no more items follow."""
        self._end_turn()
        self._refuse_waiting()

    # -- the model's own turn

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._turn.end()
            self._turn = None

    def _open(self, place: str, *, again: bool) -> _Turn:
        """The turn to continue. ``again``: a turn that already has text is ended first, unless it has open calls."""
        if again and self._turn is not None and self._turn.has_spoken and not self._waiting:
            self._end_turn()
        if self._turn is None:
            self._refuse_waiting()
            self._turn = _Turn({"role": "assistant"})
            self.add(self._turn.message, place)
        return self._turn

    def _think(self, item: Json, place: str) -> None:
        thoughts = "\n\n".join(part["text"] for part in item.get("content") or item["summary"])
        if thoughts:
            self._open(place, again=True).thoughts.append(thoughts)
            self._places.note(f"messages[{len(self.messages) - 1}].reasoning_content", place)

    def _say(self, item: Json, place: str) -> None:
        content = item["content"]
        words, refusals = [], []
        for index, part in enumerate(() if isinstance(content, str) else content):
            if part["type"] == "refusal":
                refusals.append(part["refusal"])
            elif part["type"] in ("output_text", "input_text"):
                words.append(part["text"])
            else:
                raise _misplaced(f"{place}.content[{index}]", "A message of the assistant may have text only.")
        turn = self._open(place, again=True)
        turn.words += [content] if isinstance(content, str) else words
        turn.refusals += refusals
        self._places.note(f"messages[{len(self.messages) - 1}].content", f"{place}.content")

    def _call(self, item: Json, place: str) -> None:
        calls = self._open(place, again=False).message.setdefault("tool_calls", [])
        at = f"messages[{len(self.messages) - 1}].tool_calls[{len(calls)}]"
        self._places.note(at, place)
        self._places.note(f"{at}.id", f"{place}.call_id")
        self._waiting.setdefault(item["call_id"], place)
        name = item["name"]
        if namespace := item.get("namespace"):
            name = joined(namespace, name, f"{place}.name")
        if item["type"] == "function_call":
            self._places.note(f"{at}.function", place)
            function = {"name": name, "arguments": item["arguments"]}
            calls.append({"id": item["call_id"], "type": "function", "function": function})
        else:
            self._places.note(f"{at}.custom", place)
            custom = {"name": name, "input": item["input"]}
            calls.append({"id": item["call_id"], "type": "custom", "custom": custom})

    def _answer(self, item: Json, place: str) -> None:
        self._end_turn()
        if self._waiting.pop(item["call_id"], None) is None:
            raise BadRequest(
                f"Invalid value for '{place}.call_id': an output must follow the call with the same call_id, and "
                "each call has one output.",
                param=f"{place}.call_id",
                code="invalid_value",
            )
        self.add({"role": "tool", "tool_call_id": item["call_id"]}, place, f"{place}.output")
        self._places.note(f"messages[{len(self.messages) - 1}].tool_call_id", f"{place}.call_id")
        output = item["output"]
        self.messages[-1]["content"] = output if isinstance(output, str) else [_text(part) for part in output] or ""

    def _refuse_waiting(self) -> None:
        for place in self._waiting.values():
            raise BadRequest(
                f"The call at '{place}' has no output: it must be followed by an item with its call_id.",
                param=place,
                code="missing_tool_answer",
            )

    # -- the parts of others' messages

    def _parts(self, item: Json, place: str) -> str | list[Json]:
        content = item["content"]
        if isinstance(content, str):
            return content
        at = f"messages[{len(self.messages) - 1}].content"
        self._places.note(at, f"{place}.content")
        return [
            self._part(part, item["role"], f"{at}[{i}]", f"{place}.content[{i}]") for i, part in enumerate(content)
        ] or ""

    def _part(self, part: Json, role: str, at: str, place: str) -> Json:
        kind = part["type"]
        if kind in ("input_text", "output_text"):
            return _text(part)
        if role != "user" or kind == "refusal":
            raise _misplaced(place, "A message of this role may have text only.")
        made: Json
        if kind == "input_image":
            if "image_url" not in part:
                raise BadRequest(
                    f"Missing required parameter: '{place}.image_url'.",
                    param=f"{place}.image_url",
                    code="missing_required_parameter",
                )
            self._places.note(f"{at}.image_url", place)
            self._places.note(f"{at}.image_url.url", f"{place}.image_url")
            image = {"url": part["image_url"], **({"detail": part["detail"]} if "detail" in part else {})}
            made = {"type": "image_url", "image_url": image}
        else:
            if part.get("detail", "auto") != "auto":
                raise UnsupportedParameter(
                    f"Unsupported parameter: '{place}.detail' is not supported for files. Leave it out or send auto.",
                    param=f"{place}.detail",
                )
            self._places.note(f"{at}.file", place)
            made = {"type": "file", "file": {name: part[name] for name in ("filename", "file_data") if name in part}}
        return {**made, **_breakpoint(part)}


def _text(part: Json) -> Json:
    return {"type": "text", "text": part["text"], **_breakpoint(part)}


def _breakpoint(part: Json) -> dict[str, Any]:
    name = "prompt_cache_breakpoint"
    return {name: part[name]} if name in part else {}


def _misplaced(place: str, advice: str) -> BadRequest:
    return BadRequest(f"Invalid value for '{place}.type'. {advice}", param=f"{place}.type", code="invalid_value")
