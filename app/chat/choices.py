"""Several choices for one request, from engines that give one at a time.

The engine is asked once for each choice, all at once; how many it works on at a time is its own affair. With a seed,
each choice has a seed of its own that follows from it, so that the choices differ and the request can be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from ..engines.base import Engine, Json

# Pieces that wait for a slow reader, per choice; the engine waits when there are more.
_WAITING = 16


def requests(request: Json, n: int) -> list[Json]:
    """The request for each choice."""
    alone = {name: value for name, value in request.items() if name != "n"}
    seed = alone.get("seed")
    return [alone if seed is None or index == 0 else {**alone, "seed": seed + index} for index in range(n)]


async def complete(engine: Engine, request: Json, n: int) -> Json:
    """As `Engine.complete`, with ``n`` choices. When one fails, the others are ended."""
    tasks = [asyncio.create_task(engine.complete(alone)) for alone in requests(request, n)]
    try:
        answers = await asyncio.gather(*tasks)
    finally:
        await _end(tasks)
    choices = [{**answer["choices"][0], "index": index} for index, answer in enumerate(answers)]
    # An engine may not know its usage.
    known = all("usage" in answer for answer in answers)
    usage = {"usage": _sum([answer["usage"] for answer in answers])} if known else {}
    return {**answers[0], "choices": choices, **usage}


async def stream(engine: Engine, request: Json, n: int) -> AsyncIterator[Json]:
    """As `Engine.stream`, with the pieces of ``n`` choices as they come, and the usage of all on the last."""
    queue: asyncio.Queue[tuple[int, Json | BaseException | None]] = asyncio.Queue(_WAITING * n)

    async def read(index: int, alone: Json) -> None:
        try:
            async with aclosing(cast(Any, engine.stream(alone))) as pieces:
                async for piece in pieces:
                    await queue.put((index, piece))
            await queue.put((index, None))
        except Exception as exception:
            await queue.put((index, exception))

    tasks = [asyncio.create_task(read(index, alone)) for index, alone in enumerate(requests(request, n))]
    usages: dict[int, Json] = {}
    left = n
    try:
        while left:
            index, piece = await queue.get()
            if isinstance(piece, BaseException):
                raise piece
            if piece is None:
                left -= 1
                continue
            if piece.get("usage"):
                usages[index] = piece["usage"]
            choices = [{**choice, "index": index} for choice in piece.get("choices", ())]
            if choices:
                yield {**{name: value for name, value in piece.items() if name != "usage"}, "choices": choices}
        if len(usages) == n:
            yield {"choices": [], "usage": _sum([usages[index] for index in sorted(usages)])}
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _sum(usages: list[Json]) -> Json:
    """The usage of all choices: the prompt is counted once, as the API has it, the answers together."""
    first = usages[0]
    completion_tokens = sum(usage["completion_tokens"] for usage in usages)
    details: Json = {}
    for usage in usages:
        for name, count in usage.get("completion_tokens_details", {}).items():
            details[name] = details.get(name, 0) + count
    return {
        **first,
        "completion_tokens": completion_tokens,
        "total_tokens": first["prompt_tokens"] + completion_tokens,
        "completion_tokens_details": details,
    }
