"""The steps of the Dockerfile, without Docker: what is sent to the builder is installed, and the image's command
starts a server from it, in an empty folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..live import KEY, ROOT, free_port
from ..patience import PATIENCE, wait_until
from .context import sent_to_the_builder

pytestmark = pytest.mark.live

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def exec_form(instruction: str) -> list[str]:
    """The words of an instruction that is written as JSON, so that no shell stands between it and its signals."""
    block = DOCKERFILE.replace("\\\n", " ")
    (found,) = re.findall(rf"^{instruction} .*?(\[\".*\])$", block, re.MULTILINE)
    words: list[str] = json.loads(found)
    return words


@pytest.fixture(scope="module")
def installed(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package was installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    run = subprocess.run(
        [*pip, "--target", folder, context], capture_output=True, text=True, timeout=2 * PATIENCE, check=False
    )
    assert run.returncode == 0, run.stderr
    return folder


def test_the_builder_gets_neither_keys_nor_tests_nor_history(context: Path) -> None:
    assert not sent_to_the_builder(Path("deploy/secrets/api-keys"))
    assert not sent_to_the_builder(Path("deploy/.env"))
    assert not sent_to_the_builder(Path(".git/config"))
    assert not (context / "tests").exists()
    assert (context / "setup.cfg").exists()


def test_the_builder_gets_every_file_that_a_step_copies_by_name(context: Path) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert "requirements.lock" in copied
    for names in copied:
        assert all((context / name).exists() for name in names.split())
    assert "--require-hashes" in DOCKERFILE


def test_all_modules_and_data_of_the_server_are_installed(installed: Path) -> None:
    for folder in ("app", "openapi", "parley"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".typed", ".yaml", ".gguf", ".html") and "__pycache__" not in path.parts:
                relative = path.relative_to(ROOT)
                place = installed / ("app" if folder == "openapi" else "") / relative
                assert place.exists(), f"setup.cfg leaves out {relative}"


@contextlib.contextmanager
def served(installed: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """The image's command in an empty folder, with the image's settings; the process and its environment."""
    port = free_port()
    for name in ("srv", "tmp", "cache", "state"):
        (folder / name).mkdir()
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(installed),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PARLEY_STATE_DIR": str(folder / "state"),
        "PARLEY_HOST": "127.0.0.1",
        "PARLEY_PORT": str(port),
        "PARLEY_API_KEYS": KEY,
        "PARLEY_GRACEFUL_TIMEOUT": "3",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(exec_form("CMD"), cwd=folder / "srv", env=environ, stdout=log, stderr=log)
    try:
        yield process, environ
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def healthy(environ: dict[str, str]) -> bool:
    """What Docker would find: the image's HEALTHCHECK, run where the server runs."""
    command = exec_form("HEALTHCHECK")
    return (
        subprocess.run(command, env=environ, stderr=subprocess.DEVNULL, timeout=PATIENCE, check=False).returncode == 0
    )


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_the_images_command_serves_from_an_empty_folder_is_healthy_and_ends_in_good_order(
    installed: Path, tmp_path: Path
) -> None:
    before = files(installed)
    where = [sys.executable, "-c", "import app; print(app.__file__)"]
    with served(installed, tmp_path) as (process, environ):
        assert not healthy(environ | {"PARLEY_PORT": str(free_port())}), "nobody listens there"

        def is_healthy() -> bool:
            assert process.poll() is None, (tmp_path / "log").read_text()
            return healthy(environ)

        wait_until(is_healthy, "it is not healthy")
        found = subprocess.run(
            where, cwd=tmp_path / "srv", env=environ, capture_output=True, text=True, check=True
        ).stdout
        assert Path(found.strip()).is_relative_to(installed), "not the checkout"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert list((tmp_path / "srv").iterdir()) == []
    assert files(installed) == before, "only the folders for files that pass are written to"
