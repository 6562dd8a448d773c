"""With PARLEY_RELOAD a server follows its document while it runs, and a broken one changes nothing."""

from __future__ import annotations

import asyncio
import http.client
import json
from contextlib import closing
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from connexion import FlaskApp
from starlette.types import Message

from app.web.reloading import Reloading, _stamp

from ..holding import WORDS, holding, relaying
from ..live import ROOT, Server, serve
from ..patience import PATIENCE, wait_until
from ..patience import until as until_true
from .inprocess import openapi


def paths(*names: str) -> dict[str, Any]:
    return {f"/{name}": {"get": {"operationId": name, "responses": {}}} for name in names}


def until(server: Server, path: str, status: int) -> None:
    wait_until(lambda: server.request("GET", path, headers=server.bearer).status == status, server.log)


@pytest.mark.live
def test_a_saved_document_is_soon_in_force_in_every_worker_and_a_broken_one_is_not(tmp_path: Path) -> None:
    document = tmp_path / "api.yaml"
    document.write_text(json.dumps(openapi(paths("one"))))
    env = {"PARLEY_SPEC": str(document), "PARLEY_RELOAD": "1"}
    with serve("echo", env, args=["--workers", "2"]) as server:
        until(server, "/one", 501)
        wait_until(lambda: len(server.workers) == 2, server.log)
        workers = server.workers
        document.write_text(json.dumps(openapi(paths("two"))))

        def in_every_worker() -> bool:
            asked = [server.request("GET", path, headers=server.bearer).status for path in ("/one", "/two") * 20]
            return asked == [404, 501] * 20

        wait_until(in_every_worker, server.log)
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


def test_what_is_saved_while_a_document_is_read_is_in_force_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, part = tmp_path / "api.json", tmp_path / "part.json"
    read: list[str] = []
    looked: list[Path] = []

    def stamp(path: Path) -> object:
        looked.append(path)
        return _stamp(path)

    monkeypatch.setattr("app.web.reloading._stamp", stamp)
    monkeypatch.setattr("app.web.reloading._SECONDS", 0.01)

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
            await until_true(lambda: read[-1:] == ["one"])
            part.write_text("one")
            document.write_text("part ")
            await until_true(lambda: read[-1:] == ["part two"])
            # And when nothing changes any more, nothing is built any more.
            count, looks = len(read), len(looked)
            await until_true(lambda: len(looked) > looks + 3)
            assert len(read) == count
            ended.set()

    asyncio.run(follow())


@pytest.mark.live
def test_a_stream_outlives_a_change_of_the_document(tmp_path: Path) -> None:
    document = copytree(ROOT / "openapi", tmp_path / "api") / "openapi.yaml"
    text = document.read_text()
    with holding() as upstream:
        env = {**relaying(tmp_path, upstream.entry("held")), "PARLEY_SPEC": str(document), "PARLEY_RELOAD": "1"}
        with serve("echo", env) as server, closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
            body = {"model": "held", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
            headers = {**server.bearer, "content-type": "application/json"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            response = connection.getresponse()
            assert response.readline().startswith(b"data: ")
            document.write_text(text.replace("operationId: listModels", "operationId: somethingElse"))
            server.log_line("has changed and is in force")
            assert server.request("GET", "/v1/models", headers=server.bearer).status == 501
            upstream.release()
            rest = response.read()
            assert rest.count(b"word") == WORDS
            assert rest.endswith(b"data: [DONE]\n\n")


@pytest.mark.live
@pytest.mark.parametrize("engine", ["llama"])
def test_the_model_goes_on_answering_after_a_change(engine: Any, tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    text = (ROOT / "openapi" / "openapi.yaml").read_text()
    # At first there is nothing that a model would answer.
    later = text
    for name in ("createChatCompletion", "createCompletion", "createEmbedding"):
        assert f"operationId: {name}\n" in text
        later = later.replace(f"operationId: {name}\n", f"operationId: later{name}\n")
    document.write_text(later)
    with serve(engine, {"PARLEY_SPEC": str(document), "PARLEY_RELOAD": "1"}) as server:
        document.write_text(text)
        server.log_line("has changed and is in force")
        body = {"model": "parley-tiny", "messages": [{"role": "user", "content": "Hello!"}]}
        assert server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer).status == 200
