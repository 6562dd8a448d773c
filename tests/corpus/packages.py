"""Packages of npm and PyPI that ship OpenAPI documents, each pinned and unpacked under ``build/documents``."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..live import ROOT

BUILD = ROOT / "build" / "documents"

# Seconds for fetching one package.
_PATIENCE = 300.0


class Unavailable(Exception):
    """A package cannot be had here. The message says why, in a line."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a registry, in one version. Of PyPI's the ``wheel`` is fetched, or the ``sdist``."""

    registry: Literal["npm", "wheel", "sdist"]
    name: str
    version: str

    @property
    def folder(self) -> Path:
        return BUILD / re.sub(r"[^a-z0-9.]+", "-", f"{self.name}-{self.version}".lower()).strip("-")

    def fetch(self) -> Path:
        """The folder with its files; it is fetched unless it is there.

        Raises:
            Unavailable: the registry's client is not here, or fails.
        """
        if not self.folder.exists():
            fetched = self.folder.with_suffix(".fetched")
            shutil.rmtree(fetched, ignore_errors=True)
            fetched.mkdir(parents=True)
            self._run(self._command(fetched))
            unpacked = self.folder.with_suffix(".unpacked")
            shutil.rmtree(unpacked, ignore_errors=True)
            _unpack(next(fetched.iterdir()), unpacked)
            shutil.rmtree(fetched)
            unpacked.rename(self.folder)
        return self.folder

    def _command(self, folder: Path) -> list[str]:
        if self.registry == "npm":
            return ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{self.name}@{self.version}"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        form = ["--only-binary" if self.registry == "wheel" else "--no-binary", self.name]
        return [*pip, *form, "--dest", str(folder), f"{self.name}=={self.version}"]

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
        except FileNotFoundError:
            raise Unavailable(f"{self.name}: {command[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{self.name}: it was not there in {_PATIENCE:g} s") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["it does not say why"]
            raise Unavailable(f"{self.name}: {lines[-1]}"[:300])


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive, without the one folder around all that npm's and source distributions have."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
        return
    around = folder.with_suffix(".around")
    shutil.rmtree(around, ignore_errors=True)
    with tarfile.open(archive) as files:
        files.extractall(around, filter="data")
    next(around.iterdir()).rename(folder)
    shutil.rmtree(around)
