"""The response format (``response_format``): the schema that the answer must follow, and the check that it does."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import ServerError
from ...jsontypes import Json
from ..base import Delta
from .limits import LARGEST, fault
from .schema import Schema, accepted, read

_PARAM = "response_format.json_schema.schema"


def schema_of(request: Json, *, most: int = LARGEST) -> Schema | None:
    """Return the schema, of at most ``most`` characters, that the answer must obey; None: it may be any text.

    Raises:
        BadRequest: the schema cannot be used.
    """
    form = request.get("response_format") or {}
    if form.get("type") == "json_object":
        return accepted({"type": "object"}, "response_format")
    if form.get("type") != "json_schema":
        return None
    schema = form["json_schema"].get("schema")
    bound = accepted({} if schema is None else schema, _PARAM)
    if bound.size > most:
        raise fault(_PARAM, f"it may be at most {most} characters long")
    return bound


def described(messages: list[Json], request: Json) -> list[Json]:
    """Return the messages with the response format's description as a system message, because llama.cpp has no other
    place for it."""
    form = request.get("response_format") or {}
    description = (form.get("json_schema") or {}).get("description")
    if not description:
        return messages
    text = f"The answer is JSON. What it is for: {description}"
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{text}"}, *messages[1:]]
    return [{"role": "system", "content": text}, *messages]


class FormatCheck:
    """Passes an answer through and raises at its end if it does not fit. An answer that is cut off by its length may be
    anything. So may an incomplete JSON text if the answer ``may_stop`` at a stop sequence."""

    def __init__(self, schema: Schema, *, may_stop: bool) -> None:
        self._schema = schema
        self._may_stop = may_stop
        self._texts: list[str] = []

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """Yield the delta.

        Raises:
            ServerError: the finished answer does not fit.
        """
        self._texts.append(delta.message.get("content") or "")
        if delta.finish_reason == "stop":
            text = "".join(self._texts)
            if not self._schema.fits(text) and not (self._may_stop and not _is_json(text)):
                raise ServerError("The model's answer does not fit the response format. Ask again.")
        yield delta


def _is_json(text: str) -> bool:
    try:
        read(text)
    except (ValueError, RecursionError):
        return False
    return True
