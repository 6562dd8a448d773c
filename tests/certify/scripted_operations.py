"""What the made-up server answers to completions, embeddings and responses, as an honest one or a deaf one would.

A completion is written by its writer of chats, with each prompt for a conversation; a response by way of the chat
request that it comes to.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from app.errors import BadRequest
from app.responses.events import ResponseWriter
from app.responses.output import response
from app.responses.request import read

Json = dict[str, Any]
# Gives the choices of a chat request, each with its number of ``tokens``.
Choose = Callable[[Json, int], Json]
# Gives a whole chat completion, or the chunks of one.
Write = Callable[[Json], Json]
Pieces = Callable[[Json, Json], list[Json]]

_SAME = ("temperature", "top_p", "seed", "stop", "logit_bias", "frequency_penalty", "presence_penalty")
# What takes no part in the chat that a response comes to.
_STATE = ("previous_response_id", "conversation", "prompt", "background", "store", "context_management", "truncation")


def texts_of(value: Any) -> list[Any]:
    """The prompts of a value, each a text or a list of tokens."""
    alone = isinstance(value, str) or isinstance(value[0], int)
    return [value] if alone else value


def size(text: Any) -> int:
    return len(text.split()) if isinstance(text, str) else len(text)


def completion(body: Json, model: str, number: int, choose: Choose) -> tuple[Json, list[Json]]:
    """A completion, and its pieces."""
    prompts, each = texts_of(body["prompt"]), body.get("n") or 1
    made_of_each = max(each, body.get("best_of") or 1)
    if body.get("best_of") is not None and body["best_of"] < each:
        raise BadRequest("best_of is less than n", param="best_of")
    if body.get("stream_options") and not body.get("stream"):
        raise BadRequest("stream_options needs stream", param="stream_options")
    choices, written = [], 0
    for place, prompt in enumerate(prompts):
        shown = prompt if isinstance(prompt, str) else " ".join(f"tok{token}" for token in prompt)
        chat = {name: body[name] for name in _SAME if body.get(name) is not None}
        chat |= {"messages": [shown, body.get("suffix")], "max_completion_tokens": body.get("max_tokens", 16)}
        chat |= {"logprobs": body.get("logprobs") is not None, "top_logprobs": body.get("logprobs")}
        drawn = [choose(chat, index) for index in range(made_of_each)]
        written += sum(choice["tokens"] for choice in drawn)
        for index, choice in enumerate(drawn[:each]):
            choices.append(_text_choice(body, shown, choice, place * each + index))
    read = sum(map(size, prompts)) + len(body.get("suffix") or "")
    frame = {"id": f"cmpl-{number}", "object": "text_completion", "created": 1, "model": model}
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    made = {**frame, "choices": choices, "usage": usage}
    return made, [*_pieces(body, frame, made)]


def _text_choice(body: Json, prompt: str, choice: Json, index: int) -> Json:
    text = choice["message"]["content"]
    tokens = [(each["token"], each["logprob"]) for each in ((choice["logprobs"] or {}).get("content") or ())]
    if body.get("echo"):
        words = prompt.split(" ")
        before = [(" " + word if place else word, -1.0 if place else None) for place, word in enumerate(words)]
        tokens = [*before, (" ", -1.0), *tokens] if tokens else []
        text = f"{prompt} {text}"
    told = None
    if tokens:
        offsets = [0]
        for token, _ in tokens:
            offsets.append(offsets[-1] + len(token))
        others = {f"x{i}": -1.0 for i in range(body["logprobs"])}
        told = {
            "tokens": [token for token, _ in tokens],
            "token_logprobs": [logprob for _, logprob in tokens],
            "top_logprobs": [None if logprob is None else others for _, logprob in tokens],
            "text_offset": offsets[:-1],
        }
    return {"index": index, "text": text, "logprobs": told, "finish_reason": choice["finish_reason"]}


def _pieces(body: Json, frame: Json, made: Json) -> Iterator[Json]:
    options = body.get("stream_options") or {}
    more = {"obfuscation": "xx"} if options.get("include_obfuscation") else {}
    if options.get("continuous_usage_stats"):
        more["usage"] = made["usage"]
    for choice in made["choices"]:
        yield {**frame, "choices": [{**choice, "finish_reason": None}], **more}
        yield {**frame, "choices": [{**choice, "text": "", "logprobs": None}], **more}
    if options.get("include_usage"):
        yield {**frame, "choices": [], "usage": made["usage"]}


def embeddings(body: Json, model: str) -> Json:
    """A vector for each input, which follows from it alone."""
    given = texts_of(body["input"])
    read = sum(map(size, given))
    vectors = [_vector(text, body.get("dimensions") or 64) for text in given]
    if body.get("encoding_format") == "base64":
        told: list[Any] = [base64.b64encode(struct.pack(f"<{len(each)}f", *each)).decode() for each in vectors]
    else:
        told = vectors
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(told)]
    usage = {"prompt_tokens": read, "total_tokens": read}
    return {"object": "list", "model": model, "data": data, "usage": usage}


def _vector(text: Any, dimensions: int) -> list[float]:
    random = Random(hashlib.sha256(json.dumps(text).encode()).digest())
    return [random.uniform(-1, 1) for _ in range(dimensions)]


def responses(body: Json, stored: set[str], write: Write, pieces: Pieces) -> tuple[Json, list[Json]]:
    """A response, and its events. ``stored`` are the ids of those that are kept."""
    previous = body.get("previous_response_id")
    if previous is not None and previous not in stored:
        raise BadRequest("there is no such answer", param="previous_response_id")
    if any(tool["type"] not in ("function", "custom", "namespace") for tool in body.get("tools") or ()):
        raise BadRequest("it runs no tools", param="tools[0].type")
    asked = read({name: value for name, value in body.items() if name not in _STATE}, "warn")
    chat = {**asked.chat, "metadata": None}
    made = write({**chat, "stream": False})
    whole = response(asked, made)
    told = {name: value for name, value in body.items() if name not in ("metadata", "user", "prompt_cache_key")}
    read_tokens = len(json.dumps(told)) + 1000 * bool(previous)
    usage = whole["usage"]
    if usage["input_tokens_details"]["cached_tokens"]:
        usage["input_tokens_details"]["cached_tokens"] = read_tokens
    usage |= {"input_tokens": read_tokens, "total_tokens": read_tokens + usage["output_tokens"]}
    if body.get("store"):
        stored.add(whole["id"])
    if body.get("moderation"):
        whole["moderation"] = {"input": {}, "output": {}}
    if body.get("background"):
        whole |= {"status": "in_progress", "output": []}
    writer = ResponseWriter(asked)
    events = [event for chunk in pieces(chat, made) for event in writer.feed(chunk)]
    return whole, [*events, *writer.end()]
