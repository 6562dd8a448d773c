"""Builds what clients receive for a text completion: a whole answer, or its chunks. This module does no I/O."""

from __future__ import annotations

import json
import time

from ..chat.completion import ChunkWriter, padding
from ..engines.base import Choice, Completion, Model, StreamItem
from ..jsontypes import Json
from ..random_ids import random_id
from .logprobs import Lists


def _identity(model: Model) -> Json:
    return {
        "id": f"cmpl-{random_id()}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model.id,
        "system_fingerprint": model.fingerprint,
    }


def text_completion(answer: Completion, model: Model) -> Json:
    """A whole answer as JSON."""
    made = _identity(model)
    if "system_fingerprint" in answer.facts:
        made["system_fingerprint"] = answer.facts["system_fingerprint"]
    made["choices"] = [_choice(choice) for choice in answer.choices]
    if "usage" in answer.facts:
        made["usage"] = answer.facts["usage"]
    return made


def _choice(choice: Choice) -> Json:
    return {
        "index": choice.index,
        "text": choice.message.get("content") or "",
        "logprobs": None if choice.logprobs is None else Lists().feed(choice.logprobs["content"] or ()),
        "finish_reason": choice.finish_reason,
    }


class TextWriter(ChunkWriter):
    """As `ChunkWriter`, for the chunks of a text completion, which begin with text and have no role chunk."""

    def __init__(self, model: Model, *, include_usage: bool, counts: bool = False, obfuscate: bool = False) -> None:
        super().__init__(model, include_usage=include_usage, counts=counts, obfuscate=obfuscate)
        usage = {"usage": None} if "usage" in self._frame else {}
        self._frame = {**_identity(model), **usage}
        self._lists: dict[int, Lists] = {}

    def feed(self, delta: StreamItem) -> list[Json]:
        """The chunks for the next item of the engine's stream."""
        if isinstance(delta, dict):
            told = self._note(delta)
            self._frame.pop("service_tier", None)  # which completions do not have
            return told
        text, reason = delta.message.get("content") or "", delta.finish_reason
        self._unfinished.setdefault(delta.index, True)
        if reason:
            self._unfinished[delta.index] = False
        if not (text or reason or delta.logprobs):
            return []
        lists = self._lists.setdefault(delta.index, Lists())
        logprobs = None if delta.logprobs is None else lists.feed(delta.logprobs["content"] or ())
        choice = {"index": delta.index, "text": text, "logprobs": logprobs, "finish_reason": reason}
        made = {**self._frame, "choices": [choice]}
        if self._obfuscate:
            made["obfuscation"] = padding(len(json.dumps(choice)))
        return [made]
