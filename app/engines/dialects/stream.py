"""Reads an upstream's stream, event by event, into deltas, and checks that it is complete. This module does no I/O.

Most events are the next few characters of the only choice: a cheap test detects them, and they are passed on unchanged.
Of those that are like the one before, only these characters are parsed. All others go through `mending`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...errors import UpstreamFailed
from ...jsontypes import Json
from ..asked import Asked
from ..base import Completion, Delta, Facts, Message, StreamItem, ToolCall, Usage
from ..transport.events import MISSING_DONE
from . import mending
from .drift import Drift
from .mending import CHOICE
from .reading import error_of, facts_of, parse, read_whole
from .template import Template, template_of

# The most templates in a row that match no further event: some servers change something else in each event.
_IN_VAIN = 3
_CUT_OFF = "The upstream ended its stream before the answer was finished."


@dataclass(slots=True)
class _Open:
    """The state of a choice of a stream: the names and ids of its calls so far, by index."""

    names: dict[int, str]
    ids: dict[int, str]
    finished: bool = False


class StreamReader:
    """Reads the deltas of one streamed answer: pass each event to `feed`, and call `end` after the last. ``done``:
    further events must be ignored. ``secrets`` are redacted from the upstream's errors."""

    # The members that an event may have, and those that an event with only text may have.
    _names: ClassVar[frozenset[str]] = mending.TOP
    _plain_names: ClassVar[frozenset[str]] = mending.PLAIN

    def __init__(self, asked: Asked, drift: Drift) -> None:
        self._asked = asked
        self._drift = drift
        self._open: dict[int, _Open] = {}
        self._passes_plain = asked.n == 1 and not asked.counts
        self._done_missing = False
        self._plain = False  # the only choice has begun and not ended
        self._template: Template | None = None
        self._in_vain = 0
        self._begun = False
        self._usage: Any = None
        self.secrets: tuple[str, ...] = ()
        self.done = False

    def feed_whole(self, body: bytes) -> Sequence[StreamItem]:
        """Return the items of a whole answer that came instead of a stream; raises as `feed`."""
        self._drift.count("whole_for_stream")
        self.done = True
        return [*in_deltas(read_whole(body, self._asked, self._drift, self.secrets))]

    def feed(self, data: bytes) -> Sequence[StreamItem]:
        """Return the items in the data of an event.

        Raises:
            UpstreamFailed: the event cannot be understood.
            ApiError: it reports an error.
        """
        if data == MISSING_DONE:
            self._drift.count("done_missing")
            self._done_missing = True
            return ()
        if self._plain and self._template is not None and (text := self._template.text(data)) is not None:
            return (Delta(0, {"content": text}),)
        event = parse(data)
        # Fast path: the event has the next characters of the text, and nothing else.
        if (
            self._plain
            and type(choices := event.get("choices")) is list
            and len(choices) == 1
            and type(choice := choices[0]) is dict
            and choice.get("index") == 0
            and type(delta := choice.get("delta")) is dict
            and len(delta) == 1
            and type(delta.get("content")) is str
            and choice.get("finish_reason") is None
            and choice.get("logprobs") is None
            and event.get("usage") is None
            and choice.keys() <= CHOICE
            and event.keys() <= self._plain_names
        ):
            self._make_template(data, event)
            return (Delta(0, delta),)  # type: ignore[arg-type]  # its one member is a text
        return self.read(event)

    def _make_template(self, data: bytes, event: Json) -> None:
        """Have the next events compared with a plain one."""
        if self._template is not None and self._template.used:
            self._in_vain = 0
        self._template = template_of(data, event) if self._in_vain < _IN_VAIN else None
        self._in_vain += 1

    def read(self, event: Json) -> list[StreamItem]:
        """As `feed`, for a parsed event."""
        choices = event.get("choices")
        drift = self._drift
        error = error_of(event, self.secrets)
        if error is not None:
            raise error
        if event.get("usage") is not None:
            self._usage = event["usage"]
        if not isinstance(choices, list):
            raise UpstreamFailed("The upstream's stream has an event without choices.")
        mending.count_extras(event, self._names, drift)
        facts: Facts = {}
        if not self._begun:
            self._begun = True
            mending.mend_identity(event, "chat.completion.chunk", drift)
            facts = facts_of(event, drift)
        elif event.get("moderation") is not None:
            facts = {"moderation": event["moderation"]}
        deltas = [self._choice(choice) for choice in choices]
        self._plain = self._passes_plain and 0 in self._open and not self._open[0].finished
        if self._asked.counts and deltas and (usage := self._so_far(event)) is not None:
            facts["usage"] = usage
        return [facts, *deltas] if facts else [*deltas]

    def _so_far(self, event: Json) -> Usage | None:
        """Return the usage up to and including an event, None if the event does not report it."""
        told = event.get("usage")
        return None if told is None else mending.mend_usage(told, self._drift)

    def _choice(self, choice: Any) -> Delta:
        drift = self._drift
        if not isinstance(choice, dict):
            raise UpstreamFailed("The upstream's stream has a choice that is not an object.")
        mending.count_extras(choice, mending.CHOICE, drift)
        index = choice.get("index")
        if index is None and self._asked.n == 1:
            drift.count("index_missing")
            index = 0
        if not isinstance(index, int) or not 0 <= index < self._asked.n:
            raise UpstreamFailed("The upstream's stream has a choice that was not asked for.")
        source = choice.get("delta")
        if source is None:
            drift.count("delta_missing")
            source = {}
        message = mending.mend_message(source, drift)
        state = self._open.get(index)
        if state is None:
            state = self._open[index] = _Open({}, {})
            if source.get("role") is None:
                drift.count("role_chunk_missing")
            elif "content" in source and source["content"] is None and not message.get("tool_calls"):
                drift.count("role_chunk_content_null")
        elif state.finished and any(message.values()) and not _is_end_of_audio(message):
            raise UpstreamFailed("The upstream's stream goes on after the answer's end.")
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            message["tool_calls"] = [self._fragment(call, state) for call in calls]
        reason = mending.mend_reason(choice.get("finish_reason"), calls=bool(state.names), drift=drift)
        if reason is not None:
            if state.finished:
                drift.count("finish_reason_repeated")
                reason = None
            else:
                state.finished = True
                if any(message.values()):
                    drift.count("finish_reason_on_a_delta")
        logprobs = mending.mend_logprobs(choice.get("logprobs"), self._asked.alternatives, drift)
        return Delta(index, message, reason, logprobs)

    def _fragment(self, call: Any, state: _Open) -> ToolCall:
        """Return what a delta adds to a tool call: first its id, type and name, then more of its arguments."""
        drift = self._drift
        kind, body = mending.body_of(call, drift)
        index, given, name = call.get("index"), call.get("id"), body.get("name")
        if not isinstance(index, int):
            drift.count("call_index_missing")
            index = len(state.names) if name or given else max(len(state.names) - 1, 0)
        elif index in state.names and name and given and given != state.ids[index]:
            # A fragment with a name and a different id is another call.
            drift.count("call_index_repeated")
            index = max(state.names) + 1
        text = "input" if kind == "custom" else "arguments"
        if index in state.names:
            if given or name or call.get("type") not in (None, kind):
                drift.count("call_named_again")
            return mending.make_call({"index": index}, kind, {text: body.get(text, "")})
        if not given:
            drift.count("call_id_missing")
        if call.get("type") != kind:
            drift.count("call_type_missing")
        if not name:
            raise UpstreamFailed("The upstream's stream has a tool call without a name.")
        state.names[index], state.ids[index] = name, given or mending.call_id()
        head = {"index": index, "id": state.ids[index], "type": kind}
        return mending.make_call(head, kind, {"name": name, text: body.get(text, "")})

    def end(self) -> Sequence[StreamItem]:
        """Return the last facts, with the usage. An answer that ended cleanly may lack some of several choices.

        Raises:
            UpstreamFailed: the answer is not finished.
        """
        finished = sum(choice.finished for choice in self._open.values())
        if finished < self._asked.n and (not finished or self._done_missing):
            self._drift.count("finish_reason_missing")
            raise UpstreamFailed(_CUT_OFF)
        usage = mending.mend_usage(self._usage, self._drift)
        if usage is None:
            self._drift.count("usage_missing")
            return ()
        return ({"usage": usage},)


def _is_end_of_audio(message: Message) -> bool:
    """Whether a delta has only the expiry of an audio answer, which OpenAI's servers send after its end."""
    return (
        message.keys() == {"audio"} and isinstance(message["audio"], dict) and message["audio"].keys() == {"expires_at"}
    )


def in_deltas(answer: Completion) -> Iterator[StreamItem]:
    """Yield a whole answer as the items of a stream."""
    facts: Facts = {**answer.facts}
    usage = facts.pop("usage", None)
    if facts:
        yield facts
    for choice in answer.choices:
        calls = choice.message.get("tool_calls")
        if isinstance(calls, list):
            choice.message["tool_calls"] = [{**call, "index": index} for index, call in enumerate(calls)]
        yield Delta(choice.index, choice.message, choice.finish_reason, choice.logprobs)
    if usage is not None:
        yield {"usage": usage}
