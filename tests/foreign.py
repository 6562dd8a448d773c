"""OpenAI's own documents, no part of this project: they lie in the folder that PARLEY_TEST_SPECS names, or tests that
need one are skipped."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PARLEY_TEST_SPECS", "/nowhere"))
NEWEST = "openai-3.1.0-2026-08.yaml"
OLDER = "openai-3.0.0-2025-02.yaml"


def foreign(name: str) -> Path:
    """The path of a document; without it the test that asks is skipped."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"PARLEY_TEST_SPECS names no folder with {name}")
    return path
