"""Asks an engine as the domain does, and gives what it answers in one form that tests can look into: as JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from app.chat.combinations import check_combinations
from app.engines.base import Completion, Engine, Plan, StreamItem
from app.errors import UnsupportedParameter
from app.jsontypes import Json


def refuse(error: UnsupportedParameter) -> None:
    """As under the policy ``refuse``."""
    raise error


async def prepare(engine: Engine, request: Json, refuse: Callable[[UnsupportedParameter], None] = refuse) -> Plan:
    check_combinations(request)
    return await engine.prepare(request, refuse)


async def complete(engine: Engine, request: Json) -> Json:
    """``{"choices": [{"index", "message", "finish_reason", "logprobs"}], "usage", ...}``, logprobs if there are any."""
    return whole_as_json(await (await prepare(engine, request)).complete())


async def stream(engine: Engine, request: Json) -> AsyncGenerator[Json, None]:
    """``{"choices": [{"index", "delta", "finish_reason", "logprobs"}]}``, and facts beside no choices."""
    plan = await prepare(engine, request)
    async with aclosing(plan.stream()) as deltas:
        async for delta in deltas:
            yield as_json(delta)


def whole_as_json(answer: Completion) -> Json:
    choices: list[Json] = []
    for choice in answer.choices:
        made: Json = {"index": choice.index, "message": dict(choice.message), "finish_reason": choice.finish_reason}
        choices.append(made if choice.logprobs is None else {**made, "logprobs": choice.logprobs})
    return {"choices": choices, **answer.facts}


def as_json(delta: StreamItem) -> Json:
    if isinstance(delta, dict):
        return {"choices": [], **delta}
    made: dict[str, Any] = {
        "index": delta.index,
        "delta": dict(delta.message),
        "finish_reason": delta.finish_reason,
    }
    return {"choices": [made if delta.logprobs is None else {**made, "logprobs": delta.logprobs}]}
