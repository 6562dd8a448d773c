from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas

from ..scripted_replicas import ScriptedReplicas
from . import peers


@pytest.fixture(scope="session")
def llama() -> Iterator[str]:
    """The base URL of a real llama.cpp server."""
    with peers.llama_server() as url:
        yield url


@pytest.fixture
def scripted() -> Iterator[Callable[..., peers.Front]]:
    """Makes applications in front of an upstream that answers what the test says."""
    made: list[peers.Front] = []

    def make(answer: Any = None, events: Any = (), dialect: str = "openai", **options: Any) -> peers.Front:
        front = peers.Front(ScriptedReplicas(answer, events), dialect, **options)
        made.append(front)
        return front

    yield make
    for front in made:
        front.close()


@pytest.fixture
def live() -> Iterator[Callable[..., peers.Front]]:
    """Makes applications in front of a real server."""
    made: list[peers.Front] = []

    def make(url: str, dialect: str, *, key: str = peers.KEY, **options: Any) -> peers.Front:
        replicas = Replicas(UpstreamOptions(name="our-model", base_urls=(url,), key=key))
        front = peers.Front(replicas, dialect, **options)
        made.append(front)
        return front

    yield make
    for front in made:
        front.close()
