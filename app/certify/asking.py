"""Sends requests to a server, within limits on requests, tokens and time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import aiohttp

from ..engines.transport.events import EventParser, EventTooLarge
from .answers import count
from .evidence import Evidence
from .exchange import Ask, Seen, shortened

# The maximum of bytes that are read of an answer.
LARGEST = 4 << 20
_DONE = b"[DONE]"
# If the server asks to wait and retry: the longest wait in seconds, and the maximum of attempts.
_LONGEST_WAIT = 5.0
_WAITS = 3
# The maximum nesting of a JSON value; no answer in the contract has half as many levels.
_DEEPEST = 64
_WRONG_KEY = "sk-certify-a-wrong-key"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits on all requests together; ``timeout`` is the limit for one answer. Both times are in seconds."""

    requests: int = 1500
    tokens: int = 100_000
    seconds: float = 600.0
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """The duration of a short request in seconds: alone, beside long streams, and after those were abandoned."""

    alone: float
    beside: float
    after: float
    streams: int
    number: int


class Spent(Exception):
    """A limit is reached; the message says which."""


class Asking:
    """A client of one server. ``url`` is the base URL, to which ``/chat/completions`` is appended.

    Identical requests are sent only once.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        evidence: Evidence,
        bounds: Bounds = Bounds(),
        concurrency: int = 4,
    ) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._evidence = evidence
        self._bounds = bounds
        self._turns = asyncio.Semaphore(concurrency)
        self._asked: dict[str, asyncio.Task[Seen]] = {}
        self._begun = time.monotonic()
        self._session: aiohttp.ClientSession | None = None
        self.tokens = 0

    async def __aenter__(self) -> Asking:
        self._session = aiohttp.ClientSession(
            # Connections are not reused: if the server closed an idle one, the next request would fail for no fault of
            # its own.
            connector=aiohttp.TCPConnector(force_close=True),
            timeout=aiohttp.ClientTimeout(total=self._bounds.timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            raise_for_status=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @property
    def requests(self) -> int:
        return self._evidence.count

    def clean(self, text: str) -> str:
        """A text with the key removed."""
        return self._evidence.clean(text)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    @property
    def answers(self) -> list[Seen]:
        """All answers, in the order of their numbers."""
        done = [task for task in self._asked.values() if task.done() and not task.cancelled() and not task.exception()]
        return sorted((task.result() for task in done), key=lambda seen: seen.number)

    async def ask(self, ask: Ask) -> Seen:
        """Send a request and return its result.

        Raises:
            Spent: the request would exceed a limit.
        """
        task = self._asked.get(ask.same)
        if task is None:
            task = self._asked[ask.same] = asyncio.create_task(self._ask(ask))
        return await asyncio.shield(task)

    async def _ask(self, ask: Ask) -> Seen:
        async with self._turns:
            for _ in range(_WAITS):
                self._check()
                seen, wait = await self._send(ask)
                if wait is None:
                    break
                await asyncio.sleep(wait)
            self.tokens += count(seen, "completion_tokens") or len(seen.events)
            return seen

    def _check(self) -> None:
        bounds = self._bounds
        for most, spent, what in (
            (bounds.requests, self.requests, "requests"),
            (bounds.tokens, self.tokens, "tokens"),
            (bounds.seconds, self.seconds, "seconds"),
        ):
            if spent >= most:
                raise Spent(f"the bound of {most:g} {what} is reached")

    def _headers(self, ask: Ask) -> dict[str, str]:
        key = {"own": self._key, "none": None, "wrong": _WRONG_KEY}[ask.key]
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return headers if ask.body is None else {**headers, "content-type": ask.media_type}

    async def _send(self, ask: Ask) -> tuple[Seen, float | None]:
        """The result of one attempt, and how many seconds to wait before a retry; None: do not retry."""
        number = self._evidence.next()
        begun = time.monotonic()
        raw, reader = bytearray(), _Reader(ask, number, self._evidence.clean)
        headers: dict[str, str] = {}
        try:
            async with self._open(ask) as response:
                headers = dict(response.headers)
                reader.begin(response.status, response.content_type)
                async for piece in response.content.iter_any():
                    raw += piece
                    reader.feed(piece)
                    if len(raw) > LARGEST:
                        reader.fail(f"the answer has more than {LARGEST} bytes")
                        break
        except TimeoutError:
            # Handled first: aiohttp's timeout errors are also a `ClientError`, but this message says more.
            reader.fail(f"it did not end in {self._bounds.timeout:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reader.fail(f"the connection broke: {type(error).__name__}")
        text = self._evidence.clean(bytes(raw).decode(errors="replace"))
        seen = reader.seen(text, time.monotonic() - begun)
        self._evidence.keep(seen, {name: self._evidence.clean(value) for name, value in headers.items()}, text)
        return seen, _wait(seen.status, headers)

    def _open(self, ask: Ask) -> Any:
        assert self._session is not None, "it is used as a context"
        data = ask.body if isinstance(ask.body, bytes) or ask.body is None else json.dumps(ask.body).encode()
        return self._session.request(
            ask.method, self._url + ask.path, data=data, headers=self._headers(ask), allow_redirects=False
        )

    async def leave(self, long: Ask, short: Ask, streams: int) -> Left | None:
        """Measure the duration of a short request alone, beside some long streams, and after those were abandoned
        halfway. None: the streams had already ended, or could not be opened.

        Raises:
            Spent: a request would exceed a limit.
            aiohttp.ClientError: a short request was not answered.
        """
        alone = await self._time(short)
        opened = []
        try:
            for _ in range(streams):
                self._check()
                number = self._evidence.next()
                response = await self._open(long).__aenter__()
                opened.append(response)
                if response.status != 200 or not await response.content.readany():
                    return None
            beside = await self._time(short)
            if any(response.content.at_eof() for response in opened):
                return None
        except (TimeoutError, aiohttp.ClientError, OSError):
            return None
        finally:
            for response in opened:
                response.close()
        after = await self._time(short)
        return Left(alone, beside, after, streams, number)

    async def _time(self, ask: Ask) -> float:
        self._check()
        seen, _ = await self._send(ask)
        if not seen.accepted:
            raise aiohttp.ClientError(seen.trouble)
        return seen.seconds


def _wait(status: int, headers: dict[str, str]) -> float | None:
    if status not in (429, 503):
        return None
    asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdecimal() else None


class _Reader:
    """Parses the bytes of an answer into a `Seen`."""

    def __init__(self, ask: Ask, number: int, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._seen = Seen(ask, number)
        self._parser = EventParser(LARGEST)
        self._events: list[Any] = []
        self._done = False
        self._failure = ""

    def begin(self, status: int, media_type: str) -> None:
        self._seen = replace(self._seen, status=status, media_type=media_type)

    def feed(self, piece: bytes) -> None:
        if not self._seen.is_stream:
            return
        try:
            events = self._parser.feed(piece)
        except EventTooLarge:
            return self.fail("an event is too large")
        for event in events:
            if self._done:
                return self.fail("more came after [DONE]")
            if event.strip() == _DONE:
                self._done = True
            else:
                self._events.append(_json(self._clean(event.decode(errors="replace"))))

    def fail(self, why: str) -> None:
        self._failure = self._failure or why

    def seen(self, text: str, seconds: float) -> Seen:
        return replace(
            self._seen,
            content=None if self._seen.is_stream else _json(text),
            events=tuple(self._events),
            done=self._done,
            failure=self._failure,
            head=shortened(text[:400], 200),
            seconds=seconds,
        )


def _json(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if _is_deeper(value, _DEEPEST) else value


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not levels or any(_is_deeper(item, levels - 1) for item in inner)
