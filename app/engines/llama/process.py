"""The model process as its engine sees it: a server behind a socket, with slots and patient timeouts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NamedTuple

from ...errors import BadRequest, EngineUnavailable, ServerError, UpstreamFailed
from ...fairness import FairSemaphore
from ...jsontypes import Json
from ...model_process.address import IN_FLIGHT_VARIABLE, SLOTS_SUFFIX, address_from_environment
from ...model_process.slots import ANY_SLOT, Slot, SlotRequest, Slots
from ..constraints.binding import MARK
from ..dialects.llama_cpp import errors
from ..dialects.reading import parse
from ..media.media import in_messages
from ..transport.bodies import encode
from ..transport.options import Timeouts, UpstreamOptions
from ..transport.patience import PATIENCE
from ..transport.replicas import Events, Replicas

_PATH = "/v1/chat/completions"
_TEXT_PATH = "/completion"
# The timeout for connecting is 2 seconds; an answer may take any time.
_ANY_TIME = 1e9
_TIMEOUTS = Timeouts(connect=2.0, first_byte=_ANY_TIME, idle=_ANY_TIME, total=_ANY_TIME)
# The fields of a request on which its prompt depends.
_RENDERED = ("messages", "tools", "tool_choice", "chat_template_kwargs", "reasoning_effort", "reasoning_format")
# The number of a worker's requests whose images or audio llama.cpp decodes at the same time.
_PICTURES_AT_ONCE = 4


class Piece(NamedTuple):
    """A token: its id; its text, or None if the text is not a complete character; and its bytes, if known."""

    token: int
    text: str | None
    data: list[int] | None = None


class ModelProcess:
    """llama.cpp behind its socket.

    ``address`` returns the socket path and the key; `start` calls it, nothing calls it earlier. At most ``in_flight``
    requests, or the number that the launcher sets, are sent to llama.cpp at a time. More requests wait here, where
    waiting costs no thread, and clients take turns.
    ``slots`` is the number of llama.cpp's slots; 0: llama.cpp chooses the slot itself.
    """

    def __init__(
        self,
        address: Callable[[], tuple[str, str]] = address_from_environment,
        in_flight: int = 128,
        slots: int = 0,
    ) -> None:
        self._address = address
        self._slot_count = slots
        self._slots: Slots | None = None
        self._in_flight = in_flight
        self._permits = FairSemaphore(in_flight)
        self._decoding = FairSemaphore(_PICTURES_AT_ONCE)
        self._server: Replicas | None = None
        self._vocabulary_size: int | None = None
        self._marks_calls: bool | None = None

    async def start(self) -> None:
        """Open the connection to the process. Does not wait for the model.

        Raises:
            ConfigurationError: there is no address.
        """
        socket, key = self._address()
        in_flight = int(os.environ.get(IN_FLIGHT_VARIABLE, self._in_flight))
        self._permits = FairSemaphore(in_flight)  # one for each event loop
        self._decoding = FairSemaphore(_PICTURES_AT_ONCE)
        options = UpstreamOptions(
            name="the model process",
            base_urls=("http://model",),
            key=key,
            timeouts=_TIMEOUTS,
            health_path="/health",
            socket=socket,
        )
        self._server = Replicas(options, supervised=True, explain=errors.explain)
        await self._server.start()
        if self._slot_count:
            self._slots = Slots(socket + SLOTS_SUFFIX, self._slot_count)

    async def close(self) -> None:
        """Close all connections. May be called without `start`."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.close()
        server, self._server = self._server, None
        if server is not None:
            await server.close()

    async def ready(self) -> bool:
        """Return whether the model is loaded and answers. Takes at most one second."""
        return self._server is not None and await self._server.ready()

    async def answer(self, payload: Json) -> Json:
        """Return a short answer as a whole, generated in a slot that belongs to no key."""
        async with self._slot(SlotRequest()) as slot:
            return await self._post(_PATH, {**payload, **slot.payload(), "cache_prompt": False})

    async def render(self, payload: Json) -> str | None:
        """Return the prompt that llama.cpp renders for a request; None when the model's template refuses it."""
        try:
            answer = await self._open_server().post("/apply-template", encode(payload), explain=errors.quietly)
        except BadRequest:
            return None
        prompt = _object(answer).get("prompt")
        return prompt if isinstance(prompt, str) else None

    async def prompt(self, payload: Json) -> str:
        """Return the prompt that llama.cpp renders for a request.

        Raises:
            ApiError: llama.cpp renders none.
        """
        named = {name: payload[name] for name in _RENDERED if name in payload}
        prompt = (await self._post("/apply-template", named)).get("prompt")
        if not isinstance(prompt, str):
            raise ServerError(errors.UNUSABLE)
        return prompt

    def events(self, payload: Json, slot: SlotRequest) -> AsyncGenerator[Events, None]:
        """Post a request, for a chat or for a text completion, and yield llama.cpp's events.

        Raises:
            ApiError: llama.cpp refuses the request, or does not answer; also between events.
        """
        if isinstance(payload.get("prompt"), dict) or in_messages(payload.get("messages", ())):
            return self._events_in_turn(payload, slot)
        return self._events(payload, slot)

    async def _events_in_turn(self, payload: Json, slot: SlotRequest) -> AsyncGenerator[Events, None]:
        """As `_events`, for few requests at a time.

        llama.cpp decodes images when their request arrives, not when it starts to process it, and memory suffices for
        few at once. The turn ends when the prompt has been read."""
        async with contextlib.AsyncExitStack() as turn, contextlib.aclosing(self._events(payload, slot)) as steps:
            await turn.enter_async_context(self._decoding.hold(slot.client))
            async for events in steps:
                await turn.aclose()
                yield events

    async def _events(self, payload: Json, asked: SlotRequest) -> AsyncGenerator[Events, None]:
        # llama.cpp streams no log probabilities when the request has tools: then the whole answer is one event.
        if payload.get("logprobs") and payload.get("tools"):
            async with contextlib.AsyncExitStack() as waiting:
                slot = await waiting.enter_async_context(self._slot(asked))
                body = encode(_in_slot(payload, slot))
                asking = asyncio.ensure_future(self._ask(body, slot, waiting.pop_all()))
            asking.add_done_callback(_heard)
            # llama.cpp finishes such an answer even if the client disconnects, so it keeps its slot until the end.
            yield await asyncio.shield(asking)
            return
        async with self._slot(asked) as slot:
            streamed = {"stream": True, "stream_options": {"include_usage": True}}
            body = encode({**_in_slot(payload, slot), **streamed})
            path = _TEXT_PATH if "prompt" in payload else _PATH
            async with contextlib.aclosing(self._open_server().stream(path, body)) as steps:
                async for events in steps:
                    # If the first event is an error, nothing was read into the slot.
                    slot.filled = slot.filled or not _is_error(events)
                    yield events

    async def _ask(self, body: bytes, slot: Slot, slots: contextlib.AsyncExitStack) -> Events:
        """Return a whole answer of llama.cpp, then release the slots."""
        async with slots:
            answer = await self._open_server().post(_PATH, body)
            slot.filled = True
            return answer

    @contextlib.asynccontextmanager
    async def _slot(self, asked: SlotRequest) -> AsyncGenerator[Slot, None]:
        async with self._permits.hold(asked.client):
            if self._slots is None:
                yield Slot(ANY_SLOT, reuse=True)
                return
            async with self._slots.acquire(asked) as slot:
                yield slot

    async def read_vocabulary_size(self) -> int:
        """Return the number of tokens in the model's vocabulary. The cached value outlives a restart of the child."""
        if self._vocabulary_size is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = _object(await self._open_server().get("/v1/models"))
            except TimeoutError:
                raise EngineUnavailable("The engine does not answer in time. Retry in a moment.") from None
            try:
                self._vocabulary_size = int(answer["data"][0]["meta"]["n_vocab"])
            except (KeyError, IndexError, TypeError, ValueError):
                raise ServerError("The engine does not report the size of its vocabulary.") from None
        return self._vocabulary_size

    async def marks_calls(self) -> bool:
        """Return whether the model's template renders calls in the form of `app.engines.constraints.binding`."""
        if self._marks_calls is None:
            function = {"name": "f", "arguments": '{"a": 1}'}
            call = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
            ask = {"messages": [{"role": "user", "content": "a"}, call], "add_generation_prompt": False}
            form = re.escape(MARK) + r'\s*\{"name": ?"f", ?"arguments": ?\{"a": ?1\}\}\s*</tool_call>'
            # None: the template refuses such messages.
            self._marks_calls = re.search(form, await self.render(ask) or "") is not None
        return self._marks_calls

    async def tokens(self, text: str) -> list[Piece]:
        """Return the tokens of a prompt, with the special tokens that the model's vocabulary adds around it."""
        told = await self._post("/tokenize", {"content": text, "add_special": True, "with_pieces": True})
        listed = told.get("tokens")
        if not isinstance(listed, list):
            raise ServerError(errors.UNUSABLE)
        return [_piece(each["id"], each["piece"]) for each in listed]

    async def text(self, tokens: list[int]) -> str:
        """Return the text of tokens."""
        text = (await self._post("/detokenize", {"tokens": tokens})).get("content")
        if not isinstance(text, str):
            raise ServerError(errors.UNUSABLE)
        return text

    async def piece(self, token: int) -> Piece:
        """Return one token by its id."""
        text = await self.text([token])
        return Piece(token, None if "\N{REPLACEMENT CHARACTER}" in text else text)

    @contextlib.asynccontextmanager
    async def one_by_one(self, asked: SlotRequest) -> AsyncGenerator[Callable[[Json], Awaitable[Json]], None]:
        """Yield a function that generates short texts one after the other in the same slot, so that each one reuses
        the prompt cache of the one before."""
        async with self._slot(asked) as slot:

            async def make(payload: Json) -> Json:
                made = await self._post(_TEXT_PATH, _in_slot(payload, slot))
                slot.filled, slot.reuse = True, True
                return made

            yield make

    async def embed(self, inputs: list[str] | list[list[int]], client: str | None) -> bytes:
        """Return llama.cpp's answer with the embeddings of some texts."""
        async with self._permits.hold(client):
            return await self._open_server().post(
                "/v1/embeddings", encode({"input": inputs, "encoding_format": "base64"}), explain=errors.quietly
            )

    async def count_tokens(self, text: str) -> int:
        """Return how many tokens a text has."""
        tokens = (await self._post("/tokenize", {"content": text})).get("tokens") if text else None
        return len(tokens) if isinstance(tokens, list) else 0

    async def _post(self, path: str, payload: Json) -> Json:
        return _object(await self._open_server().post(path, encode(payload)))

    def _open_server(self) -> Replicas:
        if self._server is None:
            raise EngineUnavailable("The engine is not started, or is being stopped. Retry in a moment.")
        return self._server


def _piece(token: int, piece: str | list[int]) -> Piece:
    return Piece(token, piece) if isinstance(piece, str) else Piece(token, None, piece)


def _object(body: bytes) -> Json:
    try:
        return parse(body)
    except UpstreamFailed:
        raise ServerError(errors.UNUSABLE) from None


def _in_slot(payload: Json, slot: Slot) -> Json:
    """Return the request for a slot. The prompt cache is used if both the request and the slot allow it."""
    made = {**payload, **slot.payload()}
    if payload.get("cache_prompt") is False:
        made["cache_prompt"] = False
    return made


def _is_error(events: Events) -> bool:
    return isinstance(events, list) and events[0].startswith(b'{"error"')


def _heard(asking: asyncio.Future[Events]) -> None:
    if not asking.cancelled():
        asking.exception()  # marks it as retrieved: no caller may be left to handle it
