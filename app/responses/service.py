"""Answers Responses requests with the chat domain: the same models, policy, limits and fallbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import quote

from ..accounts import Account
from ..chat.call import Call
from ..chat.foreign import Reading
from ..chat.service import Chat
from ..errors import ApiError, BadRequest
from ..jsontypes import Json
from .events import ResponseWriter
from .output import response
from .request import Asked, read

# Inputs with up to this many items and parts are read on the event loop, which takes a few milliseconds.
_MOST_AT_ONCE = 500


def _is_long(body: Json) -> bool:
    items = body["input"]
    if isinstance(items, str):
        return False
    size = len(items)
    for item in items:
        for name in ("content", "output"):
            parts = item.get(name)
            if isinstance(parts, list):
                size += len(parts)
    return size > _MOST_AT_ONCE


@dataclass(frozen=True, slots=True)
class Asking:
    """A request that can be answered, with its chat call. ``unknown`` are the names of fields that the contract does
    not define and that were removed from the body."""

    asked: Asked
    call: Call
    writer: ResponseWriter
    unknown: tuple[str, ...] = ()

    @property
    def ignored(self) -> list[str]:
        """The paths of what is not honoured, percent-encoded where necessary."""
        names = [quote(name, safe="[].") for name in (*self.asked.ignored, *self.unknown)]
        return list(dict.fromkeys([*names, *(self.asked.places.of(name) for name in self.call.ignored)]))

    def tell_ignored(self) -> None:
        """Log what is not honoured, by the paths of the client's request."""
        if self.ignored:
            self.call.log["ignored"] = ",".join(self.ignored)[:500]


class Responses:
    """The Responses domain. ``read`` reads requests that came in under another author's contract."""

    def __init__(self, chat: Chat, *, read: Reading | None = None) -> None:
        self.chat = chat
        self.read = read

    async def begin(self, body: Json, log: Json, account: Account | None = None, unknown: Sequence[str] = ()) -> Asking:
        """Prepare a request, after it is known what the model honours. ``unknown`` are the names of fields that the
        contract does not define and that were removed from the body.

        Raises:
            ApiError: the request is refused; the error names what the client sent.
        """
        given = body if self.read is None else self.read(body)
        policy = self.chat.model(given["model"], account).unsupported or self.chat.policy
        if unknown and policy == "refuse":
            raise BadRequest(f"Unknown parameter: '{unknown[0]}'.", param=unknown[0], code="unknown_parameter")
        # A long input is read in a thread, so that it does not block the event loop.
        asked = await asyncio.to_thread(read, given, policy) if _is_long(given) else read(given, policy)
        try:
            call = await self.chat.begin(asked.chat, log, account)
        except ApiError as error:
            raise asked.places.translate(error) from None
        asking = Asking(asked, call, ResponseWriter(asked), tuple(unknown))
        asking.tell_ignored()
        return asking

    async def complete(self, asking: Asking) -> Json:
        """The response.

        Raises:
            ApiError: the engine refuses the request or cannot answer.
        """
        try:
            made = await self.chat.complete(asking.call)
        except ApiError as error:
            raise asking.asked.places.translate(error) from None
        finally:
            asking.tell_ignored()
        return response(asking.asked, made)

    async def stream(self, asking: Asking) -> AsyncGenerator[Json, None]:
        """The events of the response; raises as `complete`. To report a failure after the first event, use the events
        that the writer's `fail` returns."""
        writer = asking.writer
        try:
            async with aclosing(self.chat.stream(asking.call)) as chunks:
                async for chunk in chunks:
                    for event in writer.feed(chunk):
                        yield event
                        writer.sent += 1
            for event in writer.end():
                yield event
                writer.sent += 1
        except ApiError as error:
            raise asking.asked.places.translate(error) from None
        finally:
            asking.tell_ignored()

    def may_be_foreign(self, asking: Asking) -> bool:
        """Whether another server may produce the answer."""
        return self.chat.may_be_foreign(asking.call)
