"""Looks at a server: small questions side by side, to find out what kind it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

# The path below the base URL that lists the models; the others that are asked for are below the server's root.
LISTING = "/models"

_LARGEST = 1 << 20  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer, whatever its status. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def look(
    session: aiohttp.ClientSession, base_url: str, headers: CIMultiDict[str], paths: Iterable[str], seconds: float
) -> dict[str, Seen]:
    """What is answered to GET at `LISTING` and at paths of the root, by path; nothing where there is no answer within
    so many seconds. ``headers`` go to the list of models alone: only there was a key meant to go."""
    plain = CIMultiDict({name: headers[name] for name in ("Accept-Encoding", "User-Agent") if name in headers})
    root = _root(base_url)
    asked = {LISTING: (base_url + LISTING, headers)} | {path: (root + path, plain) for path in paths}
    answers = await asyncio.gather(*(_ask(session, URL(url), sent, seconds) for url, sent in asked.values()))
    return {path: answer for path, answer in zip(asked, answers, strict=True) if answer is not None}


def _root(base_url: str) -> str:
    """Where the server's own paths begin: before the version of the API."""
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
