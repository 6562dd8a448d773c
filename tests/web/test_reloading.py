"""With PARLEY_RELOAD a server follows its document while it runs, and a broken one changes nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from connexion import FlaskApp
from starlette.types import Message

from app.web.reloading import Reloading

from ..live import ROOT, Server, serve
from ..patience import PATIENCE
from .inprocess import openapi


def paths(*names: str) -> dict[str, Any]:
    return {f"/{name}": {"get": {"operationId": name, "responses": {}}} for name in names}


def until(server: Server, path: str, status: int, seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while server.request("GET", path, headers=server.bearer).status != status:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


def in_force(server: Server, times: int) -> None:
    deadline = time.monotonic() + 8
    while server.log().count("has changed and is in force") < times:
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


@pytest.mark.live
def test_a_saved_document_is_soon_in_force_in_every_worker_and_a_broken_one_is_not(tmp_path: Path) -> None:
    document = tmp_path / "api.yaml"
    document.write_text(json.dumps(openapi(paths("one"))))
    env = {"PARLEY_SPEC": str(document), "PARLEY_RELOAD": "1"}
    with serve("echo", env, args=["--workers", "2"]) as server:
        until(server, "/one", 501)
        deadline = time.monotonic() + 8
        while len(server.workers) < 2:
            assert time.monotonic() < deadline
        workers = server.workers
        time.sleep(1)  # the second has read the document too
        document.write_text(json.dumps(openapi(paths("two"))))
        in_force(server, 2)
        for _ in range(20):
            assert server.request("GET", "/one", headers=server.bearer).status == 404
            assert server.request("GET", "/two", headers=server.bearer).status == 501
        document.write_text("openapi: 3.1.0\npaths: [")
        server.log_line("not valid YAML")
        assert server.request("GET", "/two", headers=server.bearer).status == 501
        # Replaced as editors do it, with a second file now.
        (tmp_path / "three.yaml").write_text(json.dumps(paths("three")["/three"]))
        (tmp_path / "new").write_text(json.dumps(openapi({"/three": {"$ref": "three.yaml"}})))
        (tmp_path / "new").rename(document)
        until(server, "/three", 501)
        # The second file is watched too.
        (tmp_path / "three.yaml").write_text(json.dumps({"post": {"operationId": "four", "responses": {}}}))
        until(server, "/three", 405)
        # And one that is not there yet.
        document.write_text(json.dumps(openapi({"/four": {"$ref": "four.yaml"}})))
        server.log_line("four.yaml cannot be read")
        (tmp_path / "four.yaml").write_text(json.dumps(paths("four")["/four"]))
        until(server, "/four", 501)
        assert server.workers == workers


def test_what_is_saved_while_a_document_is_read_is_in_force_too(tmp_path: Path) -> None:
    document, part = tmp_path / "api.json", tmp_path / "part.json"
    read: list[str] = []

    def files() -> list[Path]:
        return [document, *([part] if "part" in document.read_text() else [])]

    def build() -> Any:
        read.append(document.read_text() + (part.read_text() if part in files() else ""))
        # Somebody saves a file just after it has been read.
        if read[-1] == "zero":
            document.write_text("one")
        elif read[-1] == "part one":
            part.write_text("two")
        return FlaskApp("built")

    async def follow() -> None:
        document.write_text("zero")
        reloading = Reloading(build, build, files, shown="api.json")
        ended = asyncio.Event()
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> Message:
            message = next(messages)
            if message == "lifespan.shutdown":
                await ended.wait()
            return {"type": message}

        async def send(_message: Message) -> None:
            pass

        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            tasks.create_task(reloading({"type": "lifespan"}, receive, send))
            await asyncio.to_thread(until_read, "one")
            part.write_text("one")
            document.write_text("part ")
            await asyncio.to_thread(until_read, "part two")
            # And when nothing changes any more, nothing is built any more.
            count = len(read)
            await asyncio.sleep(0.6)
            assert len(read) == count
            ended.set()

    def until_read(text: str) -> None:
        deadline = time.monotonic() + 5
        while read[-1:] != [text]:
            assert time.monotonic() < deadline, read
            time.sleep(0.02)

    asyncio.run(follow())


@pytest.mark.live
def test_a_stream_outlives_a_change_of_the_document(tmp_path: Path) -> None:
    document = tmp_path / "api.yaml"
    text = (ROOT / "openapi" / "openapi.yaml").read_text()
    document.write_text(text)
    env = {"PARLEY_SPEC": str(document), "PARLEY_RELOAD": "1", "PARLEY_ECHO_DELAY": "0.02"}
    with serve("echo", env) as server:
        body = {"model": "parley-echo", "stream": True, "messages": [{"role": "user", "content": "w " * 100}]}
        found: list[bytes] = []

        def read() -> None:
            answer = server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer)
            found.append(answer.body)

        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(0.3)
        document.write_text(text.replace("operationId: listModels", "operationId: somethingElse"))
        server.log_line("has changed and is in force")
        assert server.request("GET", "/v1/models", headers=server.bearer).status == 501
        assert reader.is_alive(), "the stream was over before the document changed: this showed nothing"
        reader.join(PATIENCE)
        assert found[0].rstrip().endswith(b"data: [DONE]")
        assert found[0].count(b"data: ") > 100


@pytest.mark.live
@pytest.mark.parametrize("engine", ["llama"])
def test_the_model_goes_on_answering_after_a_change(engine: Any, tmp_path: Path) -> None:
    document = tmp_path / "api.yaml"
    text = (ROOT / "openapi" / "openapi.yaml").read_text()
    # At first there is nothing that a model would answer.
    document.write_text(text.replace("operationId: createChatCompletion", "operationId: later"))
    with serve(engine, {"PARLEY_SPEC": str(document), "PARLEY_RELOAD": "1"}) as server:
        document.write_text(text)
        server.log_line("has changed and is in force")
        body = {"model": "parley-tiny", "messages": [{"role": "user", "content": "Hello!"}]}
        assert server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer).status == 200
