"""How the cost of a request grows with the conversation: in proportion to its length, and no faster."""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Any

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas

from .. import load, server, servers
from ..compare import PerRequest, side_by_side
from ..table import Table
from ..target import Target

SIZES = (1, 300, 1_000)
ROUNDS = 3

GROWTH = "a message's CPU in a conversation of 1,000, of one in a conversation of 300"
VALIDATION = "validating 1,000 messages and 16 tools"

TARGETS = {GROWTH: Target(1.5), VALIDATION: Target(2.0, "ms")}


def run(table: Table) -> None:
    """CPU time per request at 1, 300 and 1,000 messages, and the validator by itself."""
    with servers.parley() as found:
        costs = asyncio.run(_measure(found))
    # Beyond what a request costs anyway.
    growth = ((costs[1_000] - costs[1]) / 999) / ((costs[300] - costs[1]) / 299)
    table.hold("messages", GROWTH, growth, TARGETS[GROWTH])
    table.hold("messages", VALIDATION, median(_validation_ms() for _ in range(5)), TARGETS[VALIDATION])


async def _measure(found: server.Server) -> dict[int, float]:
    sentence = "What would you say to a walk along the river this evening, if it does not rain?"
    async with load.session() as client:
        costs = {}
        for count in SIZES:
            contents = [f"{number}. {sentence}" for number in range(count)]
            measured = await side_by_side([found], PerRequest(client, contents, 4), ROUNDS)
            costs[count] = measured.of(found.name)
    return costs


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
