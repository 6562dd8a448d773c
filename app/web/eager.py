"""Awaits the next event of a stream and, only if that takes a wait, does something first.

What an engine gives at once, because a burst of it lies there already, can so be sent together.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

T = TypeVar("T")


@types.coroutine
def await_or(step: Awaitable[T], before_waiting: Callable[[], Awaitable[None]]) -> Generator[object, object, T]:
    """What ``step`` gives. ``before_waiting`` is awaited when it does not give it at once."""
    running = step.__await__()
    try:
        waited_for = next(running)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    try:
        yield from before_waiting().__await__()
    except BaseException as error:
        # The step is told as well, for nobody can wait for it any more.
        with contextlib.suppress(BaseException):
            running.throw(error)
        raise
    while True:
        try:
            sent = yield waited_for
        except GeneratorExit:
            running.close()
            raise
        except BaseException as error:
            thrown: BaseException | None = error
        else:
            thrown = None
        try:
            waited_for = running.send(sent) if thrown is None else running.throw(thrown)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
