"""The Symfony bundle that openapi-generator makes of the contract, in an application of Debian's Symfony 5.4.

Debian has no jms/serializer; `symfony/jms` stands in for what the bundle uses of it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..live import KEY, Answer, Server, free_port, serve
from ..openapi import component_accepts
from ..patience import wait_until
from . import pages
from .comparing import compare, table
from .generating import FOLDER, generate, needs, put, run
from .requests import MODEL, SAID, requests

pytestmark = [pytest.mark.live, pytest.mark.clients]

OURS = Path(__file__).parent / "symfony"
PACKAGES = ("Bundle/FrameworkBundle", "Component/Validator", "Component/Yaml")

# What the bundle refuses although it is valid: its one class for all messages has a text as the content, and its class
# for the choice of a tool takes no text.
REFUSED = {"a system message in parts", "a user message in parts", "no tool is to be called"}


@pytest.fixture(scope="module")
def bundle() -> Path:
    """The generated bundle."""
    needs("java", "php")
    missing = [name for name in PACKAGES if not Path("/usr/share/php/Symfony", name, "autoload.php").exists()]
    if missing:
        pytest.skip(f"Debian's Symfony lacks {', '.join(missing)}")
    # `Response` is Symfony's own.
    return generate("php-symfony", ["--model-name-mappings=Response=ResponseObject"])


@pytest.fixture(scope="module")
def application(bundle: Path) -> Path:
    """A Symfony application: ours, configured by the blocks of the bundle's README, with the handler of our page."""
    folder = FOLDER / "symfony"
    # With it goes the container that Symfony compiled of an earlier state.
    shutil.rmtree(folder, ignore_errors=True)
    put(OURS, folder)
    readme = bundle / "README.md"
    (folder / "config" / "bundles.php").write_text("<?php\n" + pages.block(readme, "php", "OpenAPIServerBundle::class"))
    (folder / "config" / "routes.yaml").write_text(pages.block(readme, "yaml", "routing.yaml"))
    (folder / "config" / "services.yaml").write_text(pages.block(readme, "yaml", "open_api_server.api"))
    handler = folder / "src" / "Acme" / "MyBundle" / "Api" / "ChatApi.php"
    handler.write_text(pages.block(pages.PAGE, "php", "class ChatApi"))
    return folder


@pytest.fixture(scope="module")
def symfony(application: Path) -> Iterator[str]:
    """The address of the application, up to ``/v1``."""
    port = free_port()
    with (application / "log").open("wb") as log:
        server = subprocess.Popen(
            ["php", "-S", f"127.0.0.1:{port}", "public/index.php"],
            cwd=application,
            env={**os.environ, "CHAT_KEY": KEY},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _ask(port, "GET", "/v1/models").status == 200, "PHP's server does not answer")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def test_every_class_of_the_generated_bundle_loads(application: Path, bundle: Path) -> None:
    models = len(list((bundle / "Model").glob("*.php")))
    assert models > 100
    assert int(run(["php", "load.php"], application).split()[0]) > models


def test_a_generated_handler_sets_status_and_headers_as_one_of_parleys_does(symfony: str, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "chat.py").write_text(pages.block(pages.PAGE, "python", "create_chat_completion"))
    with serve("echo", {"PARLEY_HANDLERS": "acme", "PYTHONPATH": str(tmp_path)}) as parley:
        for port in (int(symfony.split(":")[2].split("/")[0]), parley.port):
            said = _chat(port)
            assert said.status == 200
            assert said.headers["x-answered-by"] == "acme"
            assert said.json()["choices"][0]["message"]["content"] == "Hello from Acme."
            assert component_accepts("CreateChatCompletionResponse", said.json())

            refused = _chat(port, user="guest")
            assert refused.status == 429
            assert refused.headers["retry-after"] == "30"
            assert refused.json()["error"]["param"] == "user"
            assert component_accepts("ErrorResponse", refused.json())

            assert _chat(port, key="sk-wrong").status == 401


def test_the_generated_bundle_takes_all_that_is_valid_but_what_its_classes_have_no_room_for(
    symfony: str, llama_server: Server
) -> None:
    rows = compare((symfony, KEY), (llama_server.base, llama_server.key), requests())
    assert {row.request.name for row in rows if row.differs and not row.stricter} == REFUSED
    assert [row.request.name for row in rows if row.theirs >= 500] == []
    pages.hold("symfony", table(rows, "Symfony"))


@pytest.mark.parametrize("model", ["parley-tiny", "team/assistant"])
def test_the_generated_bundle_routes_the_id_of_any_model(symfony: str, model: str) -> None:
    answer = _ask(int(symfony.split(":")[2].split("/")[0]), "GET", f"/v1/models/{model}")
    assert answer.status == 200
    assert answer.json()["id"] == model


def test_the_faults_of_the_generated_bundle_that_the_page_tells_of_are_still_there(
    application: Path, bundle: Path
) -> None:
    # One class for six kinds of messages, with the constraints of the last kind.
    assert "Assert\\Choice(['function'])" in (bundle / "Model" / "ChatCompletionRequestMessage.php").read_text()
    # A type that is nowhere.
    assert '@Type("array<string, AnyType>")' in (bundle / "Model" / "FunctionObject.php").read_text()
    # The class that the README shows lacks an import and a method.
    (application / "shown.php").write_text(pages.block(bundle / "README.md", "php", "class ChatApi implements"))
    with pytest.raises(AssertionError, match=r"must be compatible|abstract method"):
        run(["php", "-d", "auto_prepend_file=autoload.php", "shown.php"], application)


def _chat(port: int, *, key: str = KEY, **more: Any) -> Answer:
    body = json.dumps({"model": MODEL, "messages": SAID, **more}).encode()
    return _ask(port, "POST", "/v1/chat/completions", body, key)


def _ask(port: int, method: str, path: str, body: bytes | None = None, key: str = KEY) -> Answer:
    """One request; status 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.msg, response.read())
        except ConnectionRefusedError:
            return Answer(0, http.client.HTTPMessage(), b"")
