"""The contract that ships, loaded once."""

import pytest

from app.contract.document import Document
from app.settings import Settings
from app.wiring import contract_path

from ..foreign import NEWEST, OLDER, foreign


@pytest.fixture(scope="session")
def document() -> Document:
    return Document.load(contract_path(Settings()))


@pytest.fixture(scope="session", params=[NEWEST, OLDER])
def openai_document(request: pytest.FixtureRequest) -> Document:
    return Document.load(foreign(request.param))
