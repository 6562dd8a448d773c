"""Builds what clients receive, a completion or its chunks, from an engine's output.

An engine returns choices and usage. This module adds the identity (id, created, model, fingerprint) and the order that
clients rely on: in each choice a role chunk with empty content first, then content, then a finish chunk with an empty
delta; usage comes last and only if requested. This module does no I/O.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from ..engines.base import Completion, Facts, Logprobs, Model, StreamItem, Usage
from ..errors import EngineUnavailable
from ..jsontypes import Json
from ..random_ids import random_id

# Fields for which an engine may have a better value: the tier that served the answer, and what ran the model.
_ENGINE_KNOWS = ("service_tier", "system_fingerprint")

# Chunks are padded to a multiple of this many characters, large enough that chunks of most tokens have the same size.
_BLOCK = 64


def padding(size: int) -> str:
    """Random characters that pad a text of ``size`` characters to the next multiple of the block size."""
    return (random_id() + random_id())[: -size % _BLOCK]


def _identity(kind: str, model: Model) -> Json:
    return {
        "id": f"chatcmpl-{random_id()}",
        "object": kind,
        "created": int(time.time()),
        "model": model.id,
        "service_tier": "default",
        "system_fingerprint": model.fingerprint,
    }


def completion(answer: Completion, model: Model, *, metadata: Json | None = None) -> Json:
    """A whole completion as JSON. ``metadata`` is returned as it was sent."""
    made = _identity("chat.completion", model)
    made.update(answer.facts)
    usage = made.pop("usage", None)
    made["choices"] = [
        {
            "index": choice.index,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "annotations": [],
                **choice.message,
            },
            "logprobs": choice.logprobs,
            "finish_reason": choice.finish_reason,
        }
        for choice in answer.choices
    ]
    if usage is not None:
        made["usage"] = usage
    if metadata:
        # Last, so that a stored completion can be written without it: see `app.chat.recording`.
        made["metadata"] = metadata
    return made


class ChunkWriter:
    """Writes the chunks of one completion: pass each delta to `feed`, and call `end` after the last.

    ``counts``: every chunk has the usage so far, as soon as the engine reports it. ``obfuscate`` pads chunks so that
    their sizes on the wire do not reveal the words. ``usage`` is the last usage that the engine reported.
    """

    def __init__(self, model: Model, *, include_usage: bool, counts: bool = False, obfuscate: bool = False) -> None:
        self.usage: Usage | None = None
        self._include_usage = include_usage
        self._counts = counts
        self._obfuscate = obfuscate
        self._frame = _identity("chat.completion.chunk", model)
        if include_usage or counts:
            self._frame["usage"] = None
        self._unfinished: dict[int, bool] = {}

    def feed(self, delta: StreamItem) -> list[Json]:
        """The chunks for the next item of the engine's stream."""
        if isinstance(delta, dict):
            return self._note(delta)
        index, message = delta.index, delta.message
        if (
            self._unfinished.get(index)
            and delta.finish_reason is None
            and len(message) == 1
            and message.get("content")
            and not self._obfuscate
        ):
            # The next characters of the text.
            choice = {"index": index, "delta": message, "logprobs": delta.logprobs, "finish_reason": None}
            return [{**self._frame, "choices": [choice]}]
        made: list[Json] = []
        if index not in self._unfinished:
            self._unfinished[index] = True
            made.append(self._chunk(index, {"role": "assistant", "content": "", "refusal": None}))
        told: Mapping[str, object] = message
        if len(message) != 1 or not message.get("content"):
            # The delta has more than the next characters of the text.
            told = {
                name: value for name, value in message.items() if value or (value is not None and name != "content")
            }
        if told:
            made.append(self._chunk(index, told, delta.logprobs))
        if delta.finish_reason:
            self._unfinished[index] = False
            made.append(self._chunk(index, {}, None, delta.finish_reason))
        return made

    def end(self) -> list[Json]:
        """The last chunk, with the usage, if it was requested and is known.

        Raises:
            EngineUnavailable: the engine ended without finishing every choice.
        """
        if not self._unfinished or any(self._unfinished.values()):
            raise EngineUnavailable("The model stopped in the middle of the answer.")
        if self.usage is None or not self._include_usage:
            return []
        return [{**self._frame, "choices": [], "usage": self.usage}]

    def _note(self, facts: Facts) -> list[Json]:
        self.usage = facts.get("usage") or self.usage
        if self._counts:
            self._frame["usage"] = self.usage
        self._frame.update((name, value) for name, value in facts.items() if name in _ENGINE_KNOWS)
        if "moderation" in facts:
            return [{**self._frame, "choices": [], "moderation": facts["moderation"]}]
        return []

    def _chunk(
        self,
        index: int,
        delta: Mapping[str, object],
        logprobs: Logprobs | None = None,
        finish_reason: str | None = None,
    ) -> Json:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        made = {**self._frame, "choices": [choice]}
        if self._obfuscate:
            made["obfuscation"] = padding(len(json.dumps(choice)))
        return made
