"""The whole application for a document of the test's own, without a process: requests go straight into it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import httpx

from app.engines.echo import EchoEngine
from app.settings import Settings
from app.wiring import wire

from ..live import Answer

KEY = "sk-test"
BEARER = {"authorization": f"Bearer {KEY}"}


class Client:
    """Sends requests to an application, each to its end."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")
        self._loop = loop

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._loop.run_until_complete(self._client.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.send("POST", path, **options)

    def request(self, method: str, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """As a real server of the tests is asked, and answers."""
        response = self.send(method, path, headers=headers)
        told = HTTPMessage()
        for name, value in response.headers.multi_items():
            told[name] = value
        return Answer(response.status_code, told, response.content)


@contextmanager
def served(**settings: Any) -> Iterator[Client]:
    """The application that these settings make, with the engine ``echo``."""
    loop = asyncio.new_event_loop()
    try:
        yield Client(wire(Settings(api_keys=(KEY,), **settings), EchoEngine()), loop)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        loop.close()


@contextmanager
def application(document: Any, folder: Path, **settings: Any) -> Iterator[Client]:
    """The application that serves a document, written to a folder, with the engine ``echo``."""
    path = folder / "document.json"
    path.write_text(json.dumps(document))
    with served(spec=path, **settings) as client:
        yield client


def openapi(paths: Any, version: str = "3.1.0", **fields: Any) -> dict[str, Any]:
    """A document with some paths, secured by a bearer token unless the fields say otherwise."""
    schemes = {"bearer": {"type": "http", "scheme": "bearer"}}
    secured: dict[str, Any] = {"security": [{"bearer": []}], "components": {"securitySchemes": schemes}}
    return {"openapi": version, "info": {"title": "t", "version": "1"}, "paths": paths, **secured, **fields}


def error(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The error of an answer in the one shape that all have."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found
