"""The engine that ships with the server: llama.cpp in the model process, over its private socket.

It gives llama.cpp the defaults of the API, mends the places where llama.cpp's answers differ from it, and
turns llama.cpp's errors into ours without ever repeating their text, which may hold the prompt.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NoReturn, TypeVar

from ..errors import (
    ApiError,
    BadRequest,
    ConfigurationError,
    ContextLengthExceeded,
    EngineUnavailable,
    ServerError,
    UnsupportedParameter,
)
from . import llama_format, llama_logprobs, llama_schema, llama_tools
from .base import Json, Model
from .child import IN_FLIGHT_VARIABLE, KEY_VARIABLE, SOCKET_VARIABLE
from .client import HttpClient, NotAccepted, Refused, Unanswered
from .llama_request import translate

_log = logging.getLogger(__name__)

_PATH = "/v1/chat/completions"
_READY_SECONDS = 1.0
# How long a request waits for a model that loads or is started again, and how often it asks, in seconds.
_PATIENCE = 2.0
_PAUSE = 0.05
_AT_ONCE = 0.5

_LONGEST_TOKEN = 512

# How many schemas that llama.cpp understood are remembered.
_UNDERSTOOD = 1024

T = TypeVar("T")

# What llama.cpp can be made to do, in the words of the parameter table.
CAPABILITIES = frozenset(
    {"sampling", "seed", "stop", "length", "penalties", "logit_bias", "logprobs", "response_format", "tools", "functions"}
)


def address_from_environment() -> tuple[str, str]:
    """The socket path and the key that `supervisor.launch` published.

    Raises:
        ConfigurationError: nothing was launched before this process began.
    """
    try:
        return os.environ[SOCKET_VARIABLE], os.environ[KEY_VARIABLE]
    except KeyError:
        raise ConfigurationError("No model process was launched: call app.engines.supervisor.launch first.") from None


class LlamaEngine:
    """Completions from the model process.

    ``context_length`` is in tokens, for prompt and answer together. ``address`` gives the socket path and the
    key, and is called at `start`, never before. At most ``in_flight`` requests, or as many as the launcher says, are
    handed to llama.cpp at a time; more wait here, where waiting costs no thread.
    """

    def __init__(
        self,
        model: Model,
        *,
        context_length: int,
        address: Callable[[], tuple[str, str]] = address_from_environment,
        in_flight: int = 128,
    ) -> None:
        self._model = model
        self._context_length = context_length
        self._address = address
        self._in_flight = in_flight
        self._gate = asyncio.Semaphore(in_flight)
        self._client: HttpClient | None = None
        self._vocabulary_size: int | None = None
        self._understood: set[bytes] = set()

    @property
    def models(self) -> tuple[Model, ...]:
        return (self._model,)

    async def start(self) -> None:
        """Open the client. Does not wait for the model.

        Raises:
            ConfigurationError: there is no address.
        """
        socket, key = self._address()
        in_flight = int(os.environ.get(IN_FLIGHT_VARIABLE, self._in_flight))
        self._gate = asyncio.Semaphore(in_flight)  # one for each event loop
        self._client = HttpClient("http://model", key, socket=socket)

    async def close(self) -> None:
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

    async def complete(self, request: Json) -> Json:
        """As `base.Engine.complete`.

        Reads llama.cpp's stream, for llama.cpp finishes an answer that is not streamed even when its reader
        is gone.
        """
        content: list[str] = []
        reasoning: list[str] = []
        deltas: list[Json] = []
        entries: list[Json] = []
        finish_reason = "stop"
        usage: Json = {}
        async with contextlib.aclosing(self.stream(request)) as pieces:
            async for piece in pieces:
                usage = piece.get("usage", usage)
                for choice in piece["choices"]:
                    delta = choice["delta"]
                    deltas.append(delta)
                    content.append(delta.get("content", ""))
                    reasoning.append(delta.get("reasoning_content", ""))
                    entries += (choice.get("logprobs") or {}).get("content", ())
                    finish_reason = choice["finish_reason"] or finish_reason
        calls = llama_tools.message_of(deltas)
        message: Json = {"content": "".join(content) or (None if calls else ""), **calls}
        if any(reasoning):
            message["reasoning_content"] = "".join(reasoning)
        answer: Json = {"index": 0, "message": message, "finish_reason": finish_reason}
        if llama_logprobs.asked(request) is not None:
            answer["logprobs"] = llama_logprobs.joined(entries)
        return {"choices": [answer], "usage": usage}

    async def stream(self, request: Json) -> AsyncGenerator[Json, None]:
        """As `base.Engine.stream`; the last piece has no choices and carries the usage."""
        alternatives = llama_logprobs.asked(request)
        form = llama_format.asked(request)
        tools = llama_tools.asked(request)
        if form is not None and tools is not None and not tools.must:
            raise UnsupportedParameter(
                "Unsupported parameter: this model cannot choose between tools and an answer in a format. "
                "Send tool_choice none or required, or response_format text.",
                param="response_format",
            )
        vocabulary_size = await self._read_vocabulary_size() if request.get("logit_bias") else None
        self._refuse_hopeless(request["messages"])
        payload = translate(request, context_length=self._context_length, vocabulary_size=vocabulary_size)
        # llama.cpp cannot answer with no token at all: it makes one, and nobody sees it.
        silent = payload["max_tokens"] == 0
        if silent:
            payload["max_tokens"] = 1
        if tools is not None and tools.must:
            await self._bind_to_calls(payload, tools)
        elif tools is not None:
            payload.update(tools.payload())
        elif form is not None:
            await self._bind(payload, form.body, form.param)
        if tools is not None:
            # The template has the tools from here, whatever llama.cpp makes of the others.
            payload.setdefault("chat_template_kwargs", {})["tools"] = tools.shown
        stops: list[str] = payload["stop"]
        if stops and alternatives is not None and "tools" not in payload:
            pieces = self._cut(payload, alternatives, stops, silent=silent)
        else:
            pieces = self._pieces(payload, alternatives, silent=silent)
        if tools is not None:
            pieces = llama_tools.called(pieces, tools, may_stop=bool(stops))
        elif form is not None:
            pieces = llama_format.checked(pieces, form, may_stop=bool(stops))
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _bind_to_calls(self, payload: Json, tools: llama_tools.Tools) -> None:
        try:
            await self._bind(payload, tools.schema(), tools.param)
        except BadRequest:
            for tool in tools.callable.values():  # which of them is it?
                await self._bind({}, tool.schema.body, tool.schema.param)
            raise

    async def _bind(self, payload: Json, schema: Json, param: str) -> None:
        """Make the whole answer JSON that obeys a schema, once llama.cpp has shown that it understands it."""
        grammar = llama_schema.trial(schema)
        key = hashlib.blake2b(grammar.encode()).digest()
        if key not in self._understood:
            trial = {"prompt": "a", "n_predict": 1, "temperature": 0, "cache_prompt": False, "grammar": grammar}
            async with self._gate:
                answer = await self._patiently(lambda: self._open_client().post_json("/completion", trial))
            if answer.get("content") != llama_schema.PROOF:
                raise llama_schema.refuse_trial(param)
            if len(self._understood) >= _UNDERSTOOD:
                self._understood.clear()
            self._understood.add(key)
        payload["grammar"] = llama_schema.grammar(schema)
        # A grammar binds from the first token on: there is no room for thoughts, nor anything to cut out.
        payload["reasoning_format"] = "none"
        payload.setdefault("chat_template_kwargs", {})["enable_thinking"] = False

    async def _cut(
        self, payload: Json, alternatives: int, stops: list[str], *, silent: bool
    ) -> AsyncGenerator[Json, None]:
        """As `_pieces`, with the stop sequences looked for here, so that each token keeps its log probability."""
        cutter = llama_logprobs.Cutter(stops)
        unbound = {**payload, "stop": [], "timings_per_token": True}
        async with contextlib.aclosing(self._pieces(unbound, alternatives, silent=silent)) as pieces:
            async for piece in pieces:
                if not piece["choices"]:
                    yield piece
                    continue
                (choice,) = piece["choices"]
                text, reason = choice["delta"].pop("content", ""), choice["finish_reason"]
                entries = (choice.pop("logprobs", None) or {}).get("content", [])
                free, met = cutter.feed(text, entries) if text else ([], False)
                if reason is not None:
                    free += cutter.rest()
                deltas = [({"content": told}, logprobs) for told, logprobs in free]
                if choice["delta"]:
                    deltas.insert(0, (choice["delta"], []))
                for delta, logprobs in deltas:
                    told_choice = {"index": 0, "delta": delta, "finish_reason": None}
                    yield {"choices": [{**told_choice, "logprobs": llama_logprobs.joined(logprobs)}]}
                if met or reason is not None:
                    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop" if met else reason}]}
                if met:
                    yield {"choices": [], "usage": _usage_so_far(choice["timings"])}
                    return

    async def _pieces(self, payload: Json, alternatives: int | None, *, silent: bool) -> AsyncGenerator[Json, None]:
        """The pieces of llama.cpp's answer, mended; those of tokens without a text wait for the next with one."""
        reasoning: list[str] = []
        finish_reason: str | None = None
        usage: Json | None = None
        waiting: list[Json] = []
        async with contextlib.aclosing(self._events(payload)) as events:
            async for event in events:
                if "error" in event:
                    error = event["error"] if isinstance(event["error"], dict) else {}
                    code = error.get("code")
                    _raise_refusal(code if isinstance(code, int) else 500, error)
                if isinstance(event.get("usage"), dict):
                    usage = event["usage"]
                for choice in event.get("choices") or ():
                    delta: Json = {name: text for name, text in _texts(choice) if not silent}
                    calls = (choice.get("delta") or {}).get("tool_calls")
                    if calls and not silent:
                        delta["tool_calls"] = calls
                    reasoning.append(delta.get("reasoning_content", ""))
                    reason = _finish_reason(choice, silent=silent)
                    finish_reason = reason or finish_reason
                    piece: Json = {"index": 0, "delta": delta, "finish_reason": reason}
                    if alternatives is not None and not silent:
                        waiting += llama_logprobs.mend(choice, alternatives)
                        if waiting and delta:
                            piece["logprobs"] = llama_logprobs.joined(waiting)
                            waiting = []
                    if "timings_per_token" in payload:
                        piece["timings"] = event.get("timings") or {}
                    if delta or reason:
                        yield {"choices": [piece]}
        if finish_reason is None or usage is None:
            raise EngineUnavailable("The engine ended its answer too early. Retry in a moment.")
        reasoning_tokens = await self._count_tokens("".join(reasoning))
        yield {"choices": [], "usage": _mend_usage(usage, reasoning_tokens, silent=silent)}

    def _refuse_hopeless(self, messages: list[Json]) -> None:
        """Refuse what cannot fit the context, whatever the tokens, before llama.cpp spends seconds on finding out: each
        message takes a token at least, and no vocabulary has tokens of more than `_LONGEST_TOKEN` characters."""
        most = self._context_length * _LONGEST_TOKEN
        if len(messages) > self._context_length or sum(_length(message.get("content")) for message in messages) > most:
            raise ContextLengthExceeded(
                f"This model's context holds {self._context_length} tokens, and the messages take more. "
                "Shorten the messages.",
                param="messages",
            )

    async def _events(self, payload: Json) -> AsyncGenerator[Json, None]:
        """Post the request, again while the model loads, and give llama.cpp's events.

        llama.cpp gives no log probabilities in a stream when it has tools: then its whole answer is one event.
        """
        if payload.get("logprobs") and payload.get("tools"):
            whole = {**payload, "stream": False}
            del whole["stream_options"]
            async with self._gate:
                yield _as_event(await self._patiently(lambda: self._open_client().post_json(_PATH, whole)))
            return
        async with self._gate:
            patience = _Patience()
            while True:
                try:
                    async with contextlib.aclosing(self._open_client().stream_events(_PATH, payload)) as events:
                        async for event in events:
                            yield event
                    return
                except (NotAccepted, Unanswered) as failure:
                    await patience.wait(failure)
                except Refused as refusal:
                    _raise_refusal(refusal.status, refusal.error)

    async def _read_vocabulary_size(self) -> int:
        """The number of tokens that the model knows; it outlives a restart of the child."""
        if self._vocabulary_size is None:
            answer = await self._patiently(lambda: self._open_client().get_json("/v1/models", seconds=_PATIENCE))
            try:
                self._vocabulary_size = int(answer["data"][0]["meta"]["n_vocab"])
            except (KeyError, IndexError, TypeError, ValueError):
                raise ServerError("The engine does not tell the size of its vocabulary.") from None
        return self._vocabulary_size

    async def _count_tokens(self, text: str) -> int:
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
                _raise_refusal(refusal.status, refusal.error)

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


def _as_event(answer: Json) -> Json:
    """A whole answer of llama.cpp as if it were an event of a stream."""
    for choice in answer.get("choices") or ():
        entries = (choice.get("logprobs") or {}).get("content")
        if entries and not entries[-1].get("bytes"):
            entries.pop()  # the end of the text, which is no part of a stream
    choices = [
        {
            **{name: value for name, value in choice.items() if name != "message"},
            "delta": {
                **choice["message"],
                "tool_calls": [
                    {"index": index, **call} for index, call in enumerate(choice["message"].get("tool_calls") or ())
                ],
            },
        }
        for choice in answer.get("choices") or ()
    ]
    return {**answer, "choices": choices}


def _length(content: Any) -> int:
    if isinstance(content, str):
        return len(content)
    return sum(len(part.get("text") or "") for part in content or ())


def _texts(choice: Json) -> list[tuple[str, str]]:
    """The texts that a choice of llama.cpp adds; its first delta has null for content."""
    delta = choice.get("delta") or {}
    return [
        (name, delta[name])
        for name in ("content", "reasoning_content")
        if isinstance(delta.get(name), str) and delta[name]
    ]


def _finish_reason(choice: Json, *, silent: bool) -> str | None:
    reason = choice.get("finish_reason")
    if reason is None:
        return None
    return "length" if silent or reason == "length" else "stop"


def _mend_usage(usage: Json, reasoning_tokens: int, *, silent: bool) -> Json:
    """llama.cpp's usage with every detail of the API; tokens that it does not count are zero."""
    prompt = int(usage.get("prompt_tokens", 0))
    completion = 0 if silent else int(usage.get("completion_tokens", 0))
    cached: Any = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": int(cached), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": min(reasoning_tokens, completion),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _usage_so_far(timings: Json) -> Json:
    cached = int(timings.get("cache_n", 0))
    usage = {
        "prompt_tokens": cached + int(timings.get("prompt_n", 0)),
        "completion_tokens": int(timings.get("predicted_n", 0)),
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return _mend_usage(usage, 0, silent=False)


def _raise_refusal(status: int, error: Json) -> NoReturn:
    """Raise our error for llama.cpp's. Its message may hold the prompt, so only its type is logged."""
    kind = str(error.get("type", ""))
    kind = kind if re.fullmatch("[a-z_]{1,64}", kind) else "unknown"
    if kind == "exceed_context_size_error":
        raise ContextLengthExceeded(
            f"This model's context holds {error.get('n_ctx', 'fewer')} tokens, and the messages take "
            f"{error.get('n_prompt_tokens', 'more')}. Shorten the messages.",
            param="messages",
        )
    _log.warning("llama.cpp refused a request with status %d and type %s", status, kind)
    if status == 503:
        raise EngineUnavailable("The engine cannot answer now. Retry in a moment.")
    if status in (400, 413, 422):
        raise BadRequest("The model cannot work with these messages and parameters: check roles, order and values.")
    raise ServerError("The engine failed to answer this request.")
