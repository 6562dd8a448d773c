"""Code that openapi-generator makes of the contract, and the tools that build it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from app.contract.document import Document

from ..openapi import CONTRACT, ROOT

FOLDER = ROOT / "build" / "clients"
# A build on a clean machine fetches what it depends on; only one that hangs takes longer.
_BUILD_SECONDS = 840
_STAMP = ".generated"


def needs(*programs: str) -> None:
    """Skip the test, or the module, unless these programs are there."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"there is no {', no '.join(missing)}", allow_module_level=True)


def generate(
    generator: str, options: Sequence[str] = (), *, name: str | None = None, document: Path | str = CONTRACT
) -> Path:
    """The folder with what a generator makes of a document, made again only when either has changed.

    A document of several files becomes one first. What was built in it stays, so that a second build is short.
    ``name`` is the folder's, by default the generator's. A document that is a URL counts as changed when the URL has.
    """
    if isinstance(document, Path):
        content = Document.load(document).json_bytes
        document = FOLDER / f"{document.stem}.json"
        FOLDER.mkdir(parents=True, exist_ok=True)
        document.write_bytes(content)
    else:
        content = document.encode()
    jar = _jar()
    folder = FOLDER / (name or generator)
    asked = [generator, *options, version("openapi-generator-cli"), hashlib.sha256(content).hexdigest()]
    stamp = folder / _STAMP
    if stamp.exists() and json.loads(stamp.read_text()) == asked:
        return folder
    stamp.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    command = ["java", "-jar", str(jar), "generate", "-g", generator, "-i", str(document), "-o", str(folder)]
    run([*command, *options], folder)
    stamp.write_text(json.dumps(asked))
    return folder


def run(
    command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None, seconds: float = _BUILD_SECONDS
) -> str:
    """Run a command in a folder to its end, and give what it printed, stdout before stderr.

    Raises:
        AssertionError: it failed, or did not end in time; the end of what it printed is in the message.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise AssertionError(f"{' '.join(command)}: it did not end in {seconds:.0f} s") from error
    printed = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(command)}: it ended with {done.returncode}:\n{printed[-6000:]}"
    return printed


def put(source: Path, target: Path) -> None:
    """Lay a folder of ours over a generated one. A file that has not changed keeps its time, so nothing is built again
    for it."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        placed = target / file.relative_to(source)
        placed.parent.mkdir(parents=True, exist_ok=True)
        if not placed.exists() or placed.read_bytes() != file.read_bytes():
            shutil.copyfile(file, placed)


def _clear(folder: Path) -> None:
    """Remove what was generated before: of a schema that is gone nothing is to be built any more."""
    listed = folder / ".openapi-generator" / "FILES"
    if listed.exists():
        for name in listed.read_text(encoding="utf-8").splitlines():
            (folder / name).unlink(missing_ok=True)


def _jar() -> Path:
    needs("java")
    spec = importlib.util.find_spec("openapi_generator_cli")
    if spec is None or spec.origin is None:
        pytest.skip("openapi-generator-cli is not installed", allow_module_level=True)
    return Path(spec.origin).parent / "openapi-generator.jar"
