"""Examines a server with small concurrent requests, to detect its kind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .http.answer import Times
from .http.client import Client
from .http.errors import HttpError
from .http.request import Fields, Target

# The path of the list of models, below the base URL; all other requested paths are below the server's root.
LISTING = "/models"

_LARGEST = 1 << 20  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer of any status. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def look(http: Client, base_url: str, headers: Fields, paths: Iterable[str], seconds: float) -> dict[str, Seen]:
    """Return the answers to GET of `LISTING` and of paths below the root, by path, without those that do not arrive
    within ``seconds``. Only the request for the list has ``headers``: the key is meant only for the API."""
    plain = headers.only("Accept-Encoding", "User-Agent")
    root = _root(base_url)
    asked = {LISTING: (base_url + LISTING, headers)} | {path: (root + path, plain) for path in paths}
    answers = await asyncio.gather(*(_ask(http, Target(url), sent, seconds) for url, sent in asked.values()))
    return {path: answer for path, answer in zip(asked, answers, strict=True) if answer is not None}


def _root(base_url: str) -> str:
    """Return the URL of the server's root: the base URL without the API's version."""
    above, _, last = base_url.rpartition("/")
    return above if last[:1] == "v" and last[1:].isdigit() else base_url


async def _ask(http: Client, target: Target, headers: Fields, seconds: float) -> Seen | None:
    due = asyncio.get_running_loop().time() + seconds
    try:
        answer = await http.request(target, headers, None, Times(due, due, seconds, due))
    except HttpError:
        return None
    try:
        body = bytearray()
        while len(body) <= _LARGEST and (piece := await answer.read()):
            body += piece
        return Seen(answer.status, answer.fields, bytes(body[:_LARGEST]))
    except HttpError:
        return None
    finally:
        answer.close()
