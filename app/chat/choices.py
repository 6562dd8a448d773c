"""Several choices for one request, from engines that return one at a time.

The request's plan is run once for each choice, all concurrently; each engine decides how many it works on at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, cast

from ..engines.base import Completion, CompletionDetails, Delta, Deltas, Plan, StreamItem, Usage
from ..jsontypes import Json

# Deltas that are buffered for a slow reader, per choice; when the buffer is full, the engine waits.
_WAITING = 16


async def complete(plan: Plan, n: int) -> Completion:
    """As `Plan.complete`, with ``n`` choices. If one fails, the others are cancelled."""
    answers = await together([plan.complete(number) for number in range(n)])
    for number, answer in enumerate(answers):
        answer.choices[0].index = number
    # An engine may not know its usage.
    usages = [answer.facts["usage"] for answer in answers if "usage" in answer.facts]
    facts = answers[0].facts
    if len(usages) == n:
        facts = {**facts, "usage": _sum(usages)}
    else:
        facts.pop("usage", None)
    return Completion([choice for answer in answers for choice in answer.choices[:1]], facts)


async def together(asked: Sequence[Coroutine[Any, Any, Completion]]) -> list[Completion]:
    """Await several answers concurrently and return them in order. If one fails, the others are cancelled."""
    tasks = [asyncio.create_task(each) for each in asked]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await _end(tasks)


async def stream(plan: Plan, n: int, *, counts: bool = False) -> Deltas:
    """As `Plan.stream`, with the deltas of ``n`` choices as they arrive, and their combined usage at the end.
    ``counts``: also yields the combined usage so far, once every choice has reported its own."""
    usages: dict[int, Usage] = {}
    async with aclosing(merged([plan.stream(number) for number in range(n)])) as items:
        async for number, delta in items:
            if isinstance(delta, Delta):
                delta.index = number
                yield delta
            elif "usage" in delta:
                usages[number] = delta.pop("usage")
                if counts and len(usages) == n:
                    yield {"usage": _sum([usages[each] for each in sorted(usages)])}
            if isinstance(delta, dict) and delta:
                yield delta
    if len(usages) == n:
        yield {"usage": _sum([usages[number] for number in sorted(usages)])}


async def merged(streams: Sequence[Deltas]) -> AsyncGenerator[tuple[int, StreamItem], None]:
    """Merge several streams: yield each item as it arrives, with the number of its stream. Closing the generator, or
    the failure of one stream, ends all of them."""
    queue: asyncio.Queue[tuple[int, StreamItem | BaseException | None]] = asyncio.Queue(_WAITING * len(streams))

    async def read(number: int, source: Deltas) -> None:
        try:
            async with aclosing(source) as deltas:
                async for delta in deltas:
                    await queue.put((number, delta))
            await queue.put((number, None))
        except Exception as exception:
            await queue.put((number, exception))

    tasks = [asyncio.create_task(read(number, source)) for number, source in enumerate(streams)]
    left = len(streams)
    try:
        while left:
            number, delta = await queue.get()
            if isinstance(delta, BaseException):
                raise delta
            if delta is None:
                left -= 1
            else:
                yield number, delta
    finally:
        await _end(tasks)


async def _end(tasks: Sequence[asyncio.Task[Completion] | asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _sum(usages: list[Usage]) -> Usage:
    """The usage of all choices: the prompt is counted once, as in the API, and the answers are added up. If a usage
    from another server has counts that are not integers, it is returned as is, so that contract validation rejects
    it."""
    odd = next((usage for usage in usages if not _has_numbers(usage)), None)
    if odd is not None:
        return odd
    first = usages[0]
    completion = sum(usage["completion_tokens"] for usage in usages)
    details: Json = {**first["completion_tokens_details"]}
    for usage in usages[1:]:
        for name, count in usage["completion_tokens_details"].items():
            before = details.get(name, 0)
            if isinstance(before, int) and isinstance(count, int):
                details[name] = before + count
    return {
        **first,
        "completion_tokens": completion,
        "total_tokens": first["prompt_tokens"] + completion,
        "completion_tokens_details": cast(CompletionDetails, details),
    }


def _has_numbers(usage: Usage) -> bool:
    details: Json = {**usage["completion_tokens_details"]}
    counts = [usage["prompt_tokens"], usage["completion_tokens"], *map(details.get, CompletionDetails.__annotations__)]
    return all(isinstance(count, int) for count in counts)
