"""The dialect base class: how a kind of server differs from the chat-completions API.

A parameter that a server accepts but ignores is not a capability of its dialect, so that it is refused by name. If a
server's defaults differ from the API's, the request overrides them, so that an omitted parameter means what the API
says. The operator adds what depends on the model behind a server (pictures with Ollama, thinking with most).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from ...errors import BadRequest, UnsupportedParameter
from ...jsontypes import Json
from ..asked import LIMITS, Asked
from ..base import OPERATIONS, Model
from ..tool_choice import ToolChoice, name_of
from .drift import Drift
from .stream import StreamReader
from .texts import EchoReader, TextStreamReader, asked_of

COMMON = frozenset({"sampling", "stop", "length", "max_tokens", "penalties", "logprobs", "response_format", "tools"})

# Not passed on: Parley handles these parameters itself, and an upstream would ignore or misinterpret them.
OURS = frozenset({"metadata", "user", "safety_identifier", "store", "model", "n", "stream", "stream_options"})

# Overrides of values that vLLM and SGLang would take from the model's own recommendations.
NEUTRAL = {"temperature": 1, "top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1}

# The body fields that an operator may configure and that text completions do not have.
_OF_CHATS = frozenset(
    {*LIMITS, "logprobs", "top_logprobs", "response_format", "chat_template_kwargs", "reasoning_effort", "verbosity"}
    | {"tools", "tool_choice", "parallel_tool_calls", "modalities", "audio", "web_search_options", "prediction"}
)

SAMPLERS = frozenset({"top_k", "min_p", "min_tokens", "ignore_eos", "stop_token_ids", "repetition_penalty"})


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """A model's ``name`` at its server, and the operator's configuration of it: ``extra`` are body fields that apply
    unless a request sets them; ``remote_media``: pictures may be given as URLs, which the server then fetches."""

    model: Model
    name: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    remote_media: bool = False


@dataclass(slots=True)
class Written:
    """A request in the form of a dialect. ``read`` creates the reader of a stream. ``whole``: a whole answer must be
    requested even if the client wants a stream. ``echoes``: the answer to a completion also has the prompt, and
    ``read`` creates an `EchoReader`."""

    asked: Asked
    body: Json
    read: Callable[[Drift], StreamReader]
    whole: bool = False
    echoes: bool = False


@dataclass(frozen=True)
class Dialect:
    """One kind of server.

    ``capabilities`` are names from the parameter table. ``makes_choices``: it honours ``n``. ``defaults`` are body
    fields that make it use the API's defaults. ``limit`` is its parameter for the maximum tokens of an answer;
    ``keeps_limit``: it knows both of the API's parameters, which differ in meaning for its models. ``roles`` maps roles
    that it does not know to those to send instead. ``allowed``: it supports the tool choice ``allowed_tools``;
    ``names``: it obeys the choice of a tool by name. ``identifies``: it may get user identifiers, as digests.
    ``fetches``: it may get URLs of pictures, because it is not in our network. ``cancels``: it stops generating a whole
    answer when the connection is closed. ``extra_parameters`` are those beyond the API that it honours and that
    operators may enable. ``operations`` are those that its servers support, depending on the model. ``packs``: it
    returns embeddings in base64 on request.
    """

    name: str
    capabilities: frozenset[str]
    makes_choices: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limit: str = "max_completion_tokens"
    keeps_limit: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    allowed: bool = False
    names: bool = True
    identifies: bool = False
    fetches: bool = False
    cancels: bool = True
    extra_parameters: frozenset[str] = frozenset()
    operations: frozenset[str] = OPERATIONS
    packs: bool = True

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        """Yield an error for each parameter of a request whose value the server cannot honour."""
        yield from ()

    def write(self, request: Json, upstream: UpstreamModel) -> Written:
        """Return a request in the server's form, without the ``stream`` parameter. Does not change the request.

        Raises:
            BadRequest: a value requires something that this kind of server cannot do.
        """
        body = self.body(request, upstream)
        asked = Asked.of(request)
        if asked.n != 1:
            body["n"] = asked.n
        self._identify(body, request)
        self.choose_tools(body, asked.tool_choice)
        self.adapt(body)
        if body.get("min_tokens"):
            asked.stops = ()  # they have no effect before the minimum
        return Written(asked, body, partial(StreamReader, asked))

    def write_text(self, request: Json, upstream: UpstreamModel) -> Written:
        """As `write`, for a completion of one prompt."""
        asked = asked_of(request)
        body: Json = {"model": upstream.name, **self.defaults}
        body.update((name, value) for name, value in upstream.extra.items() if name not in _OF_CHATS)
        body.update((name, value) for name, value in request.items() if name not in OURS)
        if asked.n != 1:
            body["n"] = asked.n
        self._identify(body, request)
        self.adapt_text(body)
        if body.get("min_tokens"):
            asked.stops = ()
        if not request.get("echo"):
            return Written(asked, body, partial(TextStreamReader, asked))
        # Log probabilities show where the prompt ends. They are removed again if the client did not request them.
        asked.alternatives = asked.alternatives or 0
        body.setdefault("logprobs", 0)
        return Written(asked, body, partial(EchoReader, asked), whole=True, echoes=True)

    def write_embedding(self, request: Json, upstream: UpstreamModel) -> Json:
        """Return a request for embeddings in the server's form."""
        texts = request["input"]
        # Not every server accepts a list of one list of tokens.
        body: Json = {"model": upstream.name, "input": texts[0] if len(texts) == 1 else texts}
        packed = self.packs and request.get("encoding_format") == "base64"
        body["encoding_format"] = "base64" if packed else "float"
        if "dimensions" in request:
            body["dimensions"] = request["dimensions"]
        self._identify(body, request)
        return body

    def _identify(self, body: Json, request: Json) -> None:
        if self.identifies:
            for name in ("user", "safety_identifier"):
                if request.get(name) is not None:
                    body[name] = sha256(request[name].encode()).hexdigest()

    def body(self, request: Json, upstream: UpstreamModel) -> Json:
        """Return the body for the server, without the changes of `choose_tools` and `adapt`."""
        body: Json = {"model": upstream.name, **self.defaults, **upstream.extra}
        for name, value in request.items():
            if name not in OURS:
                body[name] = value
        if "max_completion_tokens" in body or "max_tokens" in body:
            # The request's limit takes precedence over the operator's, under either of the two names.
            name = next(name for source in (request, body) for name in LIMITS if name in source)
            limit = body[name]
            for other in LIMITS:
                body.pop(other, None)
            body[name if self.keeps_limit and name in request else self.limit] = limit
        if body.get("top_logprobs") == 0:
            del body["top_logprobs"]  # the default; if it is sent, some servers give no log probabilities
        if self.roles:
            body["messages"] = [
                {**message, "role": role} if (role := self.roles.get(message["role"])) else message
                for message in body["messages"]
            ]
        return body

    def seed(self, seed: int) -> int:
        """Return a seed in the server's form."""
        return seed

    def adapt(self, body: Json) -> None:
        """Make further changes to a body, in place."""

    def adapt_text(self, body: Json) -> None:
        """As `adapt`, for a text completion."""

    def choose_tools(self, body: Json, choice: ToolChoice | None) -> None:
        """Express a tool choice in a form that the dialect supports, by omitting tools that may not be called."""
        asked = body.get("tool_choice")
        if not body.get("tools") or choice is None or (asked == "none" and not self.allowed):
            # Some servers show the tools to the model anyway, which then calls them.
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                body.pop(name, None)
            return
        by_list = isinstance(asked, dict) and asked["type"] == "allowed_tools"
        if (by_list and not self.allowed) or (choice.one and not self.names):
            body["tools"] = [tool for tool in body["tools"] if name_of(tool) in choice.names]
            body["tool_choice"] = "required" if choice.must else "auto"


def joined(message: Json) -> Json:
    """Return a message with its text parts joined, for servers that accept no parts or treat each as a message. A
    refusal becomes the content."""
    content = message.get("content")
    if content is None and message.get("refusal"):
        return {name: value for name, value in message.items() if name != "refusal"} | {"content": message["refusal"]}
    if isinstance(content, list) and all(part["type"] in ("text", "refusal") for part in content):
        return {**message, "content": "".join(part[part["type"]] for part in content)}
    return message


def refuse_remote_media(messages: list[Json]) -> None:
    """Refuse pictures that the upstream would have to fetch from its position in a network.

    Raises:
        BadRequest: there is such a picture.
    """
    for index, message in enumerate(messages):
        content = message.get("content")
        if type(content) is list:
            for number, part in enumerate(content):
                if part["type"] == "image_url" and part["image_url"]["url"][:5].lower() != "data:":
                    raise BadRequest(
                        "Pictures are not fetched: send them as data URLs (data:image/png;base64,...).",
                        param=f"messages[{index}].content[{number}].image_url.url",
                        code="invalid_value",
                    )


def unsupported(param: str, reason: str) -> UnsupportedParameter:
    """Return the error for a value that a dialect's servers cannot honour."""
    return UnsupportedParameter(f"Unsupported parameter: the engine of this model {reason}", param=param)


def custom_calls(messages: list[Json]) -> Iterator[UnsupportedParameter]:
    """Yield an error for each call of a custom tool in a conversation."""
    for index, message in enumerate(messages):
        for number, call in enumerate(message.get("tool_calls") or ()):
            if call["type"] == "custom":
                yield unsupported(f"messages[{index}].tool_calls[{number}].custom", "does not support custom tools.")
