"""The model process as its engine sees it: asked over its socket, patiently while it loads or is started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from ...errors import ApiError, BadRequest, ConfigurationError, EngineUnavailable, ServerError
from ...model_process.child import IN_FLIGHT_VARIABLE, SLOTS_SUFFIX, address_variables
from ...model_process.slots import ANY_SLOT, Place, Slots, Wish
from ..base import Json
from ..constraints.binding import MARK
from ..dialects.llama_cpp.answer import as_event, raise_refusal
from ..media.media import in_messages
from ..transport.client import HttpClient, NotAccepted, Refused, Unanswered

_PATH = "/v1/chat/completions"
_READY_SECONDS = 1.0
# How long a request waits for a model that loads or is started again, and how often it asks, in seconds.
_PATIENCE = 2.0
_PAUSE = 0.05
_AT_ONCE = 0.5
# Requests of a worker whose pictures or sounds llama.cpp decodes at a time.
_PICTURES_AT_ONCE = 4

T = TypeVar("T")


def address_from_environment(place: int = 0) -> tuple[str, str]:
    """The socket path and the key that were published for a server's model at a place, counted from 0.

    Raises:
        ConfigurationError: nothing was launched before this process began.
    """
    socket, key = address_variables(place)
    try:
        return os.environ[socket], os.environ[key]
    except KeyError:
        raise ConfigurationError(
            "No model process was launched: call app.model_process.supervisor.launch first."
        ) from None


class ModelProcess:
    """llama.cpp behind its socket.

    ``address`` gives the socket path and the key, and is called at `start`, never before. At most ``in_flight``
    requests, or as many as the launcher says, are handed over at a time; more wait here, where waiting costs no thread.
    ``slots`` is how many llama.cpp has; 0: it chooses among them itself.
    """

    def __init__(self, address: Callable[[], tuple[str, str]], in_flight: int, slots: int = 0) -> None:
        self._address = address
        self._slot_count = slots
        self._slots: Slots | None = None
        self._in_flight = in_flight
        self._gate = asyncio.Semaphore(in_flight)
        self._turns = asyncio.Semaphore(_PICTURES_AT_ONCE)
        self._client: HttpClient | None = None
        self._vocabulary_size: int | None = None
        self._marks_calls: bool | None = None

    async def start(self) -> None:
        """Open the client. Does not wait for the model.

        Raises:
            ConfigurationError: there is no address.
        """
        socket, key = self._address()
        in_flight = int(os.environ.get(IN_FLIGHT_VARIABLE, self._in_flight))
        self._gate = asyncio.Semaphore(in_flight)  # one for each event loop
        self._turns = asyncio.Semaphore(_PICTURES_AT_ONCE)
        self._client = HttpClient("http://model", key, socket=socket)
        if self._slot_count:
            self._slots = Slots(socket + SLOTS_SUFFIX, self._slot_count)

    async def close(self) -> None:
        """Close all connections; safe without a `start`."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.close()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ready(self) -> bool:
        """Whether the model is loaded and answers, found out within a second."""
        if self._client is None:
            return False
        try:
            await self._client.get_json("/health", seconds=_READY_SECONDS)
        except (ApiError, Refused):
            return False
        return True

    async def complete_text(self, payload: Json) -> Json:
        """The answer to llama.cpp's own way of completing a text."""
        async with self._place(Wish()) as place:
            placed = {**payload, **place.payload(), "cache_prompt": False}
            return await self._patiently(lambda: self._open_client().post_json("/completion", placed))

    async def answer(self, payload: Json) -> Json:
        """A whole and short answer, in a slot for which nobody has a key."""
        async with self._place(Wish()) as place:
            placed = {**payload, **place.payload(), "cache_prompt": False}
            return await self._patiently(lambda: self._open_client().post_json(_PATH, placed))

    async def render(self, payload: Json) -> str | None:
        """The prompt that llama.cpp makes of a request; None when the model's template refuses it."""
        patience = _Patience()
        while True:
            try:
                prompt = (await self._open_client().post_json("/apply-template", payload)).get("prompt")
                return prompt if isinstance(prompt, str) else None
            except (NotAccepted, Unanswered) as failure:
                await patience.wait(failure)
            except Refused as refusal:
                if refusal.status == 503:
                    raise_refusal(refusal.status, refusal.error)
                return None

    def events(self, payload: Json, wish: Wish) -> AsyncGenerator[Json, None]:
        """Post the request, again while the model loads, and give llama.cpp's events."""
        if in_messages(payload["messages"]):
            return self._events_in_turn(payload, wish)
        return self._events(payload, wish)

    async def _events_in_turn(self, payload: Json, wish: Wish) -> AsyncGenerator[Json, None]:
        """llama.cpp decodes pictures when their request arrives, not when it begins with it: memory is for few at once.
        The turn ends when the prompt has been read."""
        async with contextlib.AsyncExitStack() as turn, contextlib.aclosing(self._events(payload, wish)) as events:
            await turn.enter_async_context(self._turns)
            async for event in events:
                await turn.aclose()
                yield event

    async def _events(self, payload: Json, wish: Wish) -> AsyncGenerator[Json, None]:
        """Post the request, again while the model loads, and give llama.cpp's events.

        llama.cpp gives no log probabilities in a stream when it has tools: then its whole answer is one event.
        """
        if payload.get("logprobs") and payload.get("tools"):
            async with contextlib.AsyncExitStack() as waiting:
                place = await waiting.enter_async_context(self._place(wish))
                whole = {**payload, **place.payload(), "stream": False}
                del whole["stream_options"]
                asking = asyncio.ensure_future(self._ask(whole, place, waiting.pop_all()))
            asking.add_done_callback(_heard)
            # llama.cpp works on to the end of such an answer whoever leaves: so long it has its place.
            yield as_event(await asyncio.shield(asking))
            return
        async with self._place(wish) as place:
            placed = {**payload, **place.payload()}
            patience = _Patience()
            while True:
                try:
                    async with contextlib.aclosing(self._open_client().stream_events(_PATH, placed)) as events:
                        async for event in events:
                            place.filled = place.filled or "error" not in event
                            yield event
                    return
                except (NotAccepted, Unanswered) as failure:
                    await patience.wait(failure)
                except Refused as refusal:
                    raise_refusal(refusal.status, refusal.error)

    async def _ask(self, payload: Json, place: Place, places: contextlib.AsyncExitStack) -> Json:
        """A whole answer of llama.cpp, after which the places are left."""
        async with places:
            answer = await self._patiently(lambda: self._open_client().post_json(_PATH, payload))
            place.filled = True
            return answer

    @contextlib.asynccontextmanager
    async def _place(self, wish: Wish) -> AsyncGenerator[Place, None]:
        async with self._gate:
            if self._slots is None:
                yield Place(ANY_SLOT, reuse=True)
                return
            async with self._slots.place(wish) as place:
                yield place

    async def read_vocabulary_size(self) -> int:
        """The number of tokens that the model knows; it outlives a restart of the child."""
        if self._vocabulary_size is None:
            answer = await self._patiently(lambda: self._open_client().get_json("/v1/models", seconds=_PATIENCE))
            try:
                self._vocabulary_size = int(answer["data"][0]["meta"]["n_vocab"])
            except (KeyError, IndexError, TypeError, ValueError):
                raise ServerError("The engine does not tell the size of its vocabulary.") from None
        return self._vocabulary_size

    async def marks_calls(self) -> bool:
        """Whether the model's template has calls as `llama_binding` binds them."""
        if self._marks_calls is None:
            function = {"name": "f", "arguments": '{"a": 1}'}
            call = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
            ask = {"messages": [{"role": "user", "content": "a"}, call], "add_generation_prompt": False}
            form = re.escape(MARK) + r'\s*\{"name": ?"f", ?"arguments": ?\{"a": ?1\}\}\s*</tool_call>'
            try:
                answer = await self._patiently(lambda: self._open_client().post_json("/apply-template", ask))
                self._marks_calls = re.search(form, str(answer.get("prompt"))) is not None
            except (BadRequest, ServerError):
                self._marks_calls = False  # the template refuses such messages
        return self._marks_calls

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has."""
        if not text:
            return 0
        answer = await self._patiently(lambda: self._open_client().post_json("/tokenize", {"content": text}))
        tokens = answer.get("tokens")
        return len(tokens) if isinstance(tokens, list) else 0

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask, again while the model loads."""
        patience = _Patience()
        while True:
            try:
                return await ask()
            except (NotAccepted, Unanswered) as failure:
                await patience.wait(failure)
            except Refused as refusal:
                raise_refusal(refusal.status, refusal.error)

    def _open_client(self) -> HttpClient:
        if self._client is None:
            raise EngineUnavailable("The engine is not started, or is being stopped. Retry in a moment.")
        return self._client


class _Patience:
    """How long one request is tried: while the model loads, and once more when the model's process died under it.

    Only once, and only when it died at once, as a request does that met a process about to end: one that kills the
    process itself must not kill it again and again.
    """

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._asked = self._time()
        self._deadline = self._asked + _PATIENCE
        self._lost = False

    async def wait(self, failure: NotAccepted | Unanswered) -> None:
        """Return when it is time to ask again, or raise the failure."""
        if isinstance(failure, Unanswered):
            if self._lost or self._time() - self._asked > _AT_ONCE:
                raise failure
            self._lost = True
        elif self._time() >= self._deadline:
            raise failure
        await asyncio.sleep(_PAUSE)
        self._asked = self._time()


def _heard(asking: asyncio.Future[Json]) -> None:
    if not asking.cancelled():
        asking.exception()  # nobody may be left to hear of it
