"""vLLM's server, and SGLang's, which differs little from it."""

from __future__ import annotations

from dataclasses import dataclass

from ...jsontypes import Json
from .dialect import COMMON, NEUTRAL, SAMPLERS, Dialect


@dataclass(frozen=True)
class SGLangDialect(Dialect):
    """Uses -1 where the API's extensions use 0."""

    def adapt(self, body: Json) -> None:
        if body.get("top_k") == 0:
            body["top_k"] = -1  # means all tokens, in SGLang and in older vLLM

    def adapt_text(self, body: Json) -> None:
        SGLangDialect.adapt(self, body)


@dataclass(frozen=True)
class VLLMDialect(SGLangDialect):
    """Partitions its cache by a salt, and makes several choices only if it samples."""

    def adapt(self, body: Json) -> None:
        super().adapt(body)
        if body.get("n", 1) > 1 and body.get("temperature") == 0:
            # At temperature 0 it makes only one choice; sampling from one token gives the likeliest token too.
            body |= {"temperature": 1, "top_k": 1}
        if "prompt_cache_key" in body:
            # Its parameter for a part of the cache that only requests with the same salt share.
            body["cache_salt"] = body.pop("prompt_cache_key")


VLLM = VLLMDialect(
    "vllm",
    # A model that does not support pictures or sounds refuses them by name.
    COMMON
    | {"seed", "logit_bias", "images", "audio_input", "prompt_cache_key", "continuous_usage"}
    # A model whose embeddings cannot be shortened refuses `dimensions` by name.
    | {"token_prompts", "prompt_logprobs", "dimensions"},
    defaults=NEUTRAL,
    roles={"developer": "system"},
    extra_parameters=SAMPLERS | {"chat_template_kwargs", "thinking_token_budget", "priority"},
)

SGLANG = SGLangDialect(
    "sglang",
    # Seeds work only if the server was started in deterministic mode.
    COMMON | {"logit_bias", "continuous_usage", "token_prompts", "prompt_logprobs"},
    defaults=NEUTRAL,
    packs=False,
    roles={"developer": "system"},
    extra_parameters=SAMPLERS | {"chat_template_kwargs", "regex", "ebnf"},
)
