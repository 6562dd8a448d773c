"""Converts a model's output to items, and a completion to a response. This module does no I/O."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..jsontypes import Json
from ..random_ids import random_id
from .namespaces import Namespaced, called
from .request import Asked

# Why an answer is incomplete, by the chat's finish reason; with any other reason it is complete.
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def identity(kind: str) -> str:
    """A new id, prefixed with the kind of object."""
    return f"{kind}_{random_id()}"


def frame(asked: Asked, made: Json) -> Json:
    """A response in progress without its output. ``made`` is the completion, or a chunk of it."""
    body = asked.body
    text = {"format": {"type": "text"}, **body.get("text", {})}
    return {
        "id": identity("resp"),
        "object": "response",
        "created_at": made["created"],
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata", {}),
        "model": made["model"],
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None, **body.get("reasoning", {})},
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": made.get("service_tier"),
        "store": False,
        "temperature": body.get("temperature", 1),
        "text": text,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "top_logprobs": body.get("top_logprobs", 0),
        "top_p": body.get("top_p", 1),
        "truncation": "disabled",
        "usage": None,
        **({"user": body["user"]} if "user" in body else {}),
    }


def response(asked: Asked, completion: Json) -> Json:
    """A whole response, built from a completion with one choice."""
    choice = completion["choices"][0]
    made = finished(frame(asked, completion), choice["finish_reason"], completion.get("usage"))
    cut = made["status"] == "incomplete"
    made["output"] = items(choice["message"], choice.get("logprobs"), asked.namespaced, cut=cut)
    return made


def finished(begun: Json, reason: str | None, usage: Mapping[str, Any] | None) -> Json:
    """A finished response, with the status for the chat's finish reason."""
    why = _INCOMPLETE.get(reason or "")
    return {
        **begun,
        "status": "incomplete" if why else "completed",
        "completed_at": None if why else int(time.time()),
        "incomplete_details": {"reason": why} if why else None,
        "usage": None if usage is None else _usage(usage),
    }


def items(
    message: Mapping[str, Any], logprobs: Mapping[str, Any] | None, namespaced: Namespaced, *, cut: bool
) -> list[Json]:
    """The items of a choice's message: reasoning, message, and calls. ``cut``: the last item was cut off."""
    made: list[Json] = []
    if thoughts := message.get("reasoning_content"):
        made.append(reasoning(identity("rs"), thoughts))
    calls = message.get("tool_calls") or []
    content, refusal = message.get("content"), message.get("refusal")
    if content or refusal or not calls:
        parts = []
        if content or not refusal:
            told = [log_prob(token) for token in (logprobs or {}).get("content") or ()]
            parts.append(output_text(content or "", told, message.get("annotations") or ()))
        if refusal:
            parts.append({"type": "refusal", "refusal": refusal})
        made.append(said(identity("msg"), parts))
    made += [_call(call, namespaced) for call in calls]
    if cut:
        made[-1]["status"] = "incomplete"
    return made


def reasoning(item: str, thoughts: str | None, status: str = "completed") -> Json:
    """A reasoning item; ``thoughts`` is None if it has only begun."""
    content = [] if thoughts is None else [{"type": "reasoning_text", "text": thoughts}]
    return {
        "id": item,
        "type": "reasoning",
        "status": status,
        "summary": [],
        "content": content,
        "encrypted_content": None,
    }


def said(item: str, parts: list[Json], status: str = "completed") -> Json:
    """A message item."""
    return {"id": item, "type": "message", "status": status, "role": "assistant", "content": parts}


def output_text(text: str, logprobs: list[Json], annotations: Any = ()) -> Json:
    """A text part of a message."""
    return {
        "type": "output_text",
        "text": text,
        "annotations": [{"type": "url_citation", **each["url_citation"]} for each in annotations],
        "logprobs": logprobs,
    }


def function_call(item: str, call_id: str, tool: Json, arguments: str, status: str = "completed") -> Json:
    """A function call item. ``tool`` has the fields that identify the function, as returned by `called`."""
    return {
        "id": item,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        **tool,
        "arguments": arguments,
    }


def custom_call(item: str, call_id: str, tool: Json, text: str, status: str = "completed") -> Json:
    """A custom tool call item; ``tool`` as for `function_call`."""
    return {
        "id": item,
        "type": "custom_tool_call",
        "status": status,
        "call_id": call_id,
        **tool,
        "input": text,
    }


def _call(call: Json, namespaced: Namespaced) -> Json:
    tool = called(call[call["type"]]["name"], namespaced)
    if call["type"] == "custom":
        return custom_call(identity("ctc"), call["id"], tool, call["custom"]["input"])
    return function_call(identity("fc"), call["id"], tool, call["function"]["arguments"])


def log_prob(token: Mapping[str, Any]) -> Json:
    """A token with its log probability and its alternatives."""
    return {**_alternative(token), "top_logprobs": [_alternative(each) for each in token.get("top_logprobs") or ()]}


def _alternative(token: Mapping[str, Any]) -> Json:
    known = token.get("bytes")
    written = list(token["token"].encode(errors="replace")) if known is None else known
    return {"token": token["token"], "logprob": token["logprob"], "bytes": written}


def _usage(usage: Mapping[str, Any]) -> Json:
    read, written = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {
            "cached_tokens": read.get("cached_tokens") or 0,
            "cache_write_tokens": read.get("cache_write_tokens") or 0,
        },
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": written.get("reasoning_tokens") or 0},
        "total_tokens": usage["total_tokens"],
    }
