"""The model processes of a server: what is wanted still is kept, what cannot be loaded changes nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.configuration.model_file import BUNDLED_MODEL, served_model
from app.engines.llama.process import ModelProcess
from app.errors import ConfigurationError
from app.model_process.address import KEY_VARIABLE, SOCKET_VARIABLE, address_from_environment
from app.model_process.pool import Launch, ProcessPool

from ..configuration.entries import model_file

pytestmark = pytest.mark.live


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessPool]:
    for name in [name for name in os.environ if "_CHILD_" in name]:
        monkeypatch.delenv(name)
    pool = ProcessPool()
    yield pool
    pool.close()
    for name in [name for name in os.environ if "_CHILD_" in name]:
        del os.environ[name]


def published() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith((SOCKET_VARIABLE, KEY_VARIABLE))}


def is_loaded(number: int) -> bool:
    async def ask() -> bool:
        process = ModelProcess(lambda: address_from_environment(number), 1)
        await process.start()
        try:
            return await process.ready()
        finally:
            await process.close()

    return asyncio.run(ask())


def small(context_length: int) -> Launch:
    return served_model(model_file(model_id=f"m{context_length}", context_length=context_length, slots=1)).launch


def test_models_are_published_in_their_order_and_kept_while_they_are_wanted(pool: ProcessPool) -> None:
    pool.launch([small(256), small(512)], workers=1, patience=20)
    assert is_loaded(0)
    assert is_loaded(1)
    first, second = address_from_environment(0), address_from_environment(1)
    pool.launch([small(512), small(256)], workers=1)
    assert (address_from_environment(0), address_from_environment(1)) == (second, first)
    pool.launch([small(256)], workers=1)
    assert address_from_environment(0) == first
    assert is_loaded(0)
    with pytest.raises(ConfigurationError):
        address_from_environment(1)
    pool.launch([], workers=1)
    assert published() == {}


def test_a_model_that_is_not_loaded_in_time_is_refused_and_those_that_run_stay(
    pool: ProcessPool, tmp_path: Path
) -> None:
    # A file whose head is right and whose tensors are nonsense to llama.cpp: it never loads.
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(BUNDLED_MODEL.read_bytes().replace(b"qwen3.block_count", b"qwen3.block_cound", 1))
    pool.launch([small(256)], workers=1, patience=20)
    before = published()
    with pytest.raises(ConfigurationError, match=r"broken\.gguf was not loaded within 1 seconds"):
        pool.launch([served_model(model_file(path=broken)).launch], workers=1, patience=1)
    assert published() == before
    assert [launch.options.context_length for launch in pool.launched] == [256]
    assert is_loaded(0)
