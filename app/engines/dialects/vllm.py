"""vLLM's server, and SGLang's, which differs little from it."""

from __future__ import annotations

from dataclasses import dataclass

from ...jsontypes import Json
from .dialect import COMMON, NEUTRAL, SAMPLERS, Dialect


@dataclass(frozen=True)
class SGLangDialect(Dialect):
    """Counts from -1 where the API's extensions count from 0."""

    def adapt(self, body: Json) -> None:
        if body.get("top_k") == 0:
            body["top_k"] = -1  # all tokens, in its words and in those of older vLLM


@dataclass(frozen=True)
class VLLMDialect(SGLangDialect):
    """Shares its cache by a salt, and makes several choices only where it draws."""

    def adapt(self, body: Json) -> None:
        super().adapt(body)
        if body.get("n", 1) > 1 and body.get("temperature") == 0:
            # Where it need not draw it makes one choice alone; out of one token it draws the likeliest.
            body |= {"temperature": 1, "top_k": 1}
        if "prompt_cache_key" in body:
            # Its word for a share of the cache that is open to the same salt alone.
            body["cache_salt"] = body.pop("prompt_cache_key")


VLLM = VLLMDialect(
    "vllm",
    # A model that reads no pictures or sounds refuses them by name.
    COMMON | {"seed", "logit_bias", "images", "audio_input", "prompt_cache_key", "continuous_usage"},
    defaults=NEUTRAL,
    roles={"developer": "system"},
    extra_parameters=SAMPLERS | {"chat_template_kwargs", "thinking_token_budget", "priority"},
)

SGLANG = SGLangDialect(
    "sglang",
    # Seeds need a server that was started to be deterministic.
    COMMON | {"logit_bias", "continuous_usage"},
    defaults=NEUTRAL,
    roles={"developer": "system"},
    extra_parameters=SAMPLERS | {"chat_template_kwargs", "regex", "ebnf"},
)
