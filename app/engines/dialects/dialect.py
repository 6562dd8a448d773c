"""What a dialect is: in what a kind of server differs that speaks the chat-completions API.

What a server takes and ignores is no capability of its dialect, so that it is refused by name. Where a server does
something unasked, it is told not to, so that a parameter left out means what the API says. What depends on the model
behind a server (pictures with Ollama, thinking with most) is for the operator to add.
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
from ..base import Model
from ..tool_choice import ToolChoice, name_of
from .drift import Drift
from .stream import StreamReader

COMMON = frozenset({"sampling", "stop", "length", "max_tokens", "penalties", "logprobs", "response_format", "tools"})

# Kept here: the server answers for them itself, and an upstream would ignore them or do something else.
OURS = frozenset({"metadata", "user", "safety_identifier", "store", "model", "n", "stream", "stream_options"})

# What vLLM and SGLang would take from the model's own recommendations.
NEUTRAL = {"temperature": 1, "top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1}

SAMPLERS = frozenset({"top_k", "min_p", "min_tokens", "ignore_eos", "stop_token_ids", "repetition_penalty"})


@dataclass(frozen=True, slots=True)
class UpstreamModel:
    """What a server calls a model, and what the operator says of it: ``extra`` are body fields that hold for what a
    request does not say, ``remote_media``: pictures may be named by an address, which the server then fetches."""

    model: Model
    name: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    remote_media: bool = False


@dataclass(slots=True)
class Written:
    """A request in the words of a dialect. ``read`` makes the reader of a stream. ``whole``: the server must be asked
    for a whole answer although a stream is wanted."""

    asked: Asked
    body: Json
    read: Callable[[Drift], StreamReader]
    whole: bool = False


@dataclass(frozen=True)
class Dialect:
    """One kind of server.

    ``capabilities`` are in the words of the parameter table. ``makes_choices``: it honours ``n``. ``defaults`` are
    body fields that bring it to the API's defaults. ``limit`` is what it calls the most tokens of an answer;
    ``keeps_limit``: it knows both names of the API, which are not the same to its models. ``roles`` are those that it
    does not know, with what to call them instead. ``allowed``: it knows the tool choice ``allowed_tools``; ``names``:
    it obeys the choice of a tool by its name. ``identifies``: it may know users, by a digest. ``fetches``: it may be
    given addresses of pictures, for it stands in no network of ours. ``cancels``: it ends a whole answer too when its
    reader goes. ``extra_parameters`` are those beyond the API that it honours, for operators to let through.
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

    def unsupported(self, request: Json) -> Iterator[UnsupportedParameter]:
        """An error for each parameter of a request whose value the server cannot honour."""
        yield from ()

    def write(self, request: Json, upstream: UpstreamModel) -> Written:
        """A request as the server gets it, neither as a stream nor not. The request stays as it is.

        Raises:
            BadRequest: a value means something that this kind of server cannot do.
        """
        body = self.body(request, upstream)
        asked = Asked.of(request)
        if asked.n != 1:
            body["n"] = asked.n
        if self.identifies:
            for name in ("user", "safety_identifier"):
                if request.get(name) is not None:
                    body[name] = sha256(request[name].encode()).hexdigest()
        self.choose_tools(body, asked.tool_choice)
        self.adapt(body)
        if body.get("min_tokens"):
            asked.stops = ()  # before so many tokens they end nothing
        return Written(asked, body, partial(StreamReader, asked))

    def body(self, request: Json, upstream: UpstreamModel) -> Json:
        """What the server gets of a request, apart from tools and what `adapt` sees to."""
        body: Json = {"model": upstream.name, **self.defaults, **upstream.extra}
        body.update((name, value) for name, value in request.items() if name not in OURS)
        # The request's limit comes before the operator's, by whichever of its two names.
        name = next((name for name in LIMITS if name in request), None) or next((n for n in LIMITS if n in body), None)
        if name is not None:
            limit = body[name]
            for other in LIMITS:
                body.pop(other, None)
            body[name if self.keeps_limit and name in request else self.limit] = limit
        if body.get("top_logprobs") == 0:
            del body["top_logprobs"]  # as if it were not there, but for servers that then give nothing at all
        if self.roles:
            body["messages"] = [
                {**message, "role": role} if (role := self.roles.get(message["role"])) else message
                for message in body["messages"]
            ]
        return body

    def seed(self, seed: int) -> int:
        """A seed as the server takes it."""
        return seed

    def adapt(self, body: Json) -> None:
        """Change what else must be changed in a body."""

    def choose_tools(self, body: Json, choice: ToolChoice | None) -> None:
        """Say a tool choice in the words that the dialect knows, by leaving out the tools that may not be called."""
        asked = body.get("tool_choice")
        if not body.get("tools") or choice is None or (asked == "none" and not self.allowed):
            # Some show the tools to the model all the same, which then calls them.
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                body.pop(name, None)
            return
        by_list = isinstance(asked, dict) and asked["type"] == "allowed_tools"
        if (by_list and not self.allowed) or (choice.one and not self.names):
            body["tools"] = [tool for tool in body["tools"] if name_of(tool) in choice.names]
            body["tool_choice"] = "required" if choice.must else "auto"


def joined(message: Json) -> Json:
    """A message with its parts of text as one, for servers that take no parts, or make a message of each. A refusal is
    what was said."""
    content = message.get("content")
    if content is None and message.get("refusal"):
        return {name: value for name, value in message.items() if name != "refusal"} | {"content": message["refusal"]}
    if isinstance(content, list) and all(part["type"] in ("text", "refusal") for part in content):
        return {**message, "content": "".join(part[part["type"]] for part in content)}
    return message


def refuse_remote_media(messages: list[Json]) -> None:
    """Refuse pictures that the upstream would have to fetch, from wherever it stands in a network.

    Raises:
        BadRequest: there is one.
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
    """The error for a value that a dialect's servers cannot honour."""
    return UnsupportedParameter(f"Unsupported parameter: the engine of this model {reason}", param=param)


def custom_calls(messages: list[Json]) -> Iterator[UnsupportedParameter]:
    """An error for each call of a custom tool that stands in a conversation."""
    for index, message in enumerate(messages):
        for number, call in enumerate(message.get("tool_calls") or ()):
            if call["type"] == "custom":
                yield unsupported(f"messages[{index}].tool_calls[{number}].custom", "knows no custom tools.")
