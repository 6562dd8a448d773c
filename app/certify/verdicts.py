"""The possible outcomes of a property, and a verdict with one of them."""

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

# Where a refusal names the parameter: in ``param``, only in its message, or nowhere.
Named = Literal["param", "message", "no"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a property, and what was seen. ``refusal`` and ``named`` are set if it was refused."""

    fate: Fate
    seen: str = ""
    refusal: Refusal | None = None
    named: Named = "no"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a report.

    ``operation`` is the name of the requested operation. ``side`` and ``path`` identify a property of the contract: of
    a ``request``, of a kind of answer (such as ``completion`` or ``chunk``) or of an ``error``; for anything else (the
    order of chunks, cancellation) the side is ``behaviour`` and the path is empty. ``check`` says what was checked,
    ``asked`` is the request that proves it, ``requests`` are the numbers of the evidence.
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
        """A key that identifies the row within a report, and across reports."""
        return (self.operation, self.group, self.side, self.path, self.check)

    @property
    def title(self) -> str:
        """The operation and the group, as the heading of the row."""
        return f"{self.operation} {self.group}"

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.path, f"({self.check})" if self.path and self.check else self.check)))


def honoured(seen: str) -> Verdict:
    """The verdict that an effect was seen; ``seen`` says which."""
    return Verdict("honoured", seen)


def ignored(seen: str) -> Verdict:
    """The verdict that it was accepted, but certainly had no effect; ``seen`` says what was seen instead."""
    return Verdict("ignored", seen)


def broken(seen: str) -> Verdict:
    """The verdict for a failure that names no parameter, or an answer that breaks the contract; ``seen`` says which."""
    return Verdict("broken", seen)


def not_seen(why: str) -> Verdict:
    """The verdict that it was accepted, but no answer can show an effect; ``why`` says why not."""
    return Verdict("not seen", why)
