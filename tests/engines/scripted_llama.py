"""A llama.cpp that says what a test tells it to: its HTTP interface on a unix socket, in the shapes of llama.cpp b0 as
xllamacpp 2026.10 has it, for tests that are about us and not about a model.

    async with ScriptedLlama(folder, said("Hello", " there")) as llama:
        ... llama.engine(), llama.chats
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from app.engines.base import Model
from app.engines.llama.engine import CAPABILITIES, LlamaEngine
from app.jsontypes import Json

KEY = "a-key-of-the-process"
MODEL = "parley-scripted"
PROMPT_TOKENS = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request to complete a chat gets: deltas, one to a token, and the reason of the end. ``cut``: the
    connection ends after the deltas."""

    deltas: Sequence[Json]
    reason: str = "stop"
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of llama.cpp, with the members that it has for it."""

    status: int
    message: str
    type: str
    more: Json | None = None


def said(*pieces: str, reason: str = "stop", thoughts: Iterable[str] = (), cut: bool = False) -> Answer:
    """Thoughts, and then words."""
    deltas: list[Json] = [{"reasoning_content": piece} for piece in thoughts]
    return Answer([*deltas, *({"content": piece} for piece in pieces)], reason, cut)


def called(name: str, *arguments: str, index: int = 0) -> list[Json]:
    """The deltas of a call of a tool, its arguments in pieces."""
    begin = {"id": f"id-{index}", "type": "function", "function": {"name": name, "arguments": arguments[0]}}
    return [
        {"tool_calls": [{"index": index, **begin}]},
        *({"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in arguments[1:]),
    ]


class ScriptedLlama:
    """The server, on the event loop of the test. Answers are given in turn, the last one for ever; ``asked`` are the
    paths and bodies of all requests that were posted. As long as ``loading`` is true it says that it loads;
    ``turned_away`` requests were told so."""

    def __init__(self, folder: Path, *answers: Answer | Refusal) -> None:
        self.socket = str(folder / "s.sock")
        self.asked: list[tuple[str, Json]] = []
        self.loading = False
        self.turned_away = 0
        self.vocabulary_size = 3072
        self._answers = list(answers)

    @property
    def chats(self) -> list[Json]:
        """The bodies of the requests to complete a chat."""
        return [body for path, body in self.asked if path == "/v1/chat/completions"]

    def engine(self, *, context_length: int = 2048, capabilities: frozenset[str] = CAPABILITIES) -> LlamaEngine:
        """An engine that asks this server; it is not started."""
        model = Model(MODEL, 0, "parley", "fp_scripted", capabilities)
        return LlamaEngine(model, context_length=context_length, address=lambda: (self.socket, KEY))

    async def __aenter__(self) -> ScriptedLlama:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_get("/health", self._health)
        application.router.add_get("/v1/models", self._models)
        application.router.add_post("/{path:.*}", self._post)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, self.socket).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return _is_loading() if self.loading else _json({"status": "ok"})

    async def _models(self, request: web.Request) -> web.StreamResponse:
        meta = {"vocab_type": 2, "n_vocab": self.vocabulary_size, "n_ctx": 2048, "n_ctx_train": 4096}
        return _json({"object": "list", "data": [{"id": "file.gguf", "object": "model", "meta": meta}]})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        if self.loading:
            self.turned_away += 1
            return _is_loading()
        body = json.loads(await request.read())
        self.asked.append((request.path, body))
        if request.path == "/apply-template":
            return _json({"prompt": _prompt(body)})
        if request.path == "/tokenize":
            return _json({"tokens": [*range(len(body["content"].split()))]})
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Refusal):
            return _json(_error(answer), answer.status)
        if request.path == "/completion":
            text = "".join(delta.get("content", "") for delta in answer.deltas)
            return _json({"index": 0, "content": text, "stop": True, "stop_type": "eos"})
        assert request.path == "/v1/chat/completions"
        return await _stream(request, body, answer) if body.get("stream") else _json(_whole(body, answer))


def _json(value: Any, status: int = 200) -> web.Response:
    # llama.cpp closes its connections after an answer.
    return web.json_response(value, status=status, headers={"server": "llama.cpp", "connection": "close"})


def _error(refusal: Refusal) -> Json:
    told = {"code": refusal.status, "message": refusal.message, "type": refusal.type, **(refusal.more or {})}
    return {"error": told}


def _is_loading() -> web.Response:
    return _json(_error(Refusal(503, "Loading model", "unavailable_error")), 503)


def _prompt(body: Json) -> str:
    """ChatML."""
    said = [(message["role"], message.get("content") or "") for message in body["messages"]]
    turns = [f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said]
    return "".join([*turns, "<|im_start|>assistant\n"] if body.get("add_generation_prompt", True) else turns)


def _identity(kind: str) -> Json:
    return {
        "created": 1_796_035_617,
        "id": "chatcmpl-uglUgSr45ZA65HHa0Nvtz2gfj0vRtUYk",
        "model": "/models/file.gguf",
        "system_fingerprint": "b0-unknown",
        "object": kind,
    }


def _usage(answer: Answer) -> Json:
    number = len(answer.deltas)
    total = PROMPT_TOKENS + number
    counts = {"completion_tokens": number, "prompt_tokens": PROMPT_TOKENS, "total_tokens": total}
    return {**counts, "prompt_tokens_details": {"cached_tokens": 0}}


def _timings(answer: Answer) -> Json:
    return {"cache_n": 0, "prompt_n": PROMPT_TOKENS, "prompt_ms": 1.85, "predicted_n": len(answer.deltas)}


def _logprobs(text: str) -> Json:
    entry = {"id": 502, "token": text, "bytes": [*text.encode()], "logprob": -0.5}
    return {"content": [{**entry, "top_logprobs": [entry]}]}


def _whole(body: Json, answer: Answer) -> Json:
    message: Json = {"role": "assistant", "content": ""}
    calls: list[Json] = []
    for delta in answer.deltas:
        for name in ("content", "reasoning_content"):
            if name in delta:
                message[name] = message.get(name, "") + delta[name]
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                calls.append({name: call[name] for name in ("id", "type")} | {"function": {**call["function"]}})
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    if calls:
        message |= {"content": None, "tool_calls": calls}
    choice: Json = {"finish_reason": answer.reason, "index": 0, "message": message}
    if body.get("logprobs"):
        said = [_logprobs(delta["content"])["content"][0] for delta in answer.deltas if "content" in delta]
        choice["logprobs"] = {"content": said}
    usage = {"usage": _usage(answer), "timings": _timings(answer)}
    return {"choices": [choice], **_identity("chat.completion"), **usage}


async def _stream(request: web.Request, body: Json, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(headers={"server": "llama.cpp", "content-type": "text/event-stream"})
    response.enable_chunked_encoding()
    response.force_close()
    await response.prepare(request)

    async def send(delta: Json | None, reason: str | None = None, **more: Any) -> None:
        choice: Json = {"finish_reason": reason, "index": 0, "delta": delta}
        if body.get("logprobs") and delta and delta.get("content"):
            choice["logprobs"] = _logprobs(delta["content"])
        event = {"choices": [] if delta is None else [choice], **_identity("chat.completion.chunk"), **more}
        await response.write(f"data: {json.dumps(event)}\n\n".encode())

    await send({"role": "assistant", "content": None})
    for delta in answer.deltas:
        await send(delta)
        await asyncio.sleep(0)
    if answer.cut:
        assert request.transport is not None
        request.transport.abort()
        return response
    await send({}, answer.reason)
    if body.get("stream_options", {}).get("include_usage"):
        await send(None, usage=_usage(answer), timings=_timings(answer))
    await response.write(b"data: [DONE]\n\n")
    return response
