"""Environments of the programs that Parley is tried with, under ``build``: what they need is no part of Parley's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .live import ROOT

BUILD = ROOT / "build"

# No model comes from a hub: one that cannot be reached would only be waited for.
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}

# Seconds for a step of pip or npm: some compile, or fetch gigabytes.
_PATIENCE = 2400.0

# The requirements of an installed package. Labels of builds that only its makers' index has (``+cpu``) are left out.
_REQUIREMENTS_OF = """
import importlib.metadata, re, sys
for each in importlib.metadata.requires(sys.argv[1]) or ():
    if "extra ==" not in each:
        print(re.sub(r"(==[0-9.]+)[+][a-z0-9.]+", r"\\1", each))
"""


class Unavailable(Exception):
    """A program cannot be had here. The message says why, in a line."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with pinned packages, in the folder ``name`` of `BUILD`.

    ``relabelled`` names the one of them whose requirements pip cannot have as they stand, for they ask for builds with
    a label of their own. ``settings`` are variables of the environment for what is compiled.
    """

    name: str
    requirements: tuple[str, ...]
    relabelled: str | None = None
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> Path:
        return BUILD / self.name / ".venv"

    def program(self, name: str) -> str:
        """The path of a program in it."""
        return str(self.folder / "bin" / name)

    def make(self) -> None:
        """Make it, unless it is there with these packages.

        Raises:
            Unavailable: a step fails, or takes too long.
        """
        made = self.folder / ".made-of"
        if made.exists() and made.read_text() == repr(self):
            return
        self._step([sys.executable, "-m", "venv", "--clear", str(self.folder)])
        pip = [self.program("python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if self.relabelled is not None:
            package = self.relabelled.partition("==")[0]
            self._step([*pip, "--no-deps", self.relabelled])
            told = self._step([self.program("python"), "-c", _REQUIREMENTS_OF, package])
            self._step([*pip, *filter(None, told.splitlines()), *self.requirements])
        else:
            self._step([*pip, *self.requirements])
        made.write_text(repr(self))

    def version(self, package: str) -> str:
        """The version of a package in it."""
        code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
        return self._step([self.program("python"), "-c", code, package]).strip()

    def run(self, *arguments: str, seconds: float = _PATIENCE) -> None:
        """Run its Python to the end; raises as `make`."""
        self._step([self.program("python"), *arguments], seconds)

    def _step(self, command: list[str], seconds: float = _PATIENCE) -> str:
        return _step(self.name, command, ROOT, dict(self.settings), seconds)


@dataclass(frozen=True)
class NodeEnvironment:
    """Pinned packages of npm, in the folder ``name`` of `BUILD`."""

    name: str
    requirements: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return BUILD / self.name

    def program(self, name: str) -> str:
        """The path of a program in it."""
        return str(self.folder / "node_modules" / ".bin" / name)

    def make(self) -> None:
        """Make it, unless it is there with these packages; raises as `Environment.make`."""
        made = self.folder / ".made-of"
        if made.exists() and made.read_text() == repr(self):
            return
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable(f"{self.name}: npm is not installed")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        # npm would look for a package in the folders above.
        Path(self.folder, "package.json").write_text('{"private": true}')
        _step(self.name, [npm, "install", "--no-audit", "--no-fund", *self.requirements], self.folder)
        made.write_text(repr(self))

    def version(self, package: str) -> str:
        """The version of a package in it."""
        found: str = json.loads(Path(self.folder, "node_modules", package, "package.json").read_text())["version"]
        return found


def _step(
    name: str, command: list[str], folder: Path, settings: Mapping[str, str] | None = None, seconds: float = _PATIENCE
) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **OFFLINE, **(settings or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{name}: a step took more than {seconds:g} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["it does not say why"]
        raise Unavailable(f"{name}: {_cause(lines)}"[:300])
    return done.stdout


def _cause(lines: list[str]) -> str:
    """The line that says why a step failed: pip's begins so, Python's is the last."""
    return next((line for line in reversed(lines) if line.startswith("ERROR: ")), lines[-1]).removeprefix("ERROR: ")
