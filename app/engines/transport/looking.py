"""Examines a server with small concurrent requests, to detect its kind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

# The path of the list of models, below the base URL; all other requested paths are below the server's root.
LISTING = "/models"

_LARGEST = 1 << 20  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer of any status. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def look(
    session: aiohttp.ClientSession, base_url: str, headers: CIMultiDict[str], paths: Iterable[str], seconds: float
) -> dict[str, Seen]:
    """Return the answers to GET of `LISTING` and of paths below the root, by path, without those that do not arrive
    within ``seconds``. Only the request for the list has ``headers``: the key is meant only for the API."""
    plain = CIMultiDict({name: headers[name] for name in ("Accept-Encoding", "User-Agent") if name in headers})
    root = _root(base_url)
    asked = {LISTING: (base_url + LISTING, headers)} | {path: (root + path, plain) for path in paths}
    answers = await asyncio.gather(*(_ask(session, URL(url), sent, seconds) for url, sent in asked.values()))
    return {path: answer for path, answer in zip(asked, answers, strict=True) if answer is not None}


def _root(base_url: str) -> str:
    """Return the URL of the server's root: the base URL without the API's version."""
    above, _, last = base_url.rpartition("/")
    return above if last[:1] == "v" and last[1:].isdigit() else base_url


async def _ask(session: aiohttp.ClientSession, url: URL, headers: CIMultiDict[str], seconds: float) -> Seen | None:
    try:
        async with (
            asyncio.timeout(seconds),
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            body = bytearray()
            while len(body) <= _LARGEST and (piece := await response.content.readany()):
                body += piece
            told = {name.lower(): value for name, value in response.headers.items()}
            return Seen(response.status, told, bytes(body[:_LARGEST]))
    except (aiohttp.ClientError, OSError):  # a TimeoutError is an OSError
        return None
