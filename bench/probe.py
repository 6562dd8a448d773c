"""Attributes the time of a request to layers, without a profiler.

Only the functions in which a layer begins are wrapped. A layer has the time between its beginning and its end that no
layer inside it has. What the wrapping itself takes is measured beforehand and taken off. A layer that waits is not
charged: a coroutine is timed from each of its steps' beginning to that step's end.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import types
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

# Where a layer begins: a module and the name of a function in it.
Boundary = tuple[str, str]

# Few enough that a try takes a few milliseconds: some of the tries are then not interrupted.
_CALIBRATIONS = 5_000
_CALL, _STEP = "call", "step"


@dataclass(frozen=True, slots=True)
class Overhead:
    """What one crossing of a boundary adds to the layer inside and to the one around it, in nanoseconds."""

    inside: float
    around: float


class Probe:
    """Counts nanoseconds by layer. It works in one thread, for any number of tasks."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.crossed: Counter[tuple[str, str]] = Counter()  # by layer and kind
        self.around: Counter[tuple[str, str]] = Counter()  # by the layer around and kind
        self._stack: list[str] = []
        self._since = 0

    def _enter(self, layer: str, kind: str) -> None:
        now = perf_counter_ns()
        if self._stack:
            self.spent[self._stack[-1]] += now - self._since
            self.around[self._stack[-1], kind] += 1
        self._stack.append(layer)
        self.crossed[layer, kind] += 1
        self._since = perf_counter_ns()

    def _leave(self) -> None:
        now = perf_counter_ns()
        self.spent[self._stack.pop()] += now - self._since
        self._since = perf_counter_ns()

    def wrapped(self, function: Callable[..., Any], layer: str) -> Callable[..., Any]:
        """The function, timed; so are the steps of a coroutine that it returns."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            def start(*args: Any, **kwargs: Any) -> Any:
                return self._steps(function(*args, **kwargs), layer)

            return start

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._enter(layer, _CALL)
            try:
                result = function(*args, **kwargs)
            finally:
                self._leave()
            return self._steps(result, layer) if inspect.iscoroutine(result) else result

        return call

    @types.coroutine
    def _steps(self, coroutine: Any, layer: str) -> Generator[Any, Any, Any]:
        step, value = coroutine.send, None
        while True:
            self._enter(layer, _STEP)
            try:
                waits_for = step(value)
            except StopIteration as end:
                return end.value
            finally:
                self._leave()
            try:
                step, value = coroutine.send, (yield waits_for)
            except BaseException as error:
                step, value = coroutine.throw, error

    def corrected(self, overheads: Mapping[str, Overhead]) -> dict[str, float]:
        """The nanoseconds of each layer without what the wrapping took."""
        return {
            layer: spent
            - sum(overheads[kind].inside * self.crossed[layer, kind] for kind in overheads)
            - sum(overheads[kind].around * self.around[layer, kind] for kind in overheads)
            for layer, spent in self.spent.items()
        }


@contextlib.contextmanager
def probing(layers: Mapping[str, Sequence[Boundary]]) -> Iterator[Probe]:
    """Wrap the boundaries of some layers for as long as the context lasts.

    Raises:
        AttributeError: a boundary is not there (any more).
    """
    probe = Probe()
    with contextlib.ExitStack() as stack:
        for layer, boundaries in layers.items():
            for module, name in boundaries:
                stack.callback(_replace(module, name, functools.partial(probe.wrapped, layer=layer)))
        yield probe


def _replace(module: str, name: str, wrap: Callable[[Any], Any]) -> Callable[[], None]:
    """Replace an attribute, and return what puts it back."""
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for each in path:
        owner = getattr(owner, each)
    function = getattr(owner, last)
    if last not in vars(owner):  # inherited
        setattr(owner, last, wrap(function))
        return lambda: delattr(owner, last)
    setattr(owner, last, wrap(function))
    return lambda: setattr(owner, last, function)


def calibrated() -> dict[str, Overhead]:
    """What crossing a boundary takes on this machine now, by the kind of crossing."""
    return {_CALL: _of_calls(), _STEP: _of_steps()}


def _nothing() -> None:
    pass


async def _nothing_later() -> None:
    pass


def _of_calls() -> Overhead:
    def repeat(function: Callable[[], None]) -> None:
        for _ in range(_CALIBRATIONS):
            function()

    return _overhead(lambda probe: repeat(probe.wrapped(_nothing, "inside")), lambda: repeat(_nothing))


def _of_steps() -> Overhead:
    async def repeat(function: Callable[[], Any]) -> None:
        for _ in range(_CALIBRATIONS):
            await function()

    def drive(coroutine: Any) -> None:
        with contextlib.suppress(StopIteration):
            coroutine.send(None)

    return _overhead(
        lambda probe: drive(repeat(probe.wrapped(_nothing_later, "inside"))), lambda: drive(repeat(_nothing_later))
    )


def _overhead(probed: Callable[[Probe], None], plain: Callable[[], None]) -> Overhead:
    """The least of several tries: what interrupts one is no overhead."""
    tries = []
    for _ in range(15):
        probe = Probe()
        probe.wrapped(probed, "around")(probe)
        begin = perf_counter_ns()
        plain()
        tries.append((probe.spent["inside"], probe.spent["around"], perf_counter_ns() - begin))
    # The function that does nothing takes some tens of nanoseconds, which are taken off the layer around.
    inside, around, alone = (min(column) / _CALIBRATIONS for column in zip(*tries, strict=True))
    return Overhead(inside, max(around - alone, 0.0))
