"""A session of an agent: twenty tool calls in a conversation that grows, each asked for as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

from .. import load, servers
from ..compare import Costs, side_by_side
from ..process import cpu_seconds
from ..server import Server
from ..table import Table
from ..target import Target
from ..upstream import TOOL_CALLS

ROUNDS = 5
SESSIONS = 4  # at once

COST = f"CPU of a session of {TOOL_CALLS} tool calls, of the relay's"

TARGETS: dict[str, Target] = {}

_PARAMETERS = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "line": {"type": "integer", "minimum": 1}},
    "required": ["path"],
    "additionalProperties": False,
}
_TOOLS = [
    {
        "type": "function",
        "function": {"name": f"tool_{number}", "description": "Reads lines of a file.", "parameters": _PARAMETERS},
    }
    for number in range(16)
]
_RESULT = "A line of a file that the tool has read.\n" * 25


def run(table: Table) -> None:
    """CPU and length of a session, side by side."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.upstream())
        fronts: list[servers.Front] = [servers.relay, servers.relaying]
        found = [stack.enter_context(start(upstream)) for start in [*fronts, *servers.slow_peers()]]
        costs, times = asyncio.run(_measure(found))
    table.add("agent", COST, f"{costs.ratio('parley', 'relay'):.2f} x")
    rows = [[each.name, f"{costs.of(each.name) * 1e3:,.1f}", f"{times.of(each.name) * 1e3:,.0f}"] for each in found]
    table.grid("agent", [f"Session of {TOOL_CALLS} tool calls", "CPU, ms", "whole session, ms"], rows)


async def _measure(found: Sequence[Server]) -> tuple[Costs, Costs]:
    async with load.session() as client:

        async def cost(server: Server) -> float:
            before = cpu_seconds(server.pid)
            await asyncio.gather(*[session(client, server) for _ in range(SESSIONS)])
            return (cpu_seconds(server.pid) - before) / SESSIONS

        async def length(server: Server) -> float:
            begin = time.perf_counter()
            await session(client, server)
            return time.perf_counter() - begin

        return await side_by_side(found, cost, ROUNDS), await side_by_side(found, length, ROUNDS)


async def session(client: load.Client, server: Server) -> None:
    """Ask, call, ask again, until there is an answer in words.

    Raises:
        RuntimeError: a turn is answered otherwise.
    """
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "You are a careful programmer. " * 40},
        {"role": "user", "content": "Find out why the test fails, and mend it."},
    ]
    for number in range(TOOL_CALLS + 1):
        body = {"model": server.model, "messages": messages, "tools": _TOOLS, "stream": True}
        async with client.post(server.url, data=json.dumps(body)) as response:
            text = await response.text()
        calls = '"tool_calls"' in text
        if response.status != 200 or "[DONE]" not in text or calls != (number < TOOL_CALLS):
            raise RuntimeError(f"{server.name} answered turn {number} with {response.status}: {text[-300:]!r}")
        call = {"id": f"call_{number}", "type": "function"}
        function = {"name": "tool_0", "arguments": '{"path": "tests/test_a.py", "line": 12}'}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [{**call, "function": function}]},
            {"role": "tool", "tool_call_id": call["id"], "content": _RESULT},
        ]
