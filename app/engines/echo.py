"""A deterministic engine without a model: it answers with the words of the conversation's last message.

It is for benchmarks, for tests of clients and agents, and for our tests. A token is a word with the space before it.
The only outcome has probability one, so temperature, top_p and seed have no effect, by their own definition.

If the answer must be a call, the engine calls the first allowed tool with the smallest arguments that match its schema.
If the answer must be JSON, it is the smallest value that matches the schema.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import shake_256
from typing import Any

from ..errors import BadRequest, ConfigurationError, ContextLengthExceeded
from ..jsontypes import Json
from .base import (
    OPERATIONS,
    Choice,
    Completion,
    Delta,
    Deltas,
    Embedded,
    Message,
    Model,
    Refuse,
    ToolCall,
    Usage,
    usage_of,
)
from .collecting import collect
from .constraints.format import schema_of
from .constraints.schema import Schema
from .constraints.tools import Tool, Tools, tools_of

_TOKEN = re.compile(r"\s*\S+")

# Maximum characters of a conversation. Splitting that many into words blocks the event loop for about 50 ms.
LONGEST = 1 << 20

# Maximum characters of all choices of an answer together. A word counts as one token however long it is, so token
# limits alone would allow an answer a hundred times the size of the request.
LONGEST_ANSWER = 4 * LONGEST

# The default number of dimensions of a vector, and the maximum of numbers in all vectors of an answer.
DIMENSIONS = 64
MOST_NUMBERS = 1 << 18

# Words cost no memory, so the context is large enough to test agents with long prompts.
CONTEXT_LENGTH = LONGEST

CAPABILITIES = frozenset(
    {
        "sampling",
        "seed",
        "stop",
        "length",
        "max_tokens",
        "response_format",
        "tools",
        "functions",
        "custom_tools",
        "continuous_usage",
        "dimensions",
        "token_prompts",
        # There is no cache that conversations could share.
        "prompt_cache_key",
    }
)

MODEL = Model(
    "parley-echo",
    created=1_763_596_800,
    owned_by="parley",
    fingerprint="fp_echo_2",
    capabilities=CAPABILITIES,
    context_length=CONTEXT_LENGTH,
    # The limit on all choices together is in characters.
    assumed_answer=8192,
    operations=OPERATIONS,
)


class EchoEngine:
    """Serves one model. ``delay`` is the pause between two chunks in seconds. ``calls_tools``: it also calls the first
    tool when a call is optional, unless the last message is a tool's result."""

    def __init__(self, *, delay: float = 0.0, calls_tools: bool = False, model: Model = MODEL) -> None:
        self.delay = delay
        self.calls_tools = calls_tools
        self.models: tuple[Model, ...] = (model,)
        # Only one search runs at a time, so that the event loop is not starved.
        self._searching = asyncio.Lock()

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ready(self) -> bool:
        return True

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> EchoPlan:
        """As `base.Engine.prepare`."""
        messages = request["messages"]
        texts = [_text(message.get("content")) for message in messages]
        if sum(map(len, texts)) > LONGEST:
            raise ContextLengthExceeded(
                f"This model's context holds {LONGEST} characters, and the messages have more. Shorten the messages.",
                param="messages",
            )
        text = next((stripped for text in reversed(texts) if (stripped := text.strip())), "…")
        tools, schema = await tools_of(request), schema_of(request)
        chooses = self.calls_tools and messages[-1]["role"] not in ("tool", "function")
        if tools is not None and (tools.must or chooses):
            tool = next(iter(tools.callable.values()))
            pieces, reason = _limited(_tokens(await self._input(tool, text)), request)
            deltas = _call(tool, tools, f"call_{len(messages)}", pieces)
            if reason == "stop":
                reason = "function_call" if tools.functions else "tool_calls"
        else:
            if schema is not None:
                text = await self._instance(schema)
            pieces, reason = _limited(_tokens(_stopped(text, request)), request)
            deltas = [{"content": piece} for piece in pieces]
        usage = usage_of(sum(len(text.split()) for text in texts), len(pieces))
        counts = bool((request.get("stream_options") or {}).get("continuous_usage_stats"))
        return EchoPlan(deltas, sum(map(len, pieces)), reason, usage, self.delay, counts)

    async def prepare_text(self, request: Json, refuse: Refuse, client: str | None = None) -> EchoPlan:
        """As `base.TextEngine.prepare_text`: repeats the words of the prompt, or the ids of its tokens."""
        conversation = {name: value for name, value in request.items() if name not in ("prompt", "echo")}
        text = _words(request["prompt"])
        try:
            plan = await self.prepare({**conversation, "messages": [{"role": "user", "content": text}]}, refuse, client)
        except ContextLengthExceeded as error:
            raise ContextLengthExceeded(error.message.replace("messages", "prompt"), param="prompt") from None
        if request.get("echo"):
            plan.deltas.insert(0, {"content": text})
            plan.size += len(text)
        return plan

    async def embed(self, request: Json, refuse: Refuse, client: str | None = None) -> Embedded:
        """As `base.EmbeddingEngine.embed`: each vector has length 1 and is specific to its text."""
        texts = [_words(text) for text in request["input"]]
        if sum(map(len, texts)) > LONGEST:
            raise ContextLengthExceeded(
                f"This model reads at most {LONGEST} characters for a request, and the texts have more. Shorten them.",
                param="input",
            )
        size = request.get("dimensions", DIMENSIONS)
        if size * len(texts) > MOST_NUMBERS:
            raise BadRequest(
                f"Invalid value for 'dimensions': this model gives at most {MOST_NUMBERS} numbers for a request.",
                param="dimensions",
                code="integer_above_max_value",
            )
        return Embedded([_vector(text, size) for text in texts], sum(len(text.split()) for text in texts))

    async def _input(self, tool: Tool, text: str) -> str:
        """Return the input of a call: the message text for a custom tool, an instance of its schema for a function."""
        if tool.grammar is not None:
            raise BadRequest(
                "This model cannot follow a grammar, and the tool that it has to call has one.",
                param="tools",
                code="invalid_value",
            )
        if tool.kind == "custom":
            return text
        return await self._instance(tool.schema)

    async def _instance(self, schema: Schema) -> str:
        """Return an instance of a schema as JSON."""
        # Imported lazily: nothing else on the serving path generates values.
        from ..documents.samples.alone import instance
        from ..documents.samples.samples import NoInstance

        try:
            async with self._searching:
                return json.dumps(await asyncio.to_thread(instance, schema.body), ensure_ascii=False)
        except (NoInstance, ConfigurationError):
            raise BadRequest(
                f"Invalid schema for '{schema.param}': this model found no value that fits it.",
                param=schema.param,
                code="invalid_value",
            ) from None


@dataclass(slots=True)
class EchoPlan:
    """As `base.Plan`; all choices are the same. ``deltas`` make up the message and have ``size`` characters in total;
    ``counts``: a stream reports the usage so far with each delta."""

    deltas: list[Message]
    size: int
    reason: str
    usage: Usage
    delay: float
    counts: bool

    def _bound(self, choice: int) -> None:
        """Refuse the request if its choices exceed the maximum size of an answer.

        This runs before the first wait, so that a stream has not begun.
        """
        if (choice + 1) * self.size > LONGEST_ANSWER:
            raise BadRequest(
                f"Invalid value for 'n': the choices would come to more than the {LONGEST_ANSWER} characters that this "
                "model gives for a request; ask for fewer choices, or shorten the last message.",
                param="n",
                code="integer_above_max_value",
            )

    async def complete(self, choice: int = 0) -> Completion:
        self._bound(choice)
        if self.delay:
            await asyncio.sleep(self.delay * len(self.deltas))
        if all(len(message) == 1 and "content" in message for message in self.deltas):
            # Fast path for most answers, joined at once: there may be a million words.
            text = "".join(message["content"] or "" for message in self.deltas)
            return Completion([Choice(0, {"content": text}, self.reason)], {"usage": self.usage})
        return await collect(self._stream(None))

    async def stream(self, choice: int = 0) -> Deltas:
        self._bound(choice)
        async with aclosing(self._stream(self.delay)) as items:
            async for item in items:
                yield item

    async def _stream(self, delay: float | None) -> Deltas:
        # The name of a called tool counts no tokens; arguments and texts do.
        prompt, made = self.usage["prompt_tokens"], self.usage["completion_tokens"] - len(self.deltas)
        for message in self.deltas:
            if delay is not None:
                # Yield to the event loop between two chunks even if the delay is 0.
                await asyncio.sleep(delay)
            made += 1
            if self.counts:
                yield {"usage": usage_of(prompt, made)}
            yield Delta(0, message)
        yield Delta(0, {}, self.reason)
        yield {"usage": self.usage}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())


def _tokens(text: str) -> list[str]:
    # Strip trailing whitespace: the search for a word would restart at each of its characters.
    return _TOKEN.findall(text.rstrip())


def _words(text: str | list[int]) -> str:
    return text if isinstance(text, str) else " ".join(map(str, text))


def _vector(text: str, size: int) -> list[float]:
    drawn = shake_256(text.encode("utf-8", "replace")).digest(2 * size)
    numbers = [int.from_bytes(drawn[at : at + 2], "little") - 32767.5 for at in range(0, 2 * size, 2)]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def _stopped(text: str, request: Json) -> str:
    """Return the text up to the first occurrence of a stop sequence of the request."""
    stops = request.get("stop") or ()
    for stop in (stops,) if isinstance(stops, str) else stops:
        if stop and (at := text.find(stop)) >= 0:
            text = text[:at]
    return text


def _limited(tokens: list[str], request: Json) -> tuple[list[str], str]:
    """Return the tokens up to the request's limit, and the finish reason."""
    limit = request.get("max_completion_tokens", request.get("max_tokens"))
    if limit is not None and len(tokens) > limit:
        return tokens[:limit], "length"
    return tokens, "stop"


def _call(tool: Tool, tools: Tools, call_id: str, pieces: list[str]) -> list[Message]:
    """Return the deltas of a call: first the tool's name, then its arguments or its input in pieces."""
    if tools.functions:
        return [
            {"function_call": {"name": tool.name, "arguments": ""}},
            *(Message(function_call={"arguments": piece}) for piece in pieces),
        ]
    first: ToolCall = {"index": 0, "id": call_id, "type": tool.kind}
    if tool.kind == "custom":
        first["custom"] = {"name": tool.name, "input": ""}
        more = [ToolCall(index=0, custom={"input": piece}) for piece in pieces]
    else:
        first["function"] = {"name": tool.name, "arguments": ""}
        more = [ToolCall(index=0, function={"arguments": piece}) for piece in pieces]
    return [Message(tool_calls=[call]) for call in (first, *more)]
