"""A made-up server of all operations: one that honours all of the contract, or has vices, by name.

`Scripted.answer` is a function of the request but for what a server keeps (a store, a cache, chance), so that probes
are tried without a socket; `serve` puts it behind one.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

from app.certify.exchange import Ask, Seen
from app.certify.operations import CHAT, COMPLETIONS, EMBEDDINGS, OPERATIONS, RESPONSES
from app.certify.probes.formats import SCHEMA
from app.certify.rules import Rules
from app.chat.combinations import check_combinations
from app.contract.explain import check
from app.errors import ApiError, BadRequest, ModelNotFound, NotFound, Unauthorized

from . import scripted_operations as others

MODEL = "made-up"
KEY = "sk-made-up-0123456789"
_WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]
_chance = itertools.count()
# What there never was, and the parameter that names it.
_MADE_UP = {
    "audio_qixotl": "audio",
    "file-qixotl": "file_id",
    "voice_qixotl": "voice",
    "http://127.0.0.1:9/": "file_url",
    "msg_qixotl": "input[1].id",
    "conv_qixotl": "conversation.id",
    "pmpt_qixotl": "prompt.id",
    '"encrypted_content": "qixotl"': "input[1].encrypted_content",
}

Json = dict[str, Any]


@functools.cache
def contract(rules: Rules) -> dict[str, Rules]:
    """The rules of every operation of a document, by path."""
    return {each.path: rules if each is CHAT else Rules(rules.document, each) for each in OPERATIONS}


@dataclass(frozen=True)
class Answered:
    status: int
    content: Any = None
    events: tuple[Any, ...] | None = None
    done: bool = True
    text: str = ""
    hangs: bool = False

    def seen(self, ask: Ask) -> Seen:
        """What a client sees of it."""
        if self.hangs:
            return Seen(ask, status=200, media_type="text/event-stream", failure="it did not end in 1 s")
        if self.events is not None:
            return Seen(ask, status=200, media_type="text/event-stream", events=self.events, done=self.done)
        if self.text:
            return Seen(ask, status=self.status, media_type="text/html", head=self.text)
        return Seen(ask, status=self.status, media_type="application/json", content=self.content)


class Scripted:
    """``vices`` are names of what it does wrong; ``deaf``: it takes no notice of any parameter; ``chats alone``: it has
    no other operation."""

    def __init__(self, rules: Rules, *vices: str, key: str | None = None) -> None:
        self._rules = rules
        self._vices = frozenset(vices)
        self._key = key
        self._stored: set[str] = set()
        self._cached: set[str] = set()

    def ask(self, ask: Ask) -> Seen:
        key = {"own": self._key, "none": None, "wrong": "sk-wrong"}[ask.key]
        raw = ask.body if isinstance(ask.body, bytes) else json.dumps(ask.body).encode()
        return self.answer(ask.method, ask.path, raw, ask.media_type, key).seen(ask)

    def answer(self, method: str, path: str, raw: bytes, media_type: str, key: str | None) -> Answered:
        try:
            return self._answer(method, path, raw, media_type, key)
        except ApiError as error:
            if "html errors" in self._vices:
                return Answered(error.status, text="<html>no</html>")
            told = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
            return Answered(error.status, {"detail": told} if "wrong envelope" in self._vices else {"error": told})

    def _answer(self, method: str, path: str, raw: bytes, media_type: str, key: str | None) -> Answered:
        if self._key is not None and key != self._key:
            raise Unauthorized("no such key")
        if method == "GET" and path == "/models":
            model = {"id": MODEL, "object": "model", "created": 1, "owned_by": "nobody"}
            return Answered(200, {"object": "list", "data": [model]})
        if method in ("GET", "DELETE"):
            if path.rpartition("/")[2] in self._stored:
                return Answered(200, {"id": path})
            raise ModelNotFound("there is no such thing", param="model")
        if path != CHAT.path and ("chats alone" in self._vices or path not in contract(self._rules)):
            raise NotFound("there is no such operation")
        if media_type != "application/json" and "deaf" not in self._vices:
            raise BadRequest("the media type is not JSON", code="invalid_json")
        try:
            body = json.loads(raw)
        except ValueError:
            raise BadRequest("no JSON", code="invalid_json") from None
        streams = isinstance(body, dict) and body.get("stream") is True
        if "deaf" in self._vices:
            return self._deaf(path, streams)
        check(contract(self._rules)[path]._request, body)
        if body["model"] != MODEL:
            raise ModelNotFound("there is no such model", param="model")
        for made_up, place in _MADE_UP.items():
            if made_up in json.dumps(body):
                raise BadRequest(f"{place} is not there", param=place)
        if path != CHAT.path:
            return self._other(path, body, streams)
        check_combinations(body)
        if body.get("stream_options") and not body.get("stream"):
            raise BadRequest("stream_options needs stream", param="stream_options")
        return self._write(body, streams)

    def _deaf(self, path: str, streams: bool) -> Answered:
        chance = {"temperature": int("by chance" in self._vices)}
        if path == EMBEDDINGS.path:
            return Answered(
                200, others.embeddings({"input": str(next(_chance)) if any(chance.values()) else "x"}, MODEL)
            )
        if path == COMPLETIONS.path:
            return self._other(path, {"model": MODEL, "prompt": "x", **chance}, streams)
        if path == RESPONSES.path:
            return self._other(path, {"model": MODEL, "input": "x", **chance}, streams)
        return self._write({"messages": [], **chance}, streams)

    def _other(self, path: str, body: Json, streams: bool) -> Answered:
        """What comes of an operation that is none on chats."""
        if path == EMBEDDINGS.path:
            made = others.embeddings(body, MODEL)
            if "wrong order" in self._vices:
                made["data"] = [{**item, "index": index} for index, item in enumerate(reversed(made["data"]))]
            return Answered(200, made)
        if path == COMPLETIONS.path:
            made, events = others.completion(body, MODEL, next(_chance), self._choice)
        else:
            made, events = others.responses(
                body,
                self._stored,
                lambda chat: self._write(chat, False).content,
                lambda chat, whole: [
                    *(self._stream({**chat, "stream_options": {"include_usage": True}}, whole).events or ())
                ],
            )
            if "events out of order" in self._vices:
                events[2:4] = events[2:4][::-1]
        return Answered(200, events=tuple(events)) if streams else Answered(200, made)

    # -- what is written ---------------------------------------------------------------------------------------

    def _write(self, body: Json, streams: bool) -> Answered:
        if "500 with HTML" in self._vices and body.get("logprobs"):
            return Answered(500, text="<html>Internal Server Error</html>")
        if "hangs" in self._vices and streams:
            return Answered(200, hangs=True)
        number = body.get("n") or 1
        choices = [self._choice(body, index) for index in range(number)]
        read = len(json.dumps([body["messages"], body.get("tools"), body.get("verbosity")]))
        read += len(json.dumps([body.get("response_format"), body.get("reasoning_effort")]))
        written = sum(choice.pop("tokens") for choice in choices)
        cached = json.dumps([body.get("prompt_cache_key"), body["messages"]])
        made: Json = {
            "id": f"chatcmpl-{next(_chance)}",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": choices,
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": written,
                "total_tokens": read + written,
                "prompt_tokens_details": {
                    "cached_tokens": read if body.get("prompt_cache_key") and cached in self._cached else 0
                },
                "completion_tokens_details": {
                    "accepted_prediction_tokens": 1 if body.get("prediction") else 0,
                    "rejected_prediction_tokens": 0,
                },
            },
        }
        self._cached.add(cached)
        if body.get("metadata"):
            made["metadata"] = body["metadata"]
        if body.get("store"):
            self._stored.add(made["id"])
        if body.get("service_tier"):
            made["service_tier"] = body["service_tier"]
        if body.get("moderation"):
            result = {"type": "error", "code": "none", "message": "not judged"}
            made["moderation"] = {"input": result, "output": result}
        return self._stream(body, made) if streams else Answered(200, made)

    def _choice(self, body: Json, index: int) -> Json:
        message, tokens, reason = self._message(body, index)
        choice: Json = {"index": index, "message": message, "logprobs": None, "finish_reason": reason}
        choice["tokens"] = len(tokens)
        if body.get("logprobs") and "logprobs null" not in self._vices:
            alternative = {"token": "x", "logprob": -1.0, "bytes": [120]}
            choice["logprobs"] = {
                "content": [
                    {
                        "token": token,
                        "logprob": -0.5,
                        "bytes": list(token.encode()),
                        "top_logprobs": [alternative] * (body.get("top_logprobs") or 0),
                    }
                    for token in tokens
                ],
                "refusal": None,
            }
        return choice

    def _message(self, body: Json, index: int) -> tuple[Json, list[str], str]:
        message: Json = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
        if body.get("web_search_options") is not None and "web_search_options" in body:
            citation = {"start_index": 0, "end_index": 1, "url": "http://a", "title": "a"}
            message["annotations"] = [{"type": "url_citation", "url_citation": citation}]
        if "audio" in (body.get("modalities") or ()):
            message["audio"] = {"id": "a", "expires_at": 1, "data": "aa", "transcript": "a"}
        if calls := self._calls(body):
            message["tool_calls"] = calls
            return message, ["call"], "tool_calls"
        if isinstance(body.get("function_call"), dict):
            message["function_call"] = {"name": body["function_call"]["name"], "arguments": '{"vex": 4711}'}
            return message, ["call"], "function_call"
        text, reason = self._text(body, index)
        message["content"] = text
        return message, [" " + word if i else word for i, word in enumerate(text.split(" "))], reason

    def _text(self, body: Json, index: int) -> tuple[str, str]:
        form = (body.get("response_format") or {}).get("type")
        if form == "json_schema":
            schema = SCHEMA["properties"]
            return json.dumps({name: schema[name]["enum"][0] for name in schema}), "stop"
        if form == "json_object":
            return "{}", "stop"
        words = self._drawn(body, index)
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        reason = "stop"
        if limit is not None and limit < len(words) and "ignores max_tokens" not in self._vices:
            words, reason = words[:limit], "length"
        text = " ".join(words)
        stops = [body["stop"]] if isinstance(body.get("stop"), str) else body.get("stop") or []
        for stop in stops if "leaves stop in" not in self._vices else ():
            if stop in text:
                text, reason = text[: text.index(stop)], "stop"
        if "tells the key" in self._vices:
            text = f"{self._key} {text}"
        return text, reason

    def _drawn(self, body: Json, index: int) -> list[str]:
        bias = body.get("logit_bias") or {}
        number = body.get("max_completion_tokens") or 12
        if len(bias) == 1:
            return [f"tok{next(iter(bias))}"] * min(number, 12)
        told = [body["messages"], body.get("frequency_penalty"), body.get("presence_penalty"), sorted(bias)]
        temperature, top_p = body.get("temperature", 1), body.get("top_p", 1)
        if temperature and top_p > 0.01:
            seed = body.get("seed")
            told += [temperature, next(_chance) if seed is None else seed, index]
        random = Random(hashlib.sha256(json.dumps(told).encode()).digest())
        return [*random.sample(_WORDS, len(_WORDS)), *random.sample(_WORDS, len(_WORDS))]

    def _calls(self, body: Json) -> list[Json]:
        tools = body.get("tools") or []
        choice = body.get("tool_choice", "auto" if tools else "none")
        if choice == "none":
            return []
        if isinstance(choice, dict) and choice["type"] == "allowed_tools":
            names = [tool["function"]["name"] for tool in choice["allowed_tools"]["tools"]]
        elif isinstance(choice, dict):
            names = [choice[choice["type"]]["name"]]
        else:
            names = [tool[tool["type"]]["name"] for tool in tools]
        chosen = [tool for tool in tools if tool[tool["type"]]["name"] in names]
        if body.get("parallel_tool_calls") is False:
            chosen = chosen[:1]
        return [self._call(number, tool) for number, tool in enumerate(chosen)]

    def _call(self, number: int, tool: Json) -> Json:
        kind = tool["type"]
        name = tool[kind]["name"]
        if kind == "custom":
            return {"id": f"call_{number}", "type": kind, kind: {"name": name, "input": "zyr 123"}}
        properties = tool[kind].get("parameters", {}).get("properties", {})
        arguments = {name: schema["enum"][0] for name, schema in properties.items()}
        return {"id": f"call_{number}", "type": kind, kind: {"name": name, "arguments": json.dumps(arguments)}}

    def _stream(self, body: Json, made: Json) -> Answered:
        options = body.get("stream_options") or {}
        frame = {**{name: made[name] for name in ("id", "created", "model")}, "object": "chat.completion.chunk"}
        counted = options.get("include_usage") and "no usage chunk" not in self._vices
        counts = options.get("continuous_usage_stats")
        events: list[Json] = []

        def send(choice: Json) -> None:
            padding = {"obfuscation": "xx"} if options.get("include_obfuscation") else {}
            usage = {"usage": made["usage"]} if counts else {"usage": None} if counted else {}
            events.append({**frame, "choices": [choice], **padding, **usage})

        for choice in made["choices"]:
            index, message = choice["index"], choice["message"]
            delta = {} if "no role" in self._vices else {"role": "assistant"}
            send({"index": index, "delta": {**delta, "content": ""}, "finish_reason": None})
            if message["content"]:
                send(
                    {
                        "index": index,
                        "delta": {"content": message["content"]},
                        "logprobs": choice["logprobs"],
                        "finish_reason": None,
                    }
                )
            for number, call in enumerate(message.get("tool_calls") or ()):
                send({"index": index, "delta": {"tool_calls": [{"index": number, **call}]}, "finish_reason": None})
            if not (index and "one finish" in self._vices):
                send({"index": index, "delta": {}, "finish_reason": choice["finish_reason"]})
        if counted:
            events.append({**frame, "choices": [], "usage": made["usage"]})
        return Answered(200, events=tuple(events), done="no [DONE]" not in self._vices)


@contextlib.contextmanager
def serve(scripted: Scripted) -> Iterator[str]:
    """The server behind a port of loopback; its address."""
    leaves = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            key = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
            path = self.path.removeprefix("/v1")
            answered = scripted.answer(self.command, path, raw, self.headers.get("content-type") or "", key)
            if answered.hangs:
                self._head(200, "text/event-stream")
                self.wfile.write(b'data: {"choices": []}\n\n')
                self.wfile.flush()
                leaves.wait(20)
                return
            if answered.events is not None:
                self._head(200, "text/event-stream")
                for event in answered.events:
                    self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                if answered.done:
                    self.wfile.write(b"data: [DONE]\n\n")
                return
            body = answered.text.encode() or json.dumps(answered.content).encode()
            self._head(answered.status, "text/html" if answered.text else "application/json", len(body))
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _do

        def _head(self, status: int, media_type: str, length: int | None = None) -> None:
            self.send_response(status)
            self.send_header("content-type", media_type)
            if length is not None:
                self.send_header("content-length", str(length))
            self.send_header("connection", "close")
            self.close_connection = True
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is written."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        leaves.set()
        server.shutdown()
        thread.join()
        server.server_close()
