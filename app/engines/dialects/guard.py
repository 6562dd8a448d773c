"""Checks an upstream's answer against the request: visible deviations are not passed on.

The guard is between a reader and the domain, for both whole answers and streams. A breach is repaired if the repair is
certain: a text is cut at the first stop sequence, and after the last allowed token if the tokens are visible; calls
beyond the one allowed are dropped; missing arguments become an empty object. Any other breach is the upstream's
failure; under the operator's policy ``warn`` it is passed on and named instead. Each breach is counted by the parameter
that was not honoured. This module does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import UpstreamFailed
from ..asked import Asked
from ..base import Choice, Completion, Delta, Logprobs, Message, Refuse, StreamItem, ToolCall
from . import arguments
from .breaches import Breaches
from .drift import Drift
from .pieces import Cutter, part_of
from .reading import is_json
from .spending import Spending

# Maximum pieces of text that wait for the first log probabilities: held-back text may arrive before its own.
_PATIENCE = 8

# The members of a message without calls and sound.
_TEXT = frozenset({"content", "refusal", "annotations", "reasoning_content"})

_ENDED = ("stop", "tool_calls", "function_call")


class _State:
    """The state of a choice: its text and calls as far as they are checked, its held-back deltas, its end."""

    def __init__(self, asked: Asked) -> None:
        self.cutter = Cutter(asked)
        self.texts: list[str] = []
        self.refused = self.spoken = False
        self.calls: dict[int, arguments.Call] = {}
        self.pieces = 0  # of text
        self.probable = self.alternatives = False  # log probabilities, and alternatives, have arrived
        self.waiting: list[Delta] = []
        self.end: list[Delta] = []  # held back until the number of tokens is known
        self.finished = False


class Guard:
    """Checks one answer. For a stream, pass the reader's items to `feed`, then call `end`; pass a whole answer to
    `hold`. ``refuse`` is that of `base.Engine.prepare`. ``done``: the answer is complete, and further output of the
    upstream must be ignored."""

    def __init__(self, asked: Asked, drift: Drift, refuse: Refuse) -> None:
        self._asked = asked
        self._drift = drift
        self._breaches = Breaches(drift, refuse)
        self._spending = Spending(asked, self._breaches)
        self._alternatives = asked.alternatives
        self._states: dict[int, _State] = {}
        self._used = False  # the usage has arrived
        self._plain = asked.n == 1 and not asked.stops and not asked.json and asked.alternatives is None
        self.done = False

    @property
    def complete(self) -> bool:
        """Whether all choices have ended, as far as the guard has processed them."""
        return len(self._states) == self._asked.n and all(state.finished for state in self._states.values())

    def feed(self, items: Sequence[StreamItem]) -> Sequence[StreamItem]:
        """Return those of the reader's items that may be passed on.

        Raises:
            UpstreamFailed: the answer does not match the request.
        """
        if (
            self._plain
            and len(items) == 1
            and type(item := items[0]) is Delta
            and item.finish_reason is None
            and len(item.message) == 1
            and type(text := item.message.get("content")) is str
        ):
            if self._spending.bounded:
                self._spending.count(text)
            return items
        return [passed for item in items for passed in self._item(item)]

    def hold(self, answer: Completion) -> Completion:
        """Return a whole answer in the form that may be passed on; raises as `feed`."""
        if not self._is_plain(answer.choices):
            for choice in answer.choices:
                self._whole(choice)
        if len(answer.choices) < self._asked.n:
            self._miss_choices()
        if self._spending.bounded and "usage" in answer.facts and not self._cut():
            self._spending.hold(answer.facts["usage"])
        return answer

    def _is_plain(self, choices: Sequence[Choice]) -> bool:
        """Whether an answer is nothing but a text, of which the request demands nothing. Most are."""
        asked = self._asked
        return (
            self._plain
            and not asked.sound
            and not (asked.tool_choice is not None and asked.tool_choice.must)
            and len(choices) == 1
            and choices[0].message.keys() <= _TEXT
        )

    def end(self, items: Sequence[StreamItem] = ()) -> Iterator[StreamItem]:
        """Yield the last items of a stream. ``items`` are the reader's last ones. Raises as `feed`."""
        for item in items:
            yield from self._item(item)
        yield from self._release()
        finished = sum(state.finished for state in self._states.values())
        if self._asked.n > 1 and finished < self._asked.n:
            self._miss_choices()
            for index, state in self._states.items():
                if not state.finished:
                    yield Delta(index, {}, "stop")
        if self._asked.usage and not self._used and not self._cut():
            self._breaches.tell("stream_options.include_usage", "it does not report the number of tokens.")

    def _item(self, item: StreamItem) -> Iterator[StreamItem]:
        if isinstance(item, Delta):
            yield from self._delta(item)
            return
        if "usage" in item:
            self._used = True
            if not self._cut():
                self._spending.hold(item["usage"])
            yield from self._release()
        yield item

    def _cut(self) -> bool:
        """Whether a choice was cut, so that the upstream's numbers are not those of the answer."""
        return any(state.cutter.reason for state in self._states.values())

    def _release(self) -> Iterator[Delta]:
        for state in self._states.values():
            yield from state.end
            state.end = []

    def _state(self, index: int) -> _State:
        found = self._states.get(index)
        if found is None:
            found = self._states[index] = _State(self._asked)
        return found

    def _delta(self, delta: Delta) -> Iterator[Delta]:
        state = self._state(delta.index)
        if state.cutter.reason:
            if delta.message.get("content") or "tool_calls" in delta.message:
                self.done = self.complete
            return
        self._drop_calls(state, delta.message)
        for each in state.cutter.cut(delta):
            for passed in self._looked_at(state, each):
                # The end, and everything after it, is held back until the usage arrives.
                if state.end or (self._spending.bounded and passed.finish_reason and not state.cutter.reason):
                    state.end.append(passed)
                else:
                    yield passed
        if state.cutter.reason:
            self._drift.count(f"not_honoured.{'stop' if state.cutter.reason == 'stop' else self._asked.limit_name}")

    def _looked_at(self, state: _State, delta: Delta) -> Iterator[Delta]:
        message = delta.message
        text = message.get("content")
        if isinstance(text, str) and text:
            if self._asked.json:
                state.texts.append(text)
            self._spending.count(text)
        state.refused |= bool(message.get("refusal"))
        state.spoken |= bool(message.get("audio"))
        for index, call in arguments.of(message):
            state.calls.setdefault(index, arguments.Call()).add(call)
        yield from self._with_logprobs(state, delta)

    def _with_logprobs(self, state: _State, delta: Delta) -> Iterator[Delta]:
        """Yield the deltas that may be passed on now: text waits for the first log probabilities if requested."""
        text = delta.message.get("content")
        entries = _entries(delta.logprobs)
        state.pieces += bool(text)
        state.probable |= bool(entries)
        state.alternatives |= any(isinstance(entry, dict) and entry.get("top_logprobs") for entry in entries)
        wanted = self._alternatives is not None and not state.probable
        # An empty delta must not signal that the answer has begun.
        silent = not state.pieces and not any(delta.message.values())
        if wanted and delta.finish_reason is None and (silent or 0 < state.pieces < _PATIENCE):
            state.waiting.append(delta)
            return
        if wanted and state.pieces:
            self._breaches.tell("logprobs", "it returned none with its text.")
            self._alternatives = None
        waiting, state.waiting = state.waiting, []
        yield from waiting
        if delta.finish_reason is not None and not state.finished:
            state.finished = True
            yield from self._ends(state, delta)
        yield delta

    def _ends(self, state: _State, delta: Delta) -> Iterator[Delta]:
        """Yield the deltas that must precede the end of a choice, and do the checks that are possible only then."""
        reason = str(delta.finish_reason)
        if self._alternatives and state.probable and not state.alternatives:
            self._breaches.tell("top_logprobs", "it returned no alternatives.")
            self._alternatives = 0
        if state.cutter.reason:
            return
        self._check_choice(state, reason)
        if reason not in _ENDED:
            return
        if self._asked.sound and not (state.spoken or state.calls or state.refused):
            self._breaches.tell("modalities", "it returned no audio.")
        if self._asked.json and reason == "stop" and not state.refused:
            self._check_text("".join(state.texts))
        for index, call in state.calls.items():
            if call.kind == "function" and not call.text.strip():
                self._drift.count("arguments_missing")
                yield Delta(delta.index, _more(index, "{}"))
            elif call.kind == "function":
                self._check_arguments(call)

    def _whole(self, choice: Choice) -> None:
        """Check a choice as a stream of one delta. Only repairs change the choice."""
        state = self._states[len(self._states)] = _State(self._asked)
        message, calls = choice.message, choice.message.get("tool_calls")
        self._drop_calls(state, message)
        delta = Delta(0, message.copy(), choice.finish_reason, choice.logprobs)
        deltas = list(state.cutter.cut(delta))
        for each in deltas:
            for _ in self._looked_at(state, each):
                pass
        if state.cutter.reason:
            for name in ("tool_calls", "function_call"):
                message.pop(name, None)  # type: ignore[misc]
            message["content"] = "".join(each.message.get("content") or "" for each in deltas)
            choice.finish_reason = state.cutter.reason
            choice.logprobs = part_of(choice.logprobs, deltas)
            self._drift.count(f"not_honoured.{'stop' if state.cutter.reason == 'stop' else self._asked.limit_name}")
        for call in calls if isinstance(calls, list) and choice.finish_reason in _ENDED else ():
            if not str(call.get("function", {}).get("arguments", "{}")).strip():
                call["function"]["arguments"] = "{}"

    def _drop_calls(self, state: _State, message: Message) -> None:
        """Drop the calls beyond the first if only one is allowed."""
        calls: Any = message.get("tool_calls")
        if self._asked.parallel or not isinstance(calls, list):
            return
        first = next(iter(state.calls), None)
        kept: list[ToolCall] = []
        for place, call in enumerate(calls):
            index = call.get("index", place)
            first = index if first is None else first
            if index == first:
                kept.append(call)
            elif "name" in (call.get("function") or call.get("custom") or ()):
                self._drift.count("not_honoured.parallel_tool_calls")
        message["tool_calls"] = kept
        if not kept:
            del message["tool_calls"]

    def _check_choice(self, state: _State, reason: str) -> None:
        choice = self._asked.tool_choice
        if choice is None:
            return
        if any(call.name not in choice.names for call in state.calls.values()):
            self._drift.count("not_honoured.tools")
            raise UpstreamFailed("The upstream's model called a tool that it was not given. Ask again.")
        if choice.must and not state.calls and reason in _ENDED:
            message = "The upstream's model did not call a tool, although it had to. Ask again."
            self._breaches.tell(choice.param, message=message)

    def _check_text(self, text: str) -> None:
        if not is_json(text):
            message = "The upstream's model did not answer in the format that was asked for."
            self._breaches.tell("response_format", message=message)
        elif self._asked.schema is not None and arguments.breaks(text, self._asked.schema):
            self._breaches.tell("response_format.json_schema.strict", "its answer does not obey the schema.")

    def _check_arguments(self, call: arguments.Call) -> None:
        if not is_json(call.text):
            if not self._asked.stops:  # a stop sequence may cut the arguments anywhere
                message = "The upstream's model called a tool with arguments that are not JSON. Ask again."
                self._breaches.tell("tools", message=message)
        elif call.name in self._asked.strict:
            index, schema = self._asked.strict[call.name]
            if arguments.breaks(call.text, schema):
                row = "tools[].function.strict"
                self._breaches.tell(f"tools[{index}].function.strict", "the arguments do not obey the schema.", row=row)

    def _miss_choices(self) -> None:
        self._breaches.tell("n", "it did not make and finish as many choices as were asked for.")


def _more(index: int, text: str) -> Message:
    if index == arguments.OLD:
        return {"function_call": {"arguments": text}}
    return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def _entries(logprobs: Logprobs | None) -> list[Any]:
    found: Any = logprobs.get("content") if isinstance(logprobs, dict) else None
    return found if isinstance(found, list) else []
