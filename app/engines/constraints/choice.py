"""Answers of which the model chooses the kind: a call of a tool, or an answer in a format, or words.

It chooses as it begins, with nothing but its calls bound. When what it chose needs to be bound otherwise, it is asked
again: a grammar of both kinds would not ask the model, but push it to the kind whose first token it likes better.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

from ..base import Json
from .schema import Schema
from .tools import Tools

Pieces = AsyncGenerator[Json, None]


class Ask(Protocol):
    async def __call__(self, tools: Tools | None, form: Schema | None, *, thoughts: bool = True) -> Pieces:
        """An answer, not begun, that is one of calls, in a format, or of words or calls.

        Raises:
            BadRequest: it cannot be bound so.
        """
        ...


async def chosen(ask: Ask, tools: Tools, form: Schema | None, *, again: bool) -> Pieces:
    """The pieces of an answer that calls some of the tools, or else is in the format, when there is one. ``again``:
    what is called must be asked for again when it has a grammar, for nothing else binds its text.

    Raises:
        BadRequest: the answer cannot be bound so.
    """
    in_format = None if form is None else await ask(None, form)
    return _chosen(ask, tools, await ask(tools, None, thoughts=form is None), in_format, again)


async def _chosen(ask: Ask, tools: Tools, free: Pieces, in_format: Pieces | None, again: bool) -> Pieces:
    instead: Pieces | None = None
    begun = False
    async with contextlib.aclosing(free):
        async for piece in free:
            if not begun and piece["choices"]:
                (choice,) = piece["choices"]
                name = _called(choice["delta"])
                if name is not None:
                    if again and tools.callable[name].grammar is not None:
                        instead = await ask(tools.only(name), None)
                elif choice["delta"].get("content", "").strip() or choice["finish_reason"]:
                    instead = in_format
                elif in_format is not None:
                    continue  # nothing but white space yet
                if instead is not None:
                    break
                begun = name is not None or in_format is not None
            yield piece
    if instead is not None:
        async with contextlib.aclosing(instead):
            async for piece in instead:
                yield piece


def _called(delta: Json) -> str | None:
    """The name of the tool that a delta begins to call."""
    called: Json = delta.get("function_call") or {}
    for call in delta.get("tool_calls") or ():
        called = call[call["type"]]
    return called.get("name")
