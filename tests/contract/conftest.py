"""The contract that ships, loaded once."""

import os
from pathlib import Path

import pytest

from app.contract.document import Document
from app.settings import Settings
from app.wiring import contract_path

# The folder of OpenAI's own documents.
SPECS = Path(os.environ.get("PARLEY_TEST_SPECS", "/nowhere"))


@pytest.fixture(scope="session")
def document() -> Document:
    return Document.load(contract_path(Settings()))


@pytest.fixture(scope="session", params=["openai-3.1.0-2026-08.yaml", "openai-3.0.0-2025-02.yaml"])
def openai_document(request: pytest.FixtureRequest) -> Document:
    path = SPECS / request.param
    if not path.exists():
        pytest.skip(f"PARLEY_TEST_SPECS names no folder with {path.name}")
    return Document.load(path)
