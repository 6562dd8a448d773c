"""Records the chunks of a stream, and stores the completion that they add up to before the stream ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Any

import orjson

from ..errors import ContractViolation, StoreUnavailable
from ..jsontypes import Json
from ..keeping import Keeping, Kept
from .call import Call

log = logging.getLogger("parley")

# Members of a request's message that are stored with it, besides its role and content.
_STORED = ("refusal", "reasoning_content", "name", "tool_calls", "tool_call_id", "function_call", "audio")
# Members of chunks that a completion has too.
_SHARED = ("id", "created", "model", "service_tier", "system_fingerprint")
# Members of a message that make no sense if they are cut off.
_ALL_OR_NOTHING = ("tool_calls", "function_call", "audio")


async def recorded(chunks: AsyncGenerator[Json, None], call: Call, keeping: Keeping) -> AsyncGenerator[Json, None]:
    """Yield the chunks of a call that is to be stored. It ends, or fails, when its completion is committed; if it is
    closed before its end, what there is of it is stored as soon as possible.

    Raises:
        ApiError: as the stream itself, and `StoreUnavailable` if the completion cannot be stored.
    """
    transcript = Transcript()
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
                # Only now has the chunk been found to fit the contract.
                transcript.add(chunk)
    except (GeneratorExit, asyncio.CancelledError):
        # A chunk that does not fit the contract closes the stream too; then the error is logged already.
        cut = transcript.cut(call, keeping, "failed" if call.log.get("error") else "disconnected")
        if cut is not None:
            keeping.completions.put(cut)
        raise
    except Exception:
        await _keep_failed(transcript, call, keeping)
        raise
    whole = transcript.kept(call, keeping)
    if whole is None:
        raise ContractViolation("The completion did not fit the contract of this API; it was not stored.")
    await keeping.completions.keep(whole)


async def _keep_failed(transcript: Transcript, call: Call, keeping: Keeping) -> None:
    cut = transcript.cut(call, keeping, "failed")
    if cut is not None:
        try:
            await keeping.completions.keep(cut)
        except StoreUnavailable:
            log.warning("a completion that had failed could not be stored")


def kept_whole(call: Call, answer: Json, body: bytes) -> Kept:
    """Return what is stored of a whole answer. ``body`` is what the client gets."""
    metadata = answer.get("metadata") or {}
    if metadata:
        # It can be changed later, so it is stored apart. It stands at the end: see `app.chat.completion`.
        end = b',"metadata":' + orjson.dumps(metadata) + b"}"
        if body.endswith(end):
            body = body[: -len(end)] + b"}"
        else:
            parsed = orjson.loads(body)
            parsed.pop("metadata", None)
            body = orjson.dumps(parsed)
    return _kept(call, answer, [body])


def _kept(call: Call, completion: Json, body: Sequence[bytes]) -> Kept:
    return Kept(
        completion["id"],
        call.account.project,
        completion["model"],
        completion["created"],
        body,
        stored_messages(completion["id"], call.body["messages"]),
        call.request.get("metadata") or {},
    )


def stored_messages(completion_id: str, messages: list[Json]) -> list[Json]:
    """Return the messages of a request in the form of stored ones."""
    stored = []
    for number, message in enumerate(messages):
        content = message.get("content")
        parts = isinstance(content, list)
        made = {
            "id": f"{completion_id}-{number}",
            "role": message["role"],
            "content": None if parts else content,
            "content_parts": content if parts else None,
            "refusal": None,
        }
        made.update((name, message[name]) for name in _STORED if message.get(name) is not None)
        stored.append(made)
    return stored


class Transcript:
    """What the chunks of a stream add up to.

    Texts are collected in pieces and log probabilities as JSON, so that a chunk costs the same at the end of a long
    answer as at its beginning.
    """

    def __init__(self) -> None:
        self._head: Json = {}
        self._moderation: object = None
        self._choices: dict[int, _Choice] = {}

    def add(self, chunk: Json) -> None:
        """Add the next chunk."""
        self._head.update((name, chunk[name]) for name in _SHARED if name in chunk)
        self._moderation = chunk.get("moderation", self._moderation)
        for choice in chunk["choices"]:
            found = self._choices.get(choice["index"])
            if found is None:
                found = self._choices[choice["index"]] = _Choice()
            found.add(choice)

    def kept(self, call: Call, keeping: Keeping) -> Kept | None:
        """Return what is stored of a stream that has come to its end; None: it does not fit the contract."""
        completion = self._completion()
        if call.usage is not None:
            completion["usage"] = call.usage
        return self._fitting(completion, call, keeping)

    def cut(self, call: Call, keeping: Keeping, why: str) -> Kept | None:
        """Return what is stored of a stream that has not come to its end; None: nothing can be."""
        if not self._choices:
            return None
        completion = self._completion() | {"x_parley": {"incomplete": why}}
        if not keeping.accepts(completion):
            for choice in completion["choices"]:
                for name in _ALL_OR_NOTHING:
                    choice["message"].pop(name, None)
        return self._fitting(completion, call, keeping)

    def _fitting(self, completion: Json, call: Call, keeping: Keeping) -> Kept | None:
        # Log probabilities have been checked with their chunks.
        if not keeping.accepts(completion):
            log.error("a stream added up to a completion that breaks the contract; it was not stored")
            return None
        return _kept(call, completion, [*self._written(completion)])

    def _written(self, completion: Json) -> Iterator[bytes]:
        """Yield the JSON of a completion in pieces, which are not joined here: that may take long."""
        yield orjson.dumps({name: value for name, value in completion.items() if name != "choices"})[:-1]
        before = b',"choices":['
        for choice in completion["choices"]:
            yield before + orjson.dumps({name: value for name, value in choice.items() if name != "logprobs"})[:-1]
            yield from self._choices[choice["index"]].logprobs()
            before = b"},"
        yield b"}]}"

    def _completion(self) -> Json:
        completion = {**self._head, "object": "chat.completion"}
        if self._moderation is not None:
            completion["moderation"] = self._moderation
        completion["choices"] = [
            {
                "index": index,
                "message": choice.message(),
                "logprobs": None,
                "finish_reason": choice.finish_reason,
            }
            for index, choice in sorted(self._choices.items())
        ]
        return completion


class _Choice:
    """What the chunks add up to for one choice."""

    __slots__ = ("_has_logprobs", "_logprobs", "_message", "finish_reason")

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._message: Json = {}
        self._has_logprobs = False
        self._logprobs: dict[str, list[bytes]] = {}

    def add(self, choice: Json) -> None:
        _add(self._message, choice["delta"])
        self.finish_reason = choice["finish_reason"] or self.finish_reason
        logprobs = choice.get("logprobs")
        if logprobs:
            self._has_logprobs = True
            for name, tokens in logprobs.items():
                if tokens is not None:
                    found = self._logprobs.setdefault(name, [])
                    if tokens:
                        found.append(orjson.dumps(tokens)[1:-1])

    def message(self) -> Json:
        message = {**_joined(self._message), "role": "assistant"}
        calls = message.pop("tool_calls", None)
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
            for call in message["tool_calls"]:
                # As far as it came.
                for kind, text in (("function", "arguments"), ("custom", "input")):
                    if kind in call:
                        call[kind].setdefault(text, "")
        if not message.get("content"):
            message["content"] = None if calls or "function_call" in message else ""
        return {"role": "assistant", "content": None, "refusal": None, "annotations": [], **message}

    def logprobs(self) -> Iterator[bytes]:
        """Yield the member with the log probabilities, as JSON in pieces."""
        if not self._has_logprobs:
            yield b',"logprobs":null'
            return
        before = b',"logprobs":{'
        for name in ("content", "refusal"):
            tokens = self._logprobs.get(name)
            yield before + b'"' + name.encode() + (b'":null' if tokens is None else b'":[')
            if tokens is not None:
                yield from islice((piece for each in tokens for piece in (b",", each)), 1, None)
                yield b"]"
            before = b","
        yield b"}"


class _Pieces(list[str]):
    """The pieces of a text."""


def _add(message: Json, delta: Mapping[str, Any]) -> None:
    """Add a delta to a message: texts are collected, calls are matched by index, all else is replaced."""
    for name, value in delta.items():
        if isinstance(value, str):
            pieces = message.get(name)
            if not isinstance(pieces, _Pieces):
                pieces = message[name] = _Pieces()
            pieces.append(value)
        elif name == "tool_calls" and isinstance(value, list):
            calls = message.setdefault(name, {})
            for fragment in value:
                call = calls.setdefault(fragment["index"], {})
                for member, body in fragment.items():
                    if isinstance(body, dict):
                        _add(call.setdefault(member, {}), body)
                    elif member != "index":
                        call[member] = body
        elif isinstance(value, dict):
            before = message.get(name)
            inner = message[name] = before if isinstance(before, dict) else {}
            _add(inner, value)
        elif value is not None or name not in message:
            message[name] = value


def _joined(value: Any) -> Any:
    if isinstance(value, _Pieces):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _joined(inner) for name, inner in value.items()}
    return value
