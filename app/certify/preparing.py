"""What must be known of a server before it is probed: whether it answers, its model, and how to bound its answers."""

from __future__ import annotations

from ..errors import ConfigurationError
from .answers import count, get, items, text
from .asking import Asking
from .exchange import Ask, Seen
from .probe import HELLO, Base

LIMITS = ("max_completion_tokens", "max_tokens")


class Unreachable(ConfigurationError):
    """There is nothing to be probed; the message says why."""


async def prepare(asking: Asking, model: str | None, *, has_key: bool) -> tuple[Base, str]:
    """What all requests have, and whose the server says that its models are, in its own word.

    Raises:
        Unreachable: the server does not answer a plain request.
        Spent: a bound is reached.
    """
    listing = await asking.ask(Ask(method="GET", path="/models"))
    if not listing.status:
        raise Unreachable(f"the server cannot be reached: {listing.failure}")
    listed = items(listing.content, "data")
    found = model or get(listed, 0, "id")
    if not isinstance(found, str) or not found.isprintable():
        raise Unreachable(f"the server does not list its models (status {listing.status}): name one with --model")
    bare = Base(found, None, cold=False, has_key=has_key)
    plain = await asking.ask(Ask(bare.body(HELLO, None, {})))
    if not plain.accepted:
        raise Unreachable(f"a plain request is not answered: {_why(plain)}")
    limit = None
    for name in LIMITS:
        if await _obeys(asking, bare, name):
            limit = name
            break
    cold = (await asking.ask(Ask(bare.body(HELLO, None, {"temperature": 0})))).accepted
    owner = next((get(item, "owned_by") for item in listed if get(item, "id") == found), None)
    return Base(found, limit, cold, has_key), str(owner or "")


async def _obeys(asking: Asking, bare: Base, name: str) -> bool:
    """Whether a server takes a parameter for the most tokens and does not go beyond it."""
    seen = await asking.ask(Ask(bare.body(HELLO, None, {name: 3})))
    came = count(seen, "completion_tokens")
    return seen.accepted and (came <= 3 if came is not None else len(text(seen).split()) <= 3)


def _why(seen: Seen) -> str:
    if seen.trouble:
        return seen.trouble
    refusal = seen.refusal
    return f"status {seen.status} {refusal.message if refusal else ''}".strip()
