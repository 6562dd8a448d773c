"""Reads llama.cpp's stream: what it has beyond the API, and where it differs. There is no I/O in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from ....errors import ApiError, UpstreamFailed
from ....jsontypes import Json
from ...asked import Asked
from ...base import Delta, Facts, TokenLogprob, Usage, usage_of
from .. import mending
from ..drift import Drift
from ..reading import error_of
from ..stream import StreamReader, Told
from .stops import StopCutter


class LlamaReader(StreamReader):
    """As `StreamReader`, with thoughts counted and log probabilities of the text alone, in the delta with their text.

    ``silent``: llama.cpp made a token because it cannot make none, and nobody shall see it. ``stops`` are sequences
    that llama.cpp was not told of; once one is met the reader is ``done``. ``own``: the server is ours, and what it
    says of itself goes no further. ``error`` makes our error of an event that tells of one.
    """

    _plain_names: ClassVar[frozenset[str]] = mending.PLAIN | {"timings"}

    def __init__(
        self,
        asked: Asked,
        drift: Drift,
        *,
        silent: bool = False,
        stops: Sequence[str] = (),
        own: bool = False,
        error: Callable[[Json], ApiError | None] = error_of,
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
        self._untouched = not silent and not stops and asked.alternatives is None

    @property
    def uncounted(self) -> str:
        """The thoughts, where it is not known how many tokens they are; else empty. Give `end` their number."""
        return "".join(self._reasoning) if self._thoughts is None else ""

    def read(self, event: Json) -> Told:
        error = self._error(event)
        if error is not None:
            raise error
        timings = event.get("timings")
        self._timings = timings if isinstance(timings, dict) else {}
        told = super().read(event)
        if type(told) is tuple and self._untouched:
            return told  # nothing but text
        result: list[Delta | Facts] = []
        for each in told:
            if isinstance(each, Delta):
                result += self._delta(each)
            elif not self._own:
                result.append(each)
        return result

    def _delta(self, delta: Delta) -> list[Delta | Facts]:
        if self._silent:
            delta = Delta(delta.index, {}, delta.finish_reason and "length")
        message = delta.message
        _refuse_unreadable(delta)
        if message.get("content") == "":
            del message["content"]
        if "reasoning_content" in message:
            self._reasoning.append(message["reasoning_content"])
            made = self._timing("predicted_n")
            self._thoughts_so_far = made or 0
            # Of a delta with more than thoughts it is not known how many tokens were thoughts.
            self._thoughts = made if len(message) == 1 else None
        if self._asked.alternatives is not None and not self._silent:
            self._place_logprobs(delta)
        if not message and delta.finish_reason is None:
            return []
        if self._cutter is None:
            return [delta]
        result: list[Delta | Facts] = [*self._cutter.cut(delta)]
        if self._cutter.met:
            self.done = True
            result.append({"usage": self._usage_so_far()})
        return result

    def _place_logprobs(self, delta: Delta) -> None:
        """Those of tokens without a text wait for the next with one; those of thoughts are left out."""
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

    def _usage_so_far(self) -> Usage:
        cached, made = self._timing("cache_n") or 0, self._timing("predicted_n") or 0
        prompt = cached + (self._timing("prompt_n") or 0)
        return usage_of(prompt, made, cached=cached, reasoning=min(self._thoughts_so_far, made))

    def _timing(self, name: str) -> int | None:
        count = self._timings.get(name)
        return count if isinstance(count, int) else None

    def end(self, thoughts: int = 0) -> Told:
        """As `StreamReader.end`. ``thoughts`` is the number of tokens of `uncounted`."""
        told = super().end()
        for facts in told:
            if isinstance(facts, dict) and "usage" in facts:
                facts["usage"] = self._count(facts["usage"], thoughts)
        return told

    def _count(self, usage: Usage, thoughts: int) -> Usage:
        prompt, made = usage["prompt_tokens"], usage["completion_tokens"]
        if not isinstance(prompt, int) or not isinstance(made, int):
            return usage  # what is no number is for the contract's check to refuse
        if self._silent:
            return usage_of(prompt, 0, cached=usage["prompt_tokens_details"]["cached_tokens"])
        known = thoughts if self._thoughts is None else self._thoughts
        if known:
            usage["completion_tokens_details"]["reasoning_tokens"] = min(known, made)
        return usage


def _last(entries: list[TokenLogprob], text: str) -> list[TokenLogprob]:
    """The last of the entries, those of a text: the thoughts before it, and the tags around them, are none of it."""
    left, begin = len(text.encode()), len(entries)
    while left > 0 and begin > 0:
        begin -= 1
        left -= len(entries[begin].get("bytes") or ())
    return entries[begin:]


def _refuse_unreadable(delta: Delta) -> None:
    """Refuse texts and lists that are none: here and where deltas are put together they are looked into, before the
    contract's check sees them."""
    message: Any = delta.message
    texts = [message.get(name, "") for name in ("content", "refusal", "reasoning_content")]
    calls, body = message.get("tool_calls", []), message.get("function_call", {})
    logprobs: Any = delta.logprobs or {}
    if isinstance(calls, list) and isinstance(body, dict) and isinstance(logprobs, dict):
        for each in (body, *(call.get("custom") or call.get("function") for call in calls)):
            texts += each.values()
        entries = [logprobs.get("content") or [], logprobs.get("refusal") or []]
        if all(isinstance(text, str) for text in texts) and all(map(_are_entries, entries)):
            return
    raise UpstreamFailed("The upstream's stream has a delta that cannot be read.")


def _are_entries(entries: Any) -> bool:
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("bytes"), list | None) for entry in entries
    )


def as_event(answer: Json) -> Json:
    """A whole answer of llama.cpp as if it were an event of a stream.

    Raises:
        UpstreamFailed: a choice has no message.
    """
    choices = answer.get("choices")
    if isinstance(choices, list):
        choices = [_as_part(choice) for choice in choices]
    return {**answer, "object": "chat.completion.chunk", "choices": choices}


def _as_part(choice: Any) -> Json:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise UpstreamFailed("The upstream's answer has a message that is no object.")
    part = {**choice, "delta": message}
    del part["message"]
    calls, logprobs = message.get("tool_calls"), choice.get("logprobs")
    if isinstance(calls, list):
        calls = [{"index": index, **call} if isinstance(call, dict) else call for index, call in enumerate(calls)]
        part["delta"] = {**message, "tool_calls": calls}
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    if isinstance(entries, list) and entries and isinstance(entries[-1], dict) and not entries[-1].get("bytes"):
        entries.pop()  # the end of the text, which is no part of a stream
    return part
