"""Servers of every kind, as they answer to those who want to know what they are: heads and bodies as real ones gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from app.engines.transport.looking import LISTING, Seen
from app.jsontypes import Json

from .chunks import completion

UVICORN = {"server": "uvicorn"}
NOT_FOUND: tuple[int, Mapping[str, str], Any] = (404, {}, {"detail": "Not Found"})

_VLLM: Json = {
    **{"id": "m", "object": "model", "created": 1764500000, "owned_by": "vllm", "root": "org/weights"},
    **{"parent": None, "max_model_len": 4096, "permission": [{"id": "modelperm-1", "allow_view": True}]},
}
_SGLANG: Json = {
    **{"id": "m", "object": "model", "created": 1764500000, "owned_by": "sglang", "root": "org/weights"},
    **{"parent": None, "max_model_len": 32768},
}
_LLAMA: Json = {
    **{"id": "m", "aliases": ["m"], "tags": [], "object": "model", "created": 1764500000, "owned_by": "llamacpp"},
    "meta": {"vocab_type": 2, "n_vocab": 4096, "n_ctx": 512, "n_ctx_train": 4096, "n_embd": 64},
}
_OLLAMA: Json = {"id": "m", "object": "model", "created": 1764500000, "owned_by": "library"}
_OPENAI: Json = {"id": "m", "object": "model", "created": 1677610602, "owned_by": "openai"}
_MINE: Json = {**_OPENAI, "owned_by": "me", "permissions": []}
_TRANSFORMERS = ("/v1/chat/completions", "/v1/responses", "/load_model", "/reset", "/v1/models", "/health")

# What each gives at a path: status, headers, body.
Answers = Mapping[str, tuple[int, Mapping[str, str], Any]]
KINDS: Mapping[str, Answers] = {
    "vllm": {
        LISTING: (200, UVICORN, {"object": "list", "data": [_VLLM]}),
        "/version": (200, UVICORN, {"version": "0.32.0"}),
    },
    "sglang": {
        LISTING: (200, UVICORN, {"object": "list", "data": [_SGLANG]}),
        "/get_model_info": (200, UVICORN, {"model_path": "org/weights", "is_generation": True}),
        "/model_info": (200, UVICORN, {"model_path": "org/weights", "is_generation": True}),
    },
    "llama.cpp": {
        LISTING: (200, {"server": "llama.cpp"}, {"models": [], "object": "list", "data": [_LLAMA]}),
        "/": (404, {"server": "llama.cpp"}, {"error": {"code": 404, "message": "File Not Found"}}),
    },
    "ollama": {
        LISTING: (200, {}, {"object": "list", "data": [_OLLAMA]}),
        "/": (200, {}, b"Ollama is running"),
        "/api/version": (200, {}, {"version": "0.12.6"}),
    },
    "litellm": {
        LISTING: (200, {**UVICORN, "x-litellm-version": "1.109.1"}, {"data": [_OPENAI], "object": "list"}),
        "/health/liveliness": (200, UVICORN, "I'm alive!"),
    },
    "llama-cpp-python": {
        LISTING: (200, UVICORN, {"object": "list", "data": [_MINE]}),
        "/openapi.json": (200, UVICORN, {"openapi": "3.1.0", "info": {"title": "🦙 llama.cpp Python API"}}),
    },
    "transformers": {
        LISTING: (200, UVICORN, {"object": "list", "data": [{**_MINE, "owned_by": "org"}]}),
        "/openapi.json": (200, UVICORN, {"info": {"title": "FastAPI"}, "paths": {path: {} for path in _TRANSFORMERS}}),
    },
    "unknown": {LISTING: (200, UVICORN, {"object": "list", "data": [_MINE]})},
}


def seen(kind: str, *paths: str) -> dict[str, Seen]:
    """What a server of a kind says, at these paths or at all."""
    return {
        path: Seen(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())
        for path, (status, headers, body) in KINDS[kind].items()
        if not paths or path in paths
    }


class Server:
    """A server on loopback that is of a kind, and may turn into one of another. ``kind`` None: it is on its way up.

    ``looks`` are the paths that were asked for with the key that came, None for none; ``asked`` the bodies of requests.
    """

    def __init__(self, kind: str | None, port: int = 0) -> None:
        self.kind = kind
        self.port = port
        self.looks: list[tuple[str, str | None]] = []
        self.asked: list[Json] = []
        self.status = 200
        self._runner: web.AppRunner | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Server:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/{path:.*}", self._tell)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _complete(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.json_response(
            completion() if self.status == 200 else {"error": {"message": "x"}}, status=self.status
        )

    async def _tell(self, request: web.Request) -> web.Response:
        self.looks.append((request.path, request.headers.get("authorization")))
        if self.kind is None:
            return web.json_response({"error": {"message": "Loading"}}, status=503)
        path = request.path.removeprefix("/v1")
        status, headers, body = KINDS[self.kind].get(path, NOT_FOUND)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=raw, headers={**headers, "content-type": "application/json"})
