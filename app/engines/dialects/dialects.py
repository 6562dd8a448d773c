"""In what the servers that speak the chat-completions API differ: what each honours, and how it wants to be asked.

What a server takes and ignores is no capability of its dialect, so that it is refused by name. Where a server does
something unasked, it is told not to, so that a parameter left out means what the API says. What depends on the model
behind a server (pictures with Ollama, thinking with most) is for the operator to add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ...errors import BadRequest, UnsupportedParameter
from ..base import Json
from .llama_cpp.request import fold_seed

_COMMON = frozenset({"sampling", "stop", "length", "max_tokens", "penalties", "logprobs", "response_format", "tools"})

# Kept here: the server answers for them itself, and an upstream would ignore them or do something else.
_OURS = frozenset({"metadata", "user", "safety_identifier", "store", "model", "n", "stream", "stream_options"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of server.

    ``capabilities`` are in the words of the parameter table. ``makes_choices``: it honours ``n``. ``defaults`` are
    body fields that bring it to the API's defaults. ``limit`` is what it calls the most tokens of an answer.
    ``roles`` are those that it does not know, with what to call them instead. ``allowed``: it knows the tool choice
    ``allowed_tools``; ``chooses``: it obeys a tool choice that demands a call; ``names``: also of a tool by its name.
    ``identifies``: it may know users, by a digest. ``fetches``: it may be given addresses of pictures, for it stands
    in no network of ours. ``cancels``: it ends a whole answer too when its reader goes. ``extra_parameters`` are
    those beyond the API that it honours, for operators to let through. ``adapt`` changes what else must be changed;
    it is given the length of the context too.
    """

    name: str
    capabilities: frozenset[str]
    makes_choices: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    limit: str = "max_completion_tokens"
    roles: Mapping[str, str] = field(default_factory=dict)
    allowed: bool = False
    chooses: bool = True
    names: bool = True
    identifies: bool = False
    fetches: bool = False
    cancels: bool = True
    extra_parameters: frozenset[str] = frozenset()
    adapt: Callable[[Json, int], None] = lambda body, context_length: None

    def translate(
        self, request: Json, *, model: str, extra: Mapping[str, Any], stream: bool, context_length: int
    ) -> Json:
        """The body for the upstream. ``model`` is what it calls the model; ``extra`` holds for what the request does
        not say. The request stays as it is.

        Raises:
            BadRequest: a value means something that this kind of server cannot do.
        """
        body: Json = {"model": model, **self.defaults, **extra}
        body.update((name, value) for name, value in request.items() if name not in _OURS)
        if request.get("n", 1) != 1:
            body["n"] = request["n"]
        if stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        limit = body.pop("max_completion_tokens", body.pop("max_tokens", None))
        if limit is not None:
            # The older name where it was used: to OpenAI's models they are not the same.
            older = self.name == "openai" and "max_tokens" in request
            body["max_tokens" if older else self.limit] = limit
        if self.identifies:
            for name in ("user", "safety_identifier"):
                if request.get(name) is not None:
                    body[name] = sha256(request[name].encode()).hexdigest()
        if self.roles:
            body["messages"] = [
                {**message, "role": role} if (role := self.roles.get(message["role"])) else message
                for message in body["messages"]
            ]
        if "tools" in body:
            _choose_tools(body, self)
        else:
            body.pop("tool_choice", None)
            body.pop("parallel_tool_calls", None)
        self.adapt(body, context_length)
        return body


def _choose_tools(body: Json, dialect: Dialect) -> None:
    """Say a tool choice in the words that a dialect knows, by leaving out the tools that may not be called."""
    choice = body.get("tool_choice")
    if not body["tools"] or (choice == "none" and not dialect.allowed):
        # Some show the tools to the model all the same, which then calls them.
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            body.pop(name, None)
        return
    if isinstance(choice, dict):
        if choice["type"] == "allowed_tools" and not dialect.allowed:
            names = {_name(tool) for tool in choice["allowed_tools"]["tools"]}
            body["tools"] = [tool for tool in body["tools"] if _name(tool) in names]
            choice = body["tool_choice"] = choice["allowed_tools"]["mode"]
        elif choice["type"] != "allowed_tools" and not dialect.names:
            body["tools"] = [tool for tool in body["tools"] if _name(tool) == _name(choice)]
            choice = body["tool_choice"] = "required"
        if not body["tools"]:
            raise BadRequest(
                "The tool choice names none of the tools of the request: choose one of them.",
                param="tool_choice",
                code="invalid_value",
            )
    if not dialect.chooses:
        if choice == "required":
            raise UnsupportedParameter(
                "Unsupported parameter: the engine of this model cannot be made to call a tool. Send tool_choice auto "
                "or none.",
                param="tool_choice",
            )
        body.pop("tool_choice", None)


def _name(tool: Json) -> Any:
    return tool[tool["type"]]["name"]


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


def _adapt_sglang(body: Json, _: int) -> None:
    if body.get("top_k") == 0:
        body["top_k"] = -1  # all tokens, in its words and in those of older vLLM


def _adapt_vllm(body: Json, context_length: int) -> None:
    _adapt_sglang(body, context_length)
    if "prompt_cache_key" in body:
        # Its word for a share of the cache that is open to the same salt alone.
        body["cache_salt"] = body.pop("prompt_cache_key")


def _adapt_llama(body: Json, context_length: int) -> None:
    if body.get("max_tokens") == 0:
        raise BadRequest(
            "The engine of this model cannot answer with no token at all: ask for one at least.",
            param="max_completion_tokens",
            code="integer_below_min_value",
        )
    body.setdefault("repeat_last_n", context_length)  # the penalties look at the whole text
    if "seed" in body:
        body["seed"] = fold_seed(int(body["seed"]))
    if "stop" in body:
        # An empty text would end each answer before it began.
        stop = body["stop"]
        body["stop"] = [text for text in ([stop] if isinstance(stop, str) else stop) if text]
    if body.get("logprobs"):
        # Asked for no alternatives, it gives nothing at all; what is too much is left out of the answer.
        body["top_logprobs"] = max(1, body.get("top_logprobs") or 0)
    bias = body.get("logit_bias")
    if bias is not None:
        if not all(key.isascii() and key.isdigit() and len(key) <= 10 for key in bias):
            raise BadRequest(
                "A key of logit_bias is no token: give ids of tokens.", param="logit_bias", code="invalid_value"
            )
        body["logit_bias"] = [[int(key), value] for key, value in bias.items()]
    body["messages"] = [_joined(message) for message in body["messages"]]


def _adapt_ollama(body: Json, _: int) -> None:
    if body.get("parallel_tool_calls") is False:
        raise UnsupportedParameter(
            "Unsupported parameter: the engine of this model may call several tools at once. Leave it out or send "
            "true.",
            param="parallel_tool_calls",
        )
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    body["messages"] = [_joined(message) for message in body["messages"]]


def _joined(message: Json) -> Json:
    """A message with its parts of text as one: Ollama would make a message of each, llama.cpp a line. A refusal is
    what was said."""
    content = message.get("content")
    if content is None and message.get("refusal"):
        return {name: value for name, value in message.items() if name != "refusal"} | {"content": message["refusal"]}
    if isinstance(content, list) and all(part["type"] in ("text", "refusal") for part in content):
        return {**message, "content": "".join(part[part["type"]] for part in content)}
    return message


# What vLLM and SGLang would take from the model's own recommendations.
_NEUTRAL = {"temperature": 1, "top_p": 1, "top_k": -1, "min_p": 0, "repetition_penalty": 1}

_SAMPLERS = frozenset({"top_k", "min_p", "min_tokens", "ignore_eos", "stop_token_ids", "repetition_penalty"})

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            "openai",
            _COMMON
            | {"seed", "logit_bias", "custom_tools", "functions", "images", "image_detail", "audio_input", "audio"}
            | {"files", "prediction", "web_search", "moderation", "reasoning", "verbosity", "service_tier"}
            | {"prompt_cache", "prompt_cache_key", "prompt_cache_retention"},
            allowed=True,
            identifies=True,
            fetches=True,
        ),
        Dialect(
            "vllm",
            # A model that reads no pictures or sounds refuses them by name.
            _COMMON | {"seed", "logit_bias", "images", "audio_input", "prompt_cache_key"},
            defaults=_NEUTRAL,
            roles={"developer": "system"},
            extra_parameters=_SAMPLERS | {"chat_template_kwargs", "thinking_token_budget", "priority"},
            adapt=_adapt_vllm,
        ),
        Dialect(
            "sglang",
            # Seeds need a server that was started to be deterministic.
            _COMMON | {"logit_bias"},
            defaults=_NEUTRAL,
            roles={"developer": "system"},
            extra_parameters=_SAMPLERS | {"chat_template_kwargs", "regex", "ebnf"},
            adapt=_adapt_sglang,
        ),
        Dialect(
            "llama.cpp",
            _COMMON | {"seed", "logit_bias", "images", "audio_input"},
            # As many choices as it has slots at most, which is for it to know alone.
            makes_choices=False,
            # The temperature bends the distribution that top_p then cuts, as in the API.
            defaults={
                "samplers": ["penalties", "top_k", "typ_p", "min_p", "temperature", "top_p"],
                "temperature": 1,
                "top_p": 1,
                "top_k": 0,
                "min_p": 0,
                "typical_p": 1,
                "repeat_penalty": 1,
            },
            limit="max_tokens",
            roles={"developer": "system"},
            names=False,
            cancels=False,
            extra_parameters=frozenset({"top_k", "min_p", "typical_p", "repeat_penalty", "chat_template_kwargs"}),
            adapt=_adapt_llama,
        ),
        Dialect(
            "ollama",
            _COMMON | {"seed"},
            makes_choices=False,
            defaults={"temperature": 1, "top_p": 1},
            limit="max_tokens",
            roles={"developer": "system"},
            chooses=False,
            names=False,
            adapt=_adapt_ollama,
        ),
    )
}
