"""The pieces of llama.cpp's answer as those of the API: its events mended, one choice in each piece."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from ....errors import EngineUnavailable
from ....model_process.slots import Wish
from ...base import Json
from ...llama.process import ModelProcess
from . import logprobs as llama_logprobs
from .answer import finish_reason_of, mend_usage, raise_refusal, texts, usage_so_far


async def pieces_of(
    process: ModelProcess, payload: Json, alternatives: int | None, *, silent: bool, wish: Wish
) -> AsyncGenerator[Json, None]:
    """The pieces of llama.cpp's answer, mended; those of tokens without a text wait for the next with one."""
    reasoning: list[str] = []
    thoughts: int | None = 0
    after_thoughts = False
    finish_reason: str | None = None
    usage: Json | None = None
    waiting: list[Json] = []
    async with contextlib.aclosing(process.events(payload, wish)) as events:
        async for event in events:
            if "error" in event:
                error = event["error"] if isinstance(event["error"], dict) else {}
                code = error.get("code")
                raise_refusal(code if isinstance(code, int) else 500, error)
            if isinstance(event.get("usage"), dict):
                usage = event["usage"]
            for choice in event.get("choices") or ():
                delta: Json = {name: text for name, text in texts(choice) if not silent}
                calls = (choice.get("delta") or {}).get("tool_calls")
                if calls and not silent:
                    delta["tool_calls"] = calls
                timings = event.get("timings") or {}
                if "reasoning_content" in delta:
                    reasoning.append(delta["reasoning_content"])
                    # Of a delta with more than thoughts it is not known how many tokens were thoughts.
                    thoughts = timings.get("predicted_n") if len(delta) == 1 else None
                reason = finish_reason_of(choice, silent=silent)
                finish_reason = reason or finish_reason
                piece: Json = {"index": 0, "delta": delta, "finish_reason": reason}
                if alternatives is not None and not silent:
                    waiting += llama_logprobs.mend(choice, alternatives)
                    if "reasoning_content" in delta or (after_thoughts and "content" in delta):
                        waiting = llama_logprobs.last(waiting, delta.get("content", ""))
                    after_thoughts = "reasoning_content" in delta or (after_thoughts and "content" not in delta)
                    if waiting and delta:
                        piece["logprobs"] = llama_logprobs.joined(waiting)
                        waiting = []
                piece["timings"] = timings
                if delta or reason:
                    yield {"choices": [piece]}
    if finish_reason is None or usage is None:
        raise EngineUnavailable("The engine ended its answer too early. Retry in a moment.")
    if thoughts is None:
        thoughts = await process.count_tokens("".join(reasoning))
    yield {"choices": [], "usage": mend_usage(usage, thoughts, silent=silent)}


async def cut(
    process: ModelProcess, payload: Json, alternatives: int | None, *, silent: bool, wish: Wish
) -> AsyncGenerator[Json, None]:
    """As `pieces_of`, with the stop sequences looked for here, so that each token keeps its log probability."""
    cutter = llama_logprobs.Cutter(payload["stop"])
    unbound = {**payload, "stop": []}
    thoughts = 0
    async with contextlib.aclosing(pieces_of(process, unbound, alternatives, silent=silent, wish=wish)) as pieces:
        async for piece in pieces:
            if not piece["choices"]:
                yield piece
                continue
            (choice,) = piece["choices"]
            text, reason = choice["delta"].pop("content", ""), choice["finish_reason"]
            entries = (choice.pop("logprobs", None) or {}).get("content", [])
            free, met = cutter.feed(text, entries) if text else ([], False)
            if reason is not None:
                free += cutter.rest()
            if "reasoning_content" in choice["delta"]:
                thoughts = choice["timings"].get("predicted_n", 0)
            deltas = [({"content": freed}, logprobs) for freed, logprobs in free]
            if choice["delta"]:
                deltas.insert(0, (choice["delta"], []))
            for delta, logprobs in deltas:
                told: Json = {"index": 0, "delta": delta, "finish_reason": None}
                if alternatives is not None:
                    told["logprobs"] = llama_logprobs.joined(logprobs)
                yield {"choices": [told]}
            if met or reason is not None:
                yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop" if met else reason}]}
            if met:
                yield {"choices": [], "usage": usage_so_far(choice["timings"], thoughts)}
                return
