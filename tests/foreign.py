"""Documents that are not the one that ships: what holds for any document is tested on each of them.

`OURS` was written for the tests, in both versions, and lies in ``tests/web/documents/studio``. OpenAI's own are no part
of this project: they lie in the folder that PARLEY_TEST_SPECS names, or tests that need one are skipped.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

import pytest

from .web.vendors import FOLDER as STUDIO
from .web.vendors import copy_as

FOLDER = Path(os.environ.get("PARLEY_TEST_SPECS", "/nowhere"))
NEWEST = "openai-3.1.0-2026-08.yaml"
OLDER = "openai-3.0.0-2025-02.yaml"
OPENAIS = (OLDER, NEWEST)
OURS = ("studio-3.0.3", "studio-3.1.0")
FOREIGN = (*OURS, *OPENAIS)


def foreign(name: str) -> Path:
    """The path of a document; without one of OpenAI's the test that asks is skipped."""
    if name in OURS:
        return _studio(name.removeprefix("studio-"))
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"PARLEY_TEST_SPECS names no folder with {name}")
    return path


@cache
def _studio(version: str) -> Path:
    copy_as(version, STUDIO / "studio", Path(_copies().name) / version)
    return Path(_copies().name) / version / "openapi.yaml"


@cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the process."""
    return tempfile.TemporaryDirectory()
