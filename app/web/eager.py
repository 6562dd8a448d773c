"""Awaits the next event of a stream. If it is not available at once, something else is done before the wait.

So events that are already buffered by an engine, such as a burst, can be sent together.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

T = TypeVar("T")


@types.coroutine
def await_or(step: Awaitable[T], before_waiting: Callable[[], Awaitable[None]]) -> Generator[object, object, T]:
    """Return the result of ``step``. If it is not available at once, ``before_waiting`` is awaited first."""
    running = step.__await__()
    try:
        waited_for = next(running)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    try:
        yield from before_waiting().__await__()
    except BaseException as error:
        # The exception is thrown into the step as well, since nothing can await it any more.
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
