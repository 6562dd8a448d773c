"""OpenAI's own servers, and servers that behave in the same way."""

from __future__ import annotations

from .dialect import COMMON, Dialect

OPENAI = Dialect(
    "openai",
    COMMON
    | {"seed", "logit_bias", "custom_tools", "functions", "images", "image_detail", "audio_input", "audio"}
    | {"files", "prediction", "web_search", "moderation", "reasoning", "verbosity", "service_tier"}
    | {"prompt_cache", "prompt_cache_key", "prompt_cache_retention"}
    | {"suffix", "token_prompts", "prompt_logprobs", "dimensions"},
    keeps_limit=True,
    allowed=True,
    identifies=True,
    fetches=True,
)
