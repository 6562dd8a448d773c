"""What two servers do with the same requests."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..patience import PATIENCE
from .requests import Request


@dataclass(frozen=True)
class Row:
    """A request, and the status with which each of the two answered it: a generated server, and Parley."""

    request: Request
    theirs: int
    ours: int

    @property
    def differs(self) -> bool:
        """Whether one of them took the request and the other did not."""
        return (self.theirs < 300) != (self.ours < 300)

    @property
    def stricter(self) -> bool:
        """Whether Parley alone refused it."""
        return self.theirs < 300 <= self.ours


@dataclass(frozen=True)
class Answer:
    """What a server answered, whole."""

    status: int
    body: bytes


def ask(base: str, key: str, request: Request) -> int:
    """The status with which a server answers a request, as `answer` has it."""
    return answer(base, key, request).status


def answer(base: str, key: str, request: Request) -> Answer:
    """What the server at ``base``, an address up to ``/v1``, answers to a request.

    Raises:
        OSError, http.client.HTTPException: it did not answer.
    """
    address = urlsplit(base)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE)
    headers = {"content-type": "application/json", "accept": "application/json"}
    if request.has_key:
        headers["authorization"] = f"Bearer {key}"
    try:
        connection.request(
            request.method, address.path + request.path, request.body or None, {**headers, **request.headers}
        )
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()


def compare(theirs: tuple[str, str], ours: tuple[str, str], requests: Iterable[Request]) -> list[Row]:
    """Send every request to both servers, each given by its address and key."""
    return [Row(request, ask(*theirs, request), ask(*ours, request)) for request in requests]


def table(rows: Sequence[Row], name: str) -> str:
    """The requests that the two do not treat alike, as a table in Markdown, and how many there were of each kind."""
    lines = [f"| What the contract says | Requests | {name} takes | Parley takes |", "| --- | --- | --- | --- |"]
    for kind in dict.fromkeys(row.request.kind for row in rows):
        of = [row for row in rows if row.request.kind == kind]
        took = [sum(status < 300 for status in column) for column in ([r.theirs for r in of], [r.ours for r in of])]
        lines.append(f"| {kind} | {len(of)} | {took[0]} | {took[1]} |")
    lines += ["", f"| Treated differently | {name} | Parley |", "| --- | --- | --- |"]
    lines += [f"| {row.request.name} | {row.theirs} | {row.ours} |" for row in rows if row.differs]
    return "\n".join(lines) + "\n"
