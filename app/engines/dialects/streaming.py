"""Reads an upstream's stream, event by event, into pieces as engines give them, and sees that all of it came.

Most events are the next few characters of the one choice: they are told by a cheap test and passed on as they are. All
others go through `mending`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import UpstreamFailed
from ..base import Json
from ..transport.replicas import MISSING_DONE
from . import mending
from .drift import Drift
from .reading import TOLD, Asked, check_calls, check_json, is_error, parse, raise_error, told_of

_CUT_OFF = "The upstream ended its stream before the answer was finished."


@dataclass(slots=True)
class _Open:
    """A choice of a stream: the name that each of its calls has so far, by index, and their ids, and its text
    where that must be JSON."""

    names: dict[int, str]
    ids: dict[int, str]
    texts: list[str]
    finished: bool = False


class StreamReader:
    """The pieces of one streamed answer."""

    def __init__(self, asked: Asked, drift: Drift) -> None:
        self._asked = asked
        self._drift = drift
        self._open: dict[int, _Open] = {}
        self._plain = False  # the one choice has begun and not ended
        self._begun = False
        self._usage: Any = None

    def read(self, data: bytes) -> Json | None:
        """The piece for the data of an event, if there is anything in it.

        Raises:
            UpstreamFailed: the event cannot be understood.
            ApiError: it tells of an error.
        """
        if data == MISSING_DONE:
            self._drift.count("done_missing")
            return None
        event = parse(data)
        choices = event.get("choices")
        # The next characters of the text, and nothing else?
        if (
            self._plain
            and type(choices) is list
            and len(choices) == 1
            and type(choice := choices[0]) is dict
            and choice.get("index") == 0
            and type(delta := choice.get("delta")) is dict
            and len(delta) == 1
            and type(delta.get("content")) is str
            and choice.get("finish_reason") is None
            and choice.get("logprobs") is None
            and event.get("usage") is None
            and choice.keys() <= mending.CHOICE
            and event.keys() <= mending.PLAIN
        ):
            choice["finish_reason"] = None
            return {"choices": choices}
        return self._read(event, choices)

    def _read(self, event: Json, choices: Any) -> Json | None:
        drift = self._drift
        if is_error(event):
            raise_error(event)
        if event.get("usage") is not None:
            self._usage = event["usage"]
        if not isinstance(choices, list):
            raise UpstreamFailed("The upstream's stream has an event without choices.")
        mending.count_extras(event, mending.TOP, drift)
        piece: Json = {}
        if not self._begun:
            self._begun = True
            mending.mend_identity(event, "chat.completion.chunk", drift)
            piece = told_of(event, self._drift)
        elif event.get("moderation") is not None:
            piece["moderation"] = event["moderation"]
        told = [self._choice(choice) for choice in choices]
        self._plain = self._asked.n == 1 and not self._asked.json and 0 in self._open and not self._open[0].finished
        return {**piece, "choices": told} if told or piece else None

    def _choice(self, choice: Any) -> Json:
        drift = self._drift
        if not isinstance(choice, dict):
            raise UpstreamFailed("The upstream's stream has a choice that is no object.")
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
        delta = mending.members(source, drift)
        state = self._open.get(index)
        if state is None:
            state = self._open[index] = _Open({}, {}, [])
            if source.get("role") is None:
                drift.count("role_chunk_missing")
            elif "content" in source and source["content"] is None and not delta.get("tool_calls"):
                drift.count("role_chunk_content_null")
        elif state.finished and any(delta.values()):
            raise UpstreamFailed("The upstream's stream goes on after the answer's end.")
        if isinstance(delta.get("tool_calls"), list):
            delta["tool_calls"] = [self._fragment(call, state) for call in delta["tool_calls"]]
        if self._asked.json and isinstance(delta.get("content"), str):
            state.texts.append(delta["content"])
        reason = mending.mend_reason(choice.get("finish_reason"), calls=bool(state.names), drift=drift)
        if reason is not None:
            if state.finished:
                drift.count("finish_reason_repeated")
                reason = None
            else:
                state.finished = True
                check_calls(list(state.names.values()), reason, self._asked)
                if self._asked.json and reason == "stop" and state.texts:
                    check_json("".join(state.texts))
                if any(delta.values()):
                    drift.count("finish_reason_on_a_delta")
        piece: Json = {"index": index, "delta": delta, "finish_reason": reason}
        if choice.get("logprobs") is not None:
            piece["logprobs"] = mending.mend_logprobs(choice["logprobs"], self._asked.alternatives, drift)
        return piece

    def _fragment(self, call: Any, state: _Open) -> Json:
        """What a delta adds to a tool call: its id, type and name once, then more of its arguments."""
        drift = self._drift
        kind, body = mending.body_of(call, drift)
        index, given, name = call.get("index"), call.get("id"), body.get("name")
        if not isinstance(index, int):
            drift.count("call_index_missing")
            index = len(state.names) if name or given else max(len(state.names) - 1, 0)
        elif index in state.names and name and given and given != state.ids[index]:
            # A call that is named and has an id of its own is another one.
            drift.count("call_index_repeated")
            index = max(state.names) + 1
        text = "input" if kind == "custom" else "arguments"
        if index in state.names:
            if given or name or call.get("type") not in (None, kind):
                drift.count("call_named_again")
            return {"index": index, kind: {text: body.get(text, "")}}
        if not given:
            drift.count("call_id_missing")
        if call.get("type") != kind:
            drift.count("call_type_missing")
        if not name:
            raise UpstreamFailed("The upstream's stream has a tool call without a name.")
        state.names[index], state.ids[index] = name, given or mending.call_id()
        return {
            "index": index,
            "id": state.ids[index],
            "type": kind,
            kind: {"name": name, text: body.get(text, "")},
        }

    def end(self) -> Json | None:
        """The last piece, with the usage.

        Raises:
            UpstreamFailed: the answer is not finished.
        """
        if len(self._open) != self._asked.n or not all(choice.finished for choice in self._open.values()):
            raise UpstreamFailed(_CUT_OFF)
        usage = mending.mend_usage(self._usage, self._drift)
        if usage is None:
            self._drift.count("usage_missing")
            return None
        return {"choices": [], "usage": usage}


def pieces_of(answer: Json) -> Iterator[Json]:
    """A whole answer, as `whole` gives it, in pieces."""
    told = {name: answer[name] for name in TOLD if name in answer}
    for choice in answer["choices"]:
        delta = dict(choice["message"])
        if isinstance(delta.get("tool_calls"), list):
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(delta["tool_calls"])]
        made = {"index": choice["index"], "delta": delta, "finish_reason": choice["finish_reason"]}
        if choice["logprobs"] is not None:
            made["logprobs"] = choice["logprobs"]
        yield {**told, "choices": [made]}
    if "usage" in answer:
        yield {"choices": [], "usage": answer["usage"]}
