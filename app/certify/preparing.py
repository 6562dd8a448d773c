"""Finds out what must be known about a server before it is probed: which operations it offers, with which model each,
and how to limit the length of its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import ConfigurationError
from .answers import count, text
from .asking import Asking
from .exchange import Ask, Seen
from .operations import CHAT, Operation
from .probe import PLAIN, Base, one
from .values import get, items
from .verdicts import Fate, Row

# If no model is named, at most this many of the server's listed models are tried for each operation.
_MOST_MODELS = 8
# Statuses that do not depend on the model: they are about the key, the method, or the number of requests.
_OF_NO_MODEL = (401, 403, 405, 429)
_FEW = 3
GROUP = "offer"


class Unreachable(ConfigurationError):
    """There is nothing to probe; the message says why."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """``bases``: the common part of the requests of each operation that the server offers, by the operation's name.
    ``rows``: a row for each of the other operations. ``owner``: the owner that the server reports for its model."""

    bases: dict[str, Base]
    rows: tuple[Row, ...]
    owner: str


async def prepare(
    asking: Asking, model: str | None, *, has_key: bool, operations: Sequence[Operation] = (CHAT,)
) -> Prepared:
    """Find out which operations a server offers.

    Raises:
        Unreachable: the server answers no plain request of any operation.
        Spent: a limit is reached.
    """
    listing = await asking.ask(Ask(method="GET", path="/models"))
    if not listing.status:
        raise Unreachable(f"the server cannot be reached: {listing.failure}")
    listed = items(listing.content, "data")
    named = [name for name in (get(item, "id") for item in listed) if isinstance(name, str) and name.isprintable()]
    models = [model] if model is not None else named[:_MOST_MODELS]
    if not models:
        raise Unreachable(f"the server does not list its models (status {listing.status}): name one with --model")
    bases: dict[str, Base] = {}
    rows: list[Row] = []
    for operation in operations:
        plain = await _plain(asking, operation, models, has_key=has_key)
        if plain.accepted:
            bases[operation.name] = await _base(asking, operation, str(plain.ask.body["model"]), has_key=has_key)
        else:
            rows.append(_unoffered(operation, plain))
    if not bases:
        alike = len({row.seen for row in rows}) == 1
        told = rows[0].seen if alike else "; ".join(f"{row.operation}: {row.seen}" for row in rows)
        raise Unreachable(f"a plain request is not answered: {told}")
    first = next(iter(bases.values())).model
    owner = next((get(item, "owned_by") for item in listed if get(item, "id") == first), None)
    return Prepared(bases, tuple(rows), str(owner or ""))


async def _plain(asking: Asking, operation: Operation, models: Sequence[str], *, has_key: bool) -> Seen:
    """The result of a plain request to the first model that answers one; if none does, the result of the first
    model."""
    first = None
    for model in models:
        bare = Base(model, None, cold=False, has_key=has_key, operation=operation)
        plain = await asking.ask(Ask(bare.body(PLAIN, None, {}), path=operation.path))
        first = first or plain
        if plain.accepted:
            return plain
        if plain.status in _OF_NO_MODEL:
            break
    assert first is not None, "there is a model"
    return first


async def _base(asking: Asking, operation: Operation, model: str, *, has_key: bool) -> Base:
    base = Base(model, None, cold=False, has_key=has_key, operation=operation)
    for name in operation.limits:
        if await _obeys(asking, base, name):
            base = replace(base, limit=name)
            break
    if operation.limits:
        cold = await asking.ask(Ask(base.body(PLAIN, None, {"temperature": 0}), path=operation.path))
        base = replace(base, cold=cold.accepted)
    return base


async def _obeys(asking: Asking, bare: Base, name: str) -> bool:
    """Whether a server accepts a parameter for the maximum of tokens and keeps to it."""
    most = max(_FEW, bare.operation.fewest)
    seen = await asking.ask(Ask(bare.body(PLAIN, None, one(name, most)), path=bare.operation.path))
    came = count(seen, "completion_tokens")
    return seen.accepted and (came <= most if came is not None else len(text(seen).split()) <= most)


def _unoffered(operation: Operation, plain: Seen) -> Row:
    """The row of an operation whose plain requests are not answered: it is not offered, unless the server failed or was
    busy."""
    fate: Fate = "not offered"
    if plain.status == 429:
        fate = "not seen"
    elif plain.trouble and plain.status != 501:
        fate = "broken"
    return Row(
        GROUP,
        "behaviour",
        "",
        f"POST {operation.path}",
        fate,
        _why(plain),
        str(plain.ask),
        (plain.number,),
        operation=operation.name,
    )


def _why(seen: Seen) -> str:
    if seen.trouble:
        return seen.trouble
    refusal = seen.refusal
    return f"status {seen.status} {refusal.message if refusal else ''}".strip()
