"""The contract that ships, loaded once."""

from pathlib import Path

import pytest

from app.contract.document import Document
from app.settings import Settings
from app.wiring import contract_path

OPENAI_DOCUMENTS = Path(__file__).parents[3] / "shared" / "specs"


@pytest.fixture(scope="session")
def document() -> Document:
    return Document.load(contract_path(Settings()))


@pytest.fixture(scope="session", params=["openai-3.1.0-2026-08.yaml", "openai-3.0.0-2025-02.yaml"])
def openai_document(request: pytest.FixtureRequest) -> Document:
    path = OPENAI_DOCUMENTS / request.param
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return Document.load(path)
