"""A wheel is installed into an empty environment, and served from a folder that is not ours: with what is pinned, and
with the oldest versions that setup.cfg allows."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.requirements import floor, requirements

from ..live import KEY, ROOT, free_port
from ..patience import PATIENCE, wait_until

pytestmark = pytest.mark.live

# Downloads, of a network that is not ours.
LONG = 6 * PATIENCE

PETS = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {"/pets": {"get": {"operationId": "listPets", "tags": ["Pets"], "responses": {"200": {}}}}},
}
# Modules of the user's that have the names of ours.
SHADOWS = {"app.py": "raise SystemExit('this app is the user\\'s')\n", "wsgi.py": "raise SystemExit('so is this')\n"}
HANDLERS = """
from parley import ApiError, Reply


async def list_models():
    return Reply({"object": "list", "data": []}, 200, {"x-shop": "1"})


def retrieve_model(model):
    raise ApiError("There are no models here.")
"""


@pytest.fixture(scope="module")
def wheel(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", folder, context)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(
    scope="module", params=["locked", pytest.param("floors", marks=pytest.mark.floors)], ids=["locked", "floors"]
)
def environment(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that has Parley alone, and what it depends on."""
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    if request.param == "locked":
        pip(python, "install", "--require-hashes", "-r", ROOT / "requirements.lock")
        # Nothing is left to be found: what the wheel demands is what the lock has.
        pip(python, "install", "--no-index", wheel)
    else:
        pip(python, "install", wheel, *map(floor, requirements([])))
    return folder / "bin"


def pip(python: str | Path, *arguments: str | Path) -> None:
    run = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", arguments[0], "--quiet", *arguments[1:]],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user's, with a document, handlers, and modules whose names are ours."""
    here = tmp_path / "shop"
    (here / "shop").mkdir(parents=True)
    (here / "shop" / "__init__.py").touch()
    (here / "shop" / "models.py").write_text(HANDLERS)
    (here / "pets.json").write_text(json.dumps(PETS))
    for name, text in SHADOWS.items():
        (here / name).write_text(text)
    return here


def variables(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a program: none of Python's variables, and no folder of ours."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PARLEY_", "PYTHON", "VIRTUAL_ENV"))
    }
    return {**kept, "XDG_CACHE_HOME": str(folder.parent), "PARLEY_STATE_DIR": str(folder.parent / "state"), **more}


def run(environment: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment / arguments[0], *arguments[1:]],
        cwd=folder,
        env=variables(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@contextlib.contextmanager
def serving(environment: Path, folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """``parley serve`` in a folder, whose log is beside that; the port and the process."""
    port = free_port()
    log = folder.parent / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [environment / "parley", "serve", "--port", str(port), "--", "--graceful-timeout", "3"],
            cwd=folder,
            env=variables(folder, PARLEY_API_KEYS=KEY, PARLEY_HANDLERS="shop"),
            stdout=output,
            stderr=output,
        )

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            return ask(port, "GET", "/healthz")[0] == 200
        return False

    try:
        wait_until(ready, "it is not ready")
        yield port, process
    finally:
        process.terminate()
        process.wait(PATIENCE)
    assert "Warning" not in log.read_text(), "who runs a server cannot mend what the packages do"


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, http.client.HTTPMessage, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()


def test_parley_serve_answers_beside_modules_of_the_users_that_have_our_names(environment: Path, folder: Path) -> None:
    request = {"model": "parley-tiny", "temperature": 0, "messages": [{"role": "user", "content": "Hello!"}]}
    with serving(environment, folder) as (port, process):
        status, _, text = ask(port, "POST", "/v1/chat/completions", request)
        assert status == 200, text
        assert json.loads(text)["choices"][0]["message"]["content"]
        status, headers, text = ask(port, "POST", "/v1/chat/completions", {**request, "stream": True})
        assert headers["content-type"].startswith("text/event-stream")
        assert text.endswith("data: [DONE]\n\n")
        status, _, text = ask(port, "POST", "/v1/chat/completions", {**request, "temperature": 9})
        assert (status, json.loads(text)["error"]["param"]) == (400, "temperature")
        status, headers, text = ask(port, "GET", "/v1/models")
        assert (status, headers["x-shop"], json.loads(text)["data"]) == (200, "1", [])
        status, _, text = ask(port, "GET", "/v1/models/x")
        assert (status, json.loads(text)["error"]["message"]) == (500, "There are no models here.")
        assert ask(port, "GET", "/v1/ui/")[0] == 200
        # A reload builds the application once more, in a process of its own.
        log = folder.parent / "log"
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: log.read_text().count("Booting worker") == 2, "no new worker")
        assert "not reloaded" not in log.read_text()
        assert ask(port, "POST", "/v1/chat/completions", request)[0] == 200


def test_the_commands_work_there(environment: Path, folder: Path) -> None:
    checked = run(environment, folder, "parley", "contract", "check", "pets.json")
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"^GET +/pets +listPets ", checked.stdout, re.MULTILINE)
    assert run(environment, folder, "parley", "--version").stdout.startswith("parley 0.")
    models = run(environment, folder, "python", "-m", "parley", "models", "list")
    assert models.stdout.startswith("parley-tiny\n"), models.stderr


def test_flask_finds_the_same_commands_where_no_other_module_has_our_names(environment: Path, tmp_path: Path) -> None:
    listed = run(environment, tmp_path, "flask", "--app", "wsgi", "models", "list")
    assert listed.stdout.startswith("parley-tiny\n"), listed.stderr


def test_type_checkers_know_what_parley_has(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "typed.py").write_text("from parley import Reply, create_app\n\nreveal_type(Reply())\nReply(statu=1)\n")
    options = ("--python-executable", environment / "python", "--cache-dir", tmp_path)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "typed.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    told = checked.stdout
    assert 'Revealed type is "app.web.answers.Reply"' in told
    assert re.search(r'Unexpected keyword argument "statu" for "Reply"', told)
    assert "Found 1 error in 1 file" in told
