"""Models whose servers are recognised, as the domain has them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from app.chat.service import Chat
from app.completions.service import Completions
from app.configuration.building import build
from app.configuration.loading import load
from app.embeddings.service import Embeddings
from app.engines.base import Engine, Model
from app.engines.dialects.known import KINDS
from app.errors import ApiError
from app.jsontypes import Json
from app.settings import Settings
from tests.patience import PATIENCE, until

from .kinds import Server

HELLO: Json = {"model": "m", "messages": [{"role": "user", "content": "Hello!"}]}


@contextlib.asynccontextmanager
async def served(folder: Path, *servers: Server, more: str = "") -> AsyncIterator[Chat]:
    """The domain over a model ``m`` of some servers, which no dialect is said of."""
    urls = ", ".join(f'"{server.base_url}"' for server in servers)
    (folder / "p.toml").write_text(f'[models.m]\nengine = "upstream"\nretries = 0\nbase_urls = [{urls}]\n{more}')
    engine = build(load(folder / "p.toml", {}), Settings()).engine
    await engine.start()
    try:
        yield Chat(engine)
    finally:
        await engine.close()


@contextlib.asynccontextmanager
async def served_by(server: Server, folder: Path) -> AsyncIterator[Chat]:
    """As `served`, over one server that is up when it begins, and known."""
    await server.__aenter__()
    async with served(folder, server) as chat:
        await chat.meet("m")
        yield chat


@contextlib.asynccontextmanager
async def turned(server: Server, chat: Chat, kind: str) -> AsyncIterator[None]:
    """The server ends, which a request finds out, and one of another kind comes up in its place."""
    await server.__aexit__()
    with pytest.raises(ApiError):
        await ask(chat)
    server.kind = kind
    async with server:
        await until(lambda: model_of(chat.engine).capabilities == KINDS[kind].capabilities)
        yield


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, PATIENCE))


async def ask_for_text(chat: Chat, **fields: Any) -> Json:
    """A completion of a text by the models of a chat."""
    completions = Completions(chat.engine)
    return await completions.complete(await completions.begin({"model": "m", "prompt": "a", **fields}, {}))


async def ask_for_vector(chat: Chat, **fields: Any) -> Json:
    """An embedding by the models of a chat."""
    embeddings = Embeddings(chat.engine)
    return await embeddings.embed(await embeddings.begin({"model": "m", "input": "a", **fields}, {}))


async def ask(chat: Chat, **fields: Any) -> Json:
    return await chat.complete(await chat.begin({**HELLO, **fields}, {}))


def model_of(engine: Engine) -> Model:
    (model,) = engine.models
    return model
