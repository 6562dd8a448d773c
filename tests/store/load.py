"""Requests of many kinds, and what their clients saw of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

WORDS = "one two three four five six seven eight nine ten " * 40


@dataclass(slots=True)
class Seen:
    """What a client saw: the status, None if the connection broke; the tokens of prompt and answer, None where it was
    not told; the pieces of a stream; and whether it saw the end."""

    id: str
    kind: str
    status: int | None = None
    prompt: int | None = None
    completion: int | None = None
    pieces: int = 0
    ended: bool = False


# The kinds of requests: path, fields, and how many pieces a client reads before it leaves.
KINDS: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "whole": ("/chat/completions", {"messages": [{"role": "user", "content": "Hello there"}]}, None),
    "several": ("/chat/completions", {"messages": [{"role": "user", "content": "a b c"}], "n": 3}, None),
    "stream": (
        "/chat/completions",
        {
            "messages": [{"role": "user", "content": WORDS[:48]}],
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        None,
    ),
    "silent": ("/chat/completions", {"messages": [{"role": "user", "content": "a b c d"}], "stream": True}, None),
    "leaves": ("/chat/completions", {"messages": [{"role": "user", "content": WORDS}], "stream": True}, 3),
    "text": ("/completions", {"prompt": "Once upon a time", "max_tokens": 5}, None),
    "response": ("/responses", {"input": "Hello again, friend"}, None),
    "refused": ("/chat/completions", {"messages": [{"role": "user", "content": "x"}], "logit_bias": {"1": 1}}, None),
    "invalid": ("/chat/completions", {"messages": []}, None),
    "unknown": ("/chat/completions", {"messages": [{"role": "user", "content": "x"}], "model": "no-such"}, None),
}


async def send(session: aiohttp.ClientSession, base: str, key: str, kind: str, number: int) -> Seen:
    """Send one request, and return what its client saw."""
    path, fields, leaves = KINDS[kind]
    seen = Seen(f"{kind}-{number}", kind)
    headers = {"authorization": f"Bearer {key}", "x-request-id": seen.id}
    body = {"model": "parley-echo", **fields}
    try:
        async with session.post(f"{base}{path}", json=body, headers=headers) as answer:
            seen.status = answer.status
            if answer.content_type == "text/event-stream":
                await _read_stream(answer, seen, leaves)
                if not seen.ended:
                    answer.close()
            else:
                _read_usage(json.loads(await answer.read()), seen)
                seen.ended = True
    except (aiohttp.ClientError, OSError):
        seen.status = seen.status or None
    return seen


async def send_all(
    base: str | Sequence[str], key: str, kinds: Sequence[str], *, at_once: int = 16, most: float = 120.0
) -> list[Seen]:
    """Send requests of these kinds, so many at a time, to these servers in turn."""
    bases = [base] if isinstance(base, str) else list(base)
    left = list(enumerate(kinds))
    found: list[Seen] = []
    timeout = aiohttp.ClientTimeout(total=most)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:

        async def client() -> None:
            while left:
                number, kind = left.pop()
                found.append(await send(session, bases[number % len(bases)], key, kind, number))

        await asyncio.gather(*(client() for _ in range(at_once)))
    return found


async def _read_stream(answer: aiohttp.ClientResponse, seen: Seen, leaves: int | None) -> None:
    async for line in answer.content:
        if not line.startswith(b"data: "):
            continue
        data = line[6:].strip()
        if data == b"[DONE]":
            seen.ended = True
            return
        chunk = json.loads(data)
        _read_usage(chunk, seen)
        for choice in chunk.get("choices", ()):
            if choice["delta"].get("content"):
                seen.pieces += 1
        if leaves is not None and seen.pieces >= leaves:
            return


def _read_usage(body: Any, seen: Seen) -> None:
    told = body.get("usage")
    if told:
        seen.prompt = told.get("prompt_tokens", told.get("input_tokens"))
        seen.completion = told.get("completion_tokens", told.get("output_tokens"))
