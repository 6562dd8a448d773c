"""What handlers of one's own may be and give: coroutines and functions, tuples, streams, failures."""

from __future__ import annotations

import json
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from ..live import Server, serve
from ..patience import PATIENCE, wait_until
from .inprocess import openapi

pytestmark = pytest.mark.live

HANDLERS = """
    import os
    import threading
    import time
    from pathlib import Path
    import flask
    from parley import Reply, Stream

    async def quick():
        return {"kind": "async"}

    def slow():
        Path(os.environ["BEGUN"], str(threading.get_ident())).touch()
        while not Path(os.environ["BEGUN"], "over").exists():
            time.sleep(0.01)
        return {"path": flask.request.path}

    def breaks():
        raise ValueError("sk-" + "secret")

    async def breaks_later():
        return {"x": 1 / 0}

    def pair():
        return {"kind": "def"}, 202

    async def triple():
        return {"kind": "async"}, 201, {"x-mine": "1"}

    async def nothing():
        return None

    async def events():
        async def each():
            for number in range(3):
                yield {"number": number}
        return Stream(each())

    async def events_break():
        async def each():
            yield {"number": 0}
            raise ValueError("sk-" + "secret")
        return Stream(each())

    async def named(self):
        return {"self": self}
"""


def _answers(name: str) -> dict[str, Any]:
    body = {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": {"type": "object"}}}
    return {"get": {"operationId": name, "tags": ["Own"], "responses": {"2XX": {"description": "", "content": body}}}}


@pytest.fixture(scope="module")
def server(folder: Path) -> Any:
    (folder / "own_kinds").mkdir()
    (folder / "own_kinds" / "__init__.py").touch()
    (folder / "own_kinds" / "own.py").write_text(textwrap.dedent(HANDLERS))
    names = [line.split("def ")[1].split("(")[0] for line in HANDLERS.splitlines() if line.startswith("    ") and
             not line.startswith("     ") and "def " in line]  # fmt: skip
    paths = {f"/{name}": _answers(name) for name in names if name != "named"}
    parameter = {"name": "self", "in": "path", "required": True, "schema": {"type": "integer"}}
    paths["/named/{self}"] = {**_answers("named"), "parameters": [parameter]}
    (folder / "api.json").write_text(json.dumps(openapi(paths)))
    env = {"PARLEY_SPEC": str(folder / "api.json"), "PARLEY_HANDLERS": "own_kinds", "PYTHONPATH": str(folder)}
    (folder / "begun").mkdir()
    env["BEGUN"] = str(folder / "begun")
    with serve("echo", env) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own handlers")


def get(server: Server, path: str) -> tuple[int, Any]:
    answer = server.request("GET", path, headers=server.bearer)
    return answer.status, answer.json() if answer.body else None


def test_a_function_that_blocks_holds_nobody_up(server: Server, folder: Path) -> None:
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(get(server, "/slow"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(list((folder / "begun").iterdir())) == 4, "they do not run side by side")
    assert get(server, "/quick") == (200, {"kind": "async"})
    assert found == []
    (folder / "begun" / "over").touch()
    for thread in threads:
        thread.join(PATIENCE)
    assert found == [(200, {"path": "/slow"})] * 4


@pytest.mark.parametrize("path", ["/breaks", "/breaks_later"])
def test_a_handler_that_fails_is_a_500_that_tells_nothing(server: Server, path: str) -> None:
    status, body = get(server, path)
    assert (status, body["error"]["code"]) == (500, "internal_error")
    assert "secret" not in json.dumps(body)
    assert "sk-secret" not in server.log()


def test_a_handler_may_give_a_status_and_headers_too(server: Server) -> None:
    assert get(server, "/pair") == (202, {"kind": "def"})
    answer = server.request("GET", "/triple", headers=server.bearer)
    assert (answer.status, answer.json(), answer.headers["x-mine"]) == (201, {"kind": "async"}, "1")
    assert get(server, "/nothing") == (204, None)


def test_a_handler_may_give_a_stream_whose_failure_is_an_event(server: Server) -> None:
    text = server.request("GET", "/events", headers=server.bearer).body.decode()
    assert text == "".join(f'data: {{"number":{number}}}\n\n' for number in range(3)) + "data: [DONE]\n\n"
    broken = server.request("GET", "/events_break", headers=server.bearer).body.decode()
    assert '"code":"internal_error"' in broken
    assert broken.endswith("data: [DONE]\n\n")
    assert "secret" not in broken


def test_a_parameter_may_be_called_as_python_calls_the_object_itself(server: Server) -> None:
    assert get(server, "/named/7") == (200, {"self": 7})
