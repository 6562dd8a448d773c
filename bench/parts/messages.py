"""How the cost of a request grows with the conversation: it must stay in proportion to its length."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from statistics import median
from typing import Any

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas

from .. import load, server
from ..process import cpu_seconds
from ..table import Table

# Messages, and how many requests are measured with so many; stock Connexion takes half a second for the longest.
SIZES = ((1, 1_000), (30, 800), (300, 250), (1_000, 100))
STOCK_SIZES = ((1, 200), (30, 40), (300, 6), (1_000, 3))
ROUNDS = 3
TARGET_GROWTH = 1.5
TARGET_MS = 2.0


def run(table: Table) -> None:
    """CPU time per request at 1, 30, 300 and 1,000 messages, and the validator by itself."""
    with contextlib.ExitStack() as stack:
        parley, stock = (stack.enter_context(start()) for start in (server.parley, server.stock))
        asyncio.run(_measure(table, parley, stock))
    spent = median(_validation_ms() for _ in range(5))
    table.add(
        "messages",
        "validating 1,000 messages and 16 tools",
        f"{spent:6.2f} ms",
        target=f"under {TARGET_MS:g} ms",
        met=spent < TARGET_MS,
    )


async def _measure(table: Table, parley: server.Server, stock: server.Server) -> None:
    async with load.session() as client:
        costs: dict[int, float] = {}
        for (count, ours), (_, theirs) in zip(SIZES, STOCK_SIZES, strict=True):
            costs[count] = cost = await _cost(client, parley, count, ours)
            table.add("messages", f"CPU per request, {count:,} messages, parley", f"{cost:6.2f} ms")
            other = await _cost(client, stock, count, theirs)
            table.add(
                "messages", f"CPU per request, {count:,} messages, stock", f"{other:6.1f} ms  {other / cost:4.0f} x"
            )
    # Beyond what a request costs anyway, a message costs the same in a long conversation as in a shorter one.
    growth = ((costs[1_000] - costs[1]) / 999) / ((costs[300] - costs[1]) / 299)
    table.add(
        "messages",
        "a message's cost, 1,000 messages / 300",
        f"{growth:6.2f} x",
        target=f"at most {TARGET_GROWTH:g} x",
        met=growth <= TARGET_GROWTH,
    )


async def _cost(client: Any, found: server.Server, messages: int, count: int) -> float:
    body = json.dumps(_conversation(found, messages)).encode()
    await load.requests(client, found, body, min(count, 50), 4)
    spent = []
    for _ in range(ROUNDS if count >= 40 else 1):
        before = cpu_seconds(found.pid)
        await load.requests(client, found, body, count, 4)
        spent.append((cpu_seconds(found.pid) - before) / count * 1e3)
    return median(spent)


def _conversation(found: server.Server, messages: int) -> dict[str, Any]:
    sentence = "What would you say to a walk along the river this evening, if it does not rain?"
    return load.chat(found, *[f"{number}. {sentence}" for number in range(messages)])


def _validation_ms() -> float:
    document = Document.load(server.ROOT / "openapi" / "openapi.yaml")
    operation = next(found for found in operations(document) if found.id == "createChatCompletion")
    pointer = operation.request["application/json"].schema
    assert pointer is not None
    validator = Schemas(document).validator(pointer)
    tool = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tells the weather of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
    # What agents send: questions in text and in parts, tool calls without content, their results, answers.
    turn: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "Will I need an umbrella in Oslo today?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain, 8 degrees"},
        {"role": "assistant", "content": "Yes, take one."},
        {"role": "user", "content": "Thank you."},
    ]
    messages = turn * 200
    body = {"model": "parley-tiny", "messages": messages, "tools": [tool] * 16, "tool_choice": "auto"}
    assert validator.is_valid(body)
    assert not validator.is_valid(body | {"messages": [*messages, {"role": "nobody"}]})
    begin = time.process_time()
    for _ in range(20):
        validator.is_valid(body)
    return (time.process_time() - begin) / 20 * 1e3
