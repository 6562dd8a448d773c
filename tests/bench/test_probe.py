"""The probe charges each layer with its own time: not with that of layers inside it, nor with waiting."""

from __future__ import annotations

import asyncio
import importlib
import time
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from app.settings import Settings
from bench import inside, probe, server
from bench.parts import layers
from bench.probe import Probe


def spin(milliseconds: float) -> None:
    # By the thread's own time, so that a busy machine makes it last longer, not less.
    end = time.thread_time() + milliseconds / 1e3
    while time.thread_time() < end:
        pass


def test_a_layer_is_charged_with_its_own_time_and_not_with_that_of_layers_inside() -> None:
    found = Probe()
    inner = found.wrapped(lambda: time.sleep(0.2), "inner")

    def both() -> None:
        spin(5)
        inner()
        inner()

    found.wrapped(both, "outer")()
    assert found.spent["inner"] >= 400e6
    assert 5e6 <= found.spent["outer"] < 400e6


def test_of_a_coroutine_the_steps_are_charged_and_the_waiting_is_not() -> None:
    found = Probe()

    async def work() -> str:
        spin(5)
        await asyncio.sleep(0.5)
        spin(5)
        return "done"

    async def caller() -> object:
        return await found.wrapped(work, "layer")()

    assert asyncio.run(caller()) == "done"
    assert 10e6 <= found.spent["layer"] < 400e6
    assert found.crossed["layer", "step"] == 2


def test_a_coroutine_that_is_cancelled_ends_as_it_would_without() -> None:
    found = Probe()
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    wrapped = found.wrapped(work, "layer")

    async def caller() -> None:
        await wrapped()

    async def cancelled() -> None:
        task = asyncio.create_task(caller())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert seen == ["cancelled"]


def test_an_exception_goes_through_and_the_layer_around_is_charged_again() -> None:
    found = Probe()

    def fail() -> None:
        raise KeyError("x")

    inner = found.wrapped(fail, "inner")

    def outer() -> None:
        with pytest.raises(KeyError):
            inner()
        spin(20)

    found.wrapped(outer, "outer")()
    assert found.spent["outer"] >= 20e6
    assert found.crossed["inner", "call"] == 1


def test_what_the_wrapping_takes_is_taken_off() -> None:
    overheads = probe.calibrated()
    found = Probe()
    nothing = found.wrapped(lambda: None, "inner")

    def repeat() -> None:
        for _ in range(10_000):
            nothing()

    found.wrapped(repeat, "outer")()
    corrected = found.corrected(overheads)
    for layer in ("outer", "inner"):
        assert corrected[layer] < found.spent[layer]


def test_what_is_wrapped_is_as_it_was_afterwards() -> None:
    boundaries = [each for found in layers.LAYERS.values() for each in found]
    before = [attribute(*each) for each in boundaries]
    with probe.probing(layers.LAYERS):
        assert all(attribute(*each) is not was for each, was in zip(boundaries, before, strict=True))
    assert all(attribute(*each) is was for each, was in zip(boundaries, before, strict=True))


def attribute(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for each in name.split("."):
        found = getattr(found, each)
    return getattr(found, "__func__", found)


def test_a_boundary_that_is_not_there_any_more_is_told() -> None:
    with (
        pytest.raises(AttributeError, match="no_such_function"),
        probe.probing({"a": [("bench.probe", "no_such_function")]}),
    ):
        pass


def test_an_echo_request_meets_every_layer_but_those_of_the_connections(tmp_path: Path) -> None:
    app = create_app(Settings(engine="echo", api_keys=(server.KEY,)))
    with inside.logging_to(tmp_path / "log"), probe.probing(layers.LAYERS) as found:
        asyncio.run(inside.repeat(inside.caller(app, inside.body("parley-echo")), 1))
    met = {layer for layer, _ in found.crossed}
    assert met == {*layers.WHAT} - {layers.HTTP, layers.CLIENT}
    assert "POST" in (tmp_path / "log").read_text()


def test_every_layer_says_what_it_does() -> None:
    assert {*layers.WHAT} == {layers.HTTP, *layers.LAYERS}
