"""Awaits the next event of a stream. If it is not available at once, something else is done before the wait.

So events that are already buffered by an engine, such as a burst, can be sent together.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def await_or(step: Awaitable[T], before_waiting: Callable[[], Awaitable[None]]) -> T:
    """Return the result of ``step``. If it is not available at once, ``before_waiting`` is awaited first."""
    running = step.__await__()
    try:
        waited_for = next(running)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    return await go_on(running, waited_for, before_waiting)


@types.coroutine
def go_on(
    running: Generator[Any, Any, T], waited_for: object, before_waiting: Callable[[], Awaitable[None]] | None = None
) -> Generator[object, object, T]:
    """Return the result of a step that has begun: ``running`` is its iterator (what ``__await__`` returns), and
    ``waited_for`` is what that gave first. ``before_waiting``, if given, is awaited first."""
    try:
        if before_waiting is not None:
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
