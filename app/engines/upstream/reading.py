"""Reads an upstream's answer, whole or event by event, into what engines give, and sees that all of it came.

Most events of a stream are the next few characters of the one choice: they are told by a cheap test and passed on as
they are. All others go through `mending`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import jiter

from ...errors import ApiError, ContextLengthExceeded, EngineUnavailable, UpstreamFailed, UpstreamRefused
from ..base import Json
from . import mending
from .drift import Drift
from .replicas import MISSING_DONE

# What an answer says of itself besides the choices, where it is told by the upstream alone.
_TOLD = ("service_tier", "system_fingerprint", "moderation")

# Types and codes of errors that tell of a fault in the request.
_REFUSALS = frozenset({"invalid_request_error", "BadRequestError", "exceed_context_size_error"})

# As vLLM, SGLang and Ollama say it, without a code.
_TOO_LONG = re.compile(r"maximum context length|longer than the model's context|exceeds? the (available )?context")

_CUT_OFF = "The upstream ended its stream before the answer was finished."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asked for, as far as its answer is held to it.

    ``alternatives`` are those of each token, None: no log probabilities. ``calls``: an answer must call one of
    ``tools``, which are the names of those that may be called; None: any.
    """

    n: int = 1
    alternatives: int | None = None
    calls: bool = False
    tools: frozenset[str] | None = None

    @classmethod
    def of(cls, request: Json) -> Asked:
        tools = request.get("tools")
        choice = request.get("tool_choice")
        names = frozenset(tool[tool["type"]]["name"] for tool in tools) if tools else None
        calls = choice == "required"
        if choice == "none":
            names = frozenset()
        if isinstance(choice, dict):
            calls = True
            if choice["type"] == "allowed_tools":
                calls = choice["allowed_tools"]["mode"] == "required"
                names = frozenset(tool[tool["type"]]["name"] for tool in choice["allowed_tools"]["tools"])
            else:
                names = frozenset({choice[choice["type"]]["name"]})
        alternatives = int(request.get("top_logprobs") or 0) if request.get("logprobs") else None
        return cls(request.get("n", 1), alternatives, calls, names)


def parse(data: bytes) -> Json:
    """The object in JSON text.

    Raises:
        UpstreamFailed: there is none.
    """
    try:
        # A probability of zero has no finite logarithm, and some write it all the same.
        answer = jiter.from_json(data, allow_inf_nan=True, cache_mode="keys")
    except ValueError:
        raise UpstreamFailed("The upstream's answer is not valid JSON.") from None
    if not isinstance(answer, dict):
        raise UpstreamFailed("The upstream's answer is no object.")
    return answer


def raise_error(answer: Json) -> NoReturn:
    """Raise what an upstream tells as an error in a body or event that came with 200."""
    error = answer.get("error", answer)
    told: Json = error if isinstance(error, dict) else {"message": error}
    status = next((value for name in ("status_code", "status", "code") if isinstance(value := told.get(name), int)), 0)
    if told.get("type") in _REFUSALS or told.get("code") in _REFUSALS:
        status = 400
    if status in (429, 503):
        raise EngineUnavailable("The model's engine cannot answer now. Retry in a moment.")
    if 400 <= status < 500 and status not in (401, 403):
        raise in_our_words(UpstreamRefused(status, told))
    raise UpstreamFailed("The model's engine failed to answer this request.")


def _is_error(answer: Json) -> bool:
    return answer.get("error") is not None or answer.get("object") == "error"


def in_our_words(refusal: UpstreamRefused) -> ApiError:
    """A refusal as this API has it: one because of the context's length has a code that clients know."""
    told = refusal.error
    if told.get("type") == "exceed_context_size_error":
        taken, size = (
            count if isinstance(count := told.get(name), int) else 0 for name in ("n_prompt_tokens", "n_ctx")
        )
        sizes = f"This model's context holds {size} tokens, and the messages take {taken}. " if size and taken else ""
        return ContextLengthExceeded(f"{sizes}Shorten the messages.", param="messages")
    message = told.get("message")
    if told.get("code") == "context_length_exceeded" or (isinstance(message, str) and _TOO_LONG.search(message)):
        return ContextLengthExceeded(refusal.message, param="messages")
    return refusal


def whole(answer: Json, asked: Asked, drift: Drift) -> Json:
    """A whole answer as `Engine.complete` gives it.

    Raises:
        UpstreamFailed: it has no choices, too few of them, or not what was asked for.
        ApiError: it tells of an error.
    """
    choices = answer.get("choices")
    if _is_error(answer):
        raise_error(answer)
    if not isinstance(choices, list) or not choices:
        raise UpstreamFailed("The upstream's answer has no choices.")
    if len(choices) != asked.n:
        raise UpstreamFailed(f"The upstream's answer has not the {asked.n} choices that were asked for.")
    mending.mend_identity(answer, "chat.completion", drift)
    mending.count_extras(answer, mending.TOP, drift)
    made = _told(answer)
    made["choices"] = [_whole_choice(choice, place, asked, drift) for place, choice in enumerate(choices)]
    usage = mending.mend_usage(answer.get("usage"), drift)
    if usage is None:
        drift.count("usage_missing")
    else:
        made["usage"] = usage
    return made


def _told(answer: Json) -> Json:
    # An empty text says nothing either.
    return {name: answer[name] for name in _TOLD if answer.get(name)}


def _whole_choice(choice: Any, place: int, asked: Asked, drift: Drift) -> Json:
    if not isinstance(choice, dict):
        raise UpstreamFailed("The upstream's answer has a choice that is no object.")
    mending.count_extras(choice, mending.CHOICE, drift)
    index = choice.get("index")
    if index is None:
        drift.count("index_missing")
        index = place
    source = choice.get("message")
    message = mending.members(source, drift)
    if "refusal" not in source:
        drift.count("refusal_missing")
    if "tool_calls" in message:
        message["tool_calls"] = mending.mend_calls(message["tool_calls"], drift)
    calls = message.get("tool_calls")
    names = [call[call["type"]].get("name") for call in calls] if isinstance(calls, list) else []
    reason = mending.mend_reason(choice.get("finish_reason"), calls=bool(names), drift=drift)
    if reason is None:
        raise UpstreamFailed("The upstream's answer does not say why it ended.")
    check_calls(names, reason, asked)
    logprobs = mending.mend_logprobs(choice.get("logprobs"), asked.alternatives, drift)
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason}


def check_calls(names: list[Any], reason: Any, asked: Asked) -> None:
    """Do nothing when the tools called are such as were given, and one is called where one must be.

    Raises:
        UpstreamFailed: they are not.
    """
    if asked.tools is not None and any(name not in asked.tools for name in names):
        raise UpstreamFailed("The upstream's model called a tool that it was not given. Ask again.")
    if asked.calls and not names and reason in ("stop", "tool_calls"):
        raise UpstreamFailed("The upstream's model did not call a tool, as it had to. Ask again.")


@dataclass(slots=True)
class _Open:
    """A choice of a stream: the name that each of its calls has so far, by index, and their ids."""

    names: dict[int, str]
    ids: dict[int, str]
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
        if _is_error(event):
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
            piece = _told(event)
        elif event.get("moderation") is not None:
            piece["moderation"] = event["moderation"]
        told = [self._choice(choice) for choice in choices]
        self._plain = self._asked.n == 1 and 0 in self._open and not self._open[0].finished
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
            state = self._open[index] = _Open({}, {})
            if source.get("role") is None:
                drift.count("role_chunk_missing")
            elif "content" in source and source["content"] is None and not delta.get("tool_calls"):
                drift.count("role_chunk_content_null")
        elif state.finished and any(delta.values()):
            raise UpstreamFailed("The upstream's stream goes on after the answer's end.")
        if isinstance(delta.get("tool_calls"), list):
            delta["tool_calls"] = [self._fragment(call, state) for call in delta["tool_calls"]]
        reason = mending.mend_reason(choice.get("finish_reason"), calls=bool(state.names), drift=drift)
        if reason is not None:
            if state.finished:
                drift.count("finish_reason_repeated")
                reason = None
            else:
                state.finished = True
                check_calls(list(state.names.values()), reason, self._asked)
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
    told = {name: answer[name] for name in _TOLD if name in answer}
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
