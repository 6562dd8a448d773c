"""Bodies that are sequences of items, read into lists. Each item is parsed and validated by itself."""

from __future__ import annotations

from collections.abc import Callable

from ..contract.event_schemas import readings
from ..contract.explain import explain
from ..contract.faults import Validator
from ..contract.sequences import Framing, events_in, texts_in
from ..errors import BadRequest
from .bodies import parse_json
from .values import HEAVY, check_weight, weigh


async def read_items(framing: Framing, raw: bytes, decode: Callable[[bytes], str], most: int) -> list[object]:
    """Return the items of a body. They may have a total weight of ``most``, calculated as in `app.web.values`; an item
    counts as a heavy value in addition to its content. ``decode`` decodes the bytes of an event stream.

    Raises:
        BadRequest: an item is not JSON.
        ContentTooLarge: they weigh more.
    """
    if framing == "events":
        weight = HEAVY * (raw.count(b"\n") + raw.count(b"\r"))
        check_weight(weight, most)
        events = events_in(decode(raw))
        for event in events:
            # Data may be JSON, and is parsed when it is validated against a schema.
            weight = await weigh(event["data"].encode(), most, weight)
        return list(events)
    check_weight(HEAVY * raw.count(b"\x1e" if framing == "records" else b"\n"), most)
    weight, found = 0, []
    for index, text in enumerate(texts_in(framing, raw)):
        weight = await weigh(text, most, weight + HEAVY)
        try:
            found.append(parse_json(text))
        except BadRequest as error:
            reason = str(error).removeprefix("The body ")
            raise BadRequest(f"Item {index} of the body {reason}", param=f"[{index}]", code=error.code) from None
    return found


def check_items(framing: Framing, validator: Validator, items: list[object]) -> None:
    """Raise `BadRequest`, with its place, for the first item that does not fit its schema."""
    for index, item in enumerate(items):
        made = readings(item) if framing == "events" and isinstance(item, dict) else [item]
        if not any(map(validator.is_valid, made)):
            raise explain(validator, made[0], at=(index,))
