"""What must be known of a server before it is probed: which operations it offers, with which model each, and how to
bound its answers."""

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

# Without a model's name, so many of those that a server lists are asked whether they do what an operation is for.
_MOST_MODELS = 8
# Statuses that another model would get too: of the key, of the method, and of how much is asked.
_OF_NO_MODEL = (401, 403, 405, 429)
_FEW = 3
GROUP = "offer"


class Unreachable(ConfigurationError):
    """There is nothing to be probed; the message says why."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What all requests of an operation have, by the operation's name, for those that a server offers; a row for each
    other one; and whose the server says that its models are, in its own word."""

    bases: dict[str, Base]
    rows: tuple[Row, ...]
    owner: str


async def prepare(
    asking: Asking, model: str | None, *, has_key: bool, operations: Sequence[Operation] = (CHAT,)
) -> Prepared:
    """Ask a server for what it offers.

    Raises:
        Unreachable: the server answers no plain request of any operation.
        Spent: a bound is reached.
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
    """What comes of a plain request, by the first of some models that answers one; if none does, by the first."""
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
    """Whether a server takes a parameter for the most tokens and does not go beyond it."""
    most = max(_FEW, bare.operation.fewest)
    seen = await asking.ask(Ask(bare.body(PLAIN, None, one(name, most)), path=bare.operation.path))
    came = count(seen, "completion_tokens")
    return seen.accepted and (came <= most if came is not None else len(text(seen).split()) <= most)


def _unoffered(operation: Operation, plain: Seen) -> Row:
    """The row of an operation of which no plain request is answered: it is not offered, unless the server failed at it
    or was busy."""
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
