"""One server of each kind, and the documents, for all tests that leave them as they found them. A test that uses a
server is marked ``live``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.contract.document import Document
from app.settings import Settings
from app.wiring import contract_path

from .foreign import FOREIGN, foreign
from .live import Server, serve


@pytest.fixture(scope="session")
def document() -> Document:
    """The contract that ships."""
    return Document.load(contract_path(Settings()))


@pytest.fixture(scope="session", params=FOREIGN)
def foreign_document(request: pytest.FixtureRequest) -> Document:
    """Documents of others, each in turn."""
    return Document.load(foreign(request.param))


@pytest.fixture(scope="session")
def echo_server() -> Iterator[Server]:
    """A server without a model, which says the last message again."""
    with serve("echo") as server:
        yield server


@pytest.fixture(scope="session")
def llama_server() -> Iterator[Server]:
    """A server with the bundled model, ready to answer."""
    with serve("llama") as server:
        yield server
