"""What a request may leave in the database, as the layers of the path see it: stored completions, and answers to
requests that may be repeated. `app.store` implements it; without a database there is no `Keeping`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from .jsontypes import Json

# For errors about what needs a database.
NO_DATABASE = "This server has no database. Its operator can create one with `parley db init`, or set PARLEY_DATABASE."

# A body as JSON, or, where it is so large that it is not read again, as its bytes.
Body = Json | bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A completion to store. ``created`` is in Unix seconds, ``completion`` is its JSON without its metadata, in
    pieces, and ``messages`` are those of the request, as the contract has them for stored completions."""

    id: str
    project: str
    model: str
    created: int
    completion: Sequence[bytes]
    messages: Sequence[Json]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list: at most ``limit`` items after the one with the id ``after``, None for the first page."""

    after: str | None = None
    limit: int = 20
    descending: bool = False


class Completions(Protocol):
    """The stored completions of all projects.

    All methods but `put` raise `StoreUnavailable` if the database cannot be used, and those that read or change a
    completion raise `NotFound` if the project has none of that id.
    """

    async def keep(self, kept: Kept) -> None:
        """Store a completion, and return when it is committed."""
        ...

    def put(self, kept: Kept) -> None:
        """Store a completion as soon as possible. If it cannot be stored, this is logged."""
        ...

    async def page(
        self, project: str, page: Page, model: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> Body:
        """Return a page of a project's completions, by time. ``metadata``: only those that have all these pairs.

        Raises:
            NotFound: there is no completion with the id ``page.after``.
        """
        ...

    async def get(self, project: str, completion_id: str) -> Body:
        """Return a completion."""
        ...

    async def update(self, project: str, completion_id: str, metadata: Mapping[str, str]) -> Body:
        """Replace the metadata of a completion, and return it."""
        ...

    async def delete(self, project: str, completion_id: str) -> None:
        """Delete a completion and everything that was stored with it."""
        ...

    async def messages(self, project: str, completion_id: str, page: Page) -> Body:
        """Return a page of the messages that a completion answers.

        Raises:
            NotFound: also if there is no message with the id ``page.after``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to repeat. ``headers`` are those that belong to its body; ``completion`` is the id of the stored
    completion that it is, if it is one."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    completion: str | None = None


class Claim(Protocol):
    """The right to carry out the request of an idempotency key. It is renewed until it is released or the answer is
    stored, and ends by itself some time after the process has died."""

    async def keep(self, answer: Answer) -> None:
        """Store the answer to repeat, and return when it is committed.

        Raises:
            StoreUnavailable: the database cannot be used.
        """
        ...

    def release(self) -> None:
        """Give the key back, as soon as possible."""
        ...


class Repeats(Protocol):
    """The answers of requests with an ``Idempotency-Key``."""

    async def claim(self, owner: str, key: str, fingerprint: str) -> Claim | Answer:
        """Return the right to carry out a request, or the answer that is stored for it. ``owner`` is the name of the
        API key, ``fingerprint`` is equal for equal requests only.

        Raises:
            Conflict: the key stands for another request, or its request is still running.
            StoreUnavailable: the database cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """What there is with a database. ``accepts`` tells whether a completion fits the contract for stored ones."""

    completions: Completions
    repeats: Repeats
    accepts: Callable[[Json], bool] = lambda _completion: True
