"""The words for what becomes of a property, and a verdict in one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .exchange import Refusal

Fate = Literal["honoured", "ignored", "refused", "broken", "not seen", "not probed", "not offered"]

FATES: tuple[Fate, ...] = get_args(Fate)

MEANINGS: dict[Fate, str] = {
    "honoured": "an effect was seen",
    "ignored": "accepted, and certainly without effect",
    "refused": "refused by the server, or failed by its name",
    "broken": "another 5xx, an answer outside the contract, or one that does not end",
    "not seen": "accepted, but no effect that could be told from chance or from the model's habits",
    "not probed": "not asked for",
    "not offered": "the server has no such operation, or no model for it",
}

# How a refusal tells what it is of: in ``param``, in the words of its message alone, or not.
Named = Literal["param", "message", "no"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a property, and what was seen of it. ``refusal`` and ``named`` belong to what was refused."""

    fate: Fate
    seen: str = ""
    refusal: Refusal | None = None
    named: Named = "no"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a report.

    ``operation`` is the name of what was asked. ``side`` and ``path`` are a property of the contract: of a ``request``,
    of a kind of answer (such as ``completion`` or ``chunk``) or of an ``error``; of what is no property (the order of
    chunks, cancellation) the side is ``behaviour`` and the path empty. ``check`` says what was looked for, ``asked`` is
    the request that shows it, ``requests`` are the numbers of the evidence.
    """

    group: str
    side: str
    path: str
    check: str
    fate: Fate
    seen: str = ""
    asked: str = ""
    requests: tuple[int, ...] = ()
    status: int | None = None
    code: str | None = None
    named: Named | None = None
    operation: str = "chat"

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells it from other rows of a report, the same in each report."""
        return (self.operation, self.group, self.side, self.path, self.check)

    @property
    def title(self) -> str:
        """The operation and the group, under which it is told."""
        return f"{self.operation} {self.group}"

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.path, f"({self.check})" if self.path and self.check else self.check)))


def honoured(seen: str) -> Verdict:
    """An effect was seen; ``seen`` says which."""
    return Verdict("honoured", seen)


def ignored(seen: str) -> Verdict:
    """Accepted, and certainly without effect; ``seen`` says what was seen instead."""
    return Verdict("ignored", seen)


def broken(seen: str) -> Verdict:
    """A failure that names no parameter, or an answer outside the contract; ``seen`` says which."""
    return Verdict("broken", seen)


def not_seen(why: str) -> Verdict:
    """Accepted, and no answer can show an effect; ``why`` says what kept it from being seen."""
    return Verdict("not seen", why)
