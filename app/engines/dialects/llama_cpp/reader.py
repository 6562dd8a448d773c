"""Reads llama.cpp's stream, with its extensions and its differences to the API. This module does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ....errors import ApiError, UpstreamFailed
from ....jsontypes import Json
from ...asked import Asked
from ...base import Delta, StreamItem, TokenLogprob, Usage, usage_of
from .. import mending
from ..drift import Drift
from ..reading import error_of, parse
from ..stops import StopCutter
from ..stream import StreamReader


class LlamaReader(StreamReader):
    """As `StreamReader`, but counts reasoning, and puts the log probabilities of the text, without those of the
    reasoning, into the delta with their text.

    ``silent``: llama.cpp generated a token because it cannot generate none; the token is hidden. ``stops`` are
    sequences that were not sent to llama.cpp; once one is found, the reader is ``done``. ``own``: the server is our
    model process, and its facts other than the usage are dropped. ``error`` maps an event to our error, if it has one.
    """

    # Whether the last event of a text was read: it is not followed by [DONE].
    finished = False

    # We request timings.
    _names: ClassVar[frozenset[str]] = mending.TOP | {"timings"}
    _plain_names: ClassVar[frozenset[str]] = mending.PLAIN | {"timings"}

    def __init__(
        self,
        asked: Asked,
        drift: Drift,
        *,
        silent: bool = False,
        stops: Sequence[str] = (),
        own: bool = False,
        error: Callable[[Json], ApiError | None] | None = None,
    ) -> None:
        super().__init__(asked, drift)
        self._silent = silent
        self._own = own
        self._error = error
        self._cutter = StopCutter(stops, logprobs=asked.alternatives is not None) if stops else None
        self._timings: Json = {}
        self._reasoning: list[str] = []
        self._thoughts: int | None = 0  # tokens; None: not known
        self._thoughts_so_far = 0
        self._after_thoughts = False
        self._waiting: list[TokenLogprob] = []
        self._passes_plain &= not silent and not stops and asked.alternatives is None

    @property
    def uncounted(self) -> str:
        """The reasoning if its number of tokens is not known, else empty. Pass that number to `end`."""
        return "".join(self._reasoning) if self._thoughts is None else ""

    def feed_whole(self, body: bytes) -> Sequence[StreamItem]:
        """As `StreamReader.feed_whole`; `end` returns the usage."""
        return self.read(as_event(parse(body)))

    def read(self, event: Json) -> list[StreamItem]:
        if self.done:
            return []
        error = error_of(event, self.secrets) if self._error is None else self._error(event)
        if error is not None:
            raise error
        timings = event.get("timings")
        self._timings = timings if isinstance(timings, dict) else {}
        result: list[StreamItem] = []
        for each in super().read(event):
            if isinstance(each, Delta):
                result += self._delta(each)
            elif not self._own:
                result.append(each)
            elif "usage" in each:
                result.append({"usage": each["usage"]})
        return result

    def _so_far(self, event: Json) -> Usage | None:
        return self._usage_so_far() if self._timings and not self._silent else None

    def _delta(self, delta: Delta) -> list[StreamItem]:
        if self._silent:
            delta = Delta(delta.index, {}, delta.finish_reason and "length")
        message = delta.message
        if message.get("content") == "":
            del message["content"]
        if not _is_well_formed(delta):
            raise UpstreamFailed("The upstream's stream has a delta that cannot be read.")
        if "reasoning_content" in message:
            self._reasoning.append(message["reasoning_content"])
            self._thoughts_so_far = self._timing("predicted_n") or 0
            # If a delta has more than reasoning, the number of reasoning tokens is not known.
            self._thoughts = self._timing("predicted_n") if len(message) == 1 else None
        if self._asked.alternatives is not None and not self._silent:
            self._place_logprobs(delta)
        if not message and delta.finish_reason is None:
            return []
        if self._cutter is None:
            return [delta]
        result: list[StreamItem] = [*self._cutter.cut(delta)]
        if self._cutter.met:
            self.done = True
            result.append({"usage": self._usage_so_far()})
        return result

    def _place_logprobs(self, delta: Delta) -> None:
        """Hold entries of tokens without text until the next text; drop those of reasoning."""
        message = delta.message
        self._waiting += (delta.logprobs or {"content": None})["content"] or ()
        delta.logprobs = None
        thinks, says = "reasoning_content" in message, "content" in message
        if thinks or (self._after_thoughts and says):
            self._waiting = _last(self._waiting, message.get("content") or "")
        self._after_thoughts = thinks or (self._after_thoughts and not says)
        if self._waiting and message:
            delta.logprobs = {"content": self._waiting, "refusal": None}
            self._waiting = []

    def _timing(self, name: str) -> int | None:
        value = self._timings.get(name)
        return value if isinstance(value, int) else None

    def _usage_so_far(self) -> Usage:
        cached, read, made = (self._timing(name) or 0 for name in ("cache_n", "prompt_n", "predicted_n"))
        return usage_of(cached + read, made, cached=cached, reasoning=min(self._thoughts_so_far, made))

    def end(self, thoughts: int = 0) -> Sequence[StreamItem]:
        """As `StreamReader.end`. ``thoughts`` is the number of tokens of `uncounted`."""
        told = super().end()
        for facts in told:
            if isinstance(facts, dict) and "usage" in facts:
                facts["usage"] = self._count(facts["usage"], thoughts)
        return told

    def _count(self, usage: Usage, thoughts: int) -> Usage:
        made = usage["completion_tokens"]
        if self._silent and isinstance(usage["prompt_tokens"], int):
            return usage_of(usage["prompt_tokens"], 0, cached=usage["prompt_tokens_details"]["cached_tokens"])
        known = thoughts if self._thoughts is None else self._thoughts
        if known and isinstance(made, int):
            usage["completion_tokens_details"]["reasoning_tokens"] = min(known, made)
        return usage


class TextReader(LlamaReader):
    """As `LlamaReader`, for llama.cpp's native completion endpoint."""

    def read(self, event: Json) -> list[StreamItem]:
        self.finished = event.get("stop") is True
        return super().read(_as_chunk(event))


def _as_chunk(event: Json) -> Json:
    """Convert an event with a piece of a text to an event of a chat."""
    if not isinstance(event.get("content"), str):
        return event
    timings = event["timings"] if isinstance(event.get("timings"), dict) else {}
    choice: Json = {"index": 0, "delta": {"role": "assistant", "content": event["content"]}}
    if event.get("completion_probabilities"):
        choice["logprobs"] = {"content": event["completion_probabilities"]}
    chunk: Json = {"choices": [choice], "timings": timings}
    if event.get("stop") is True:
        choice["finish_reason"] = "length" if event.get("stop_type") == "limit" else "stop"
        cached, read, made = (timings.get(name, 0) for name in ("cache_n", "prompt_n", "predicted_n"))
        chunk["usage"] = usage_of(cached + read, made, cached=cached)
    return chunk


def _is_well_formed(delta: Delta) -> bool:
    """Whether the values that `mending` passes on unchanged have the API's types, as far as they are processed here or
    combined into a whole answer. Otherwise reading must fail: a text with a gap would be a different text."""
    message: Json = {**delta.message}
    calls, body = message.get("tool_calls", []), message.get("function_call", {})
    logprobs: Any = {} if delta.logprobs is None else delta.logprobs
    if not (isinstance(calls, list) and isinstance(body, dict) and isinstance(logprobs, dict)):
        return False
    texts = [message.get(name, "") for name in ("content", "refusal", "reasoning_content")]
    for part in (body, *(call.get("custom") or call.get("function") for call in calls)):
        texts += part.values()
    return all(isinstance(text, str) for text in texts) and all(map(_are_entries, logprobs.values()))


def _are_entries(entries: Any) -> bool:
    return entries is None or (
        isinstance(entries, list)
        and all(isinstance(entry, dict) and isinstance(entry.get("bytes"), list | None) for entry in entries)
    )


def _last(entries: list[TokenLogprob], text: str) -> list[TokenLogprob]:
    """Return the last entries, those of a text, without those of the reasoning before it and its tags."""
    left, begin = len(text.encode()), len(entries)
    while left > 0 and begin > 0:
        begin -= 1
        left -= len(entries[begin].get("bytes") or ())
    return entries[begin:]


def as_event(answer: Json) -> Json:
    """Convert a whole answer of llama.cpp to an event of a stream.

    Raises:
        UpstreamFailed: it does not have the form of an answer.
    """
    try:
        return {
            **answer,
            "object": "chat.completion.chunk",
            "choices": [_in_stream(choice) for choice in answer.get("choices") or ()],
        }
    except (AttributeError, KeyError, TypeError):
        raise UpstreamFailed("The upstream's answer does not have the form of an answer.") from None


def _in_stream(choice: Json) -> Json:
    entries = (choice.get("logprobs") or {}).get("content")
    if entries and not entries[-1].get("bytes"):
        entries.pop()  # the end-of-text token, which a stream does not have
    message = choice["message"]
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or ())]
    return {
        **{name: value for name, value in choice.items() if name != "message"},
        "delta": {**message, "tool_calls": calls},
    }
