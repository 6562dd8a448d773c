"""One server of each kind for all tests that leave it as they found it. A test that uses one is marked ``live``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .live import Server, serve

pytest_plugins = ["tests.guard"]


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
