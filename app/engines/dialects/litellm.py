"""LiteLLM's proxy, which passes on the parameters that it knows to servers of any kind."""

from __future__ import annotations

from dataclasses import replace

from .openai import OPENAI

LITELLM = replace(
    OPENAI,
    name="litellm",
    # It has no `moderation` and no `prompt_cache_options`: the first three capabilities. Most servers behind it return
    # no log probabilities of a prompt, and ignore the others, which it passes on.
    capabilities=OPENAI.capabilities
    - {"moderation", "prompt_cache", "prompt_cache_retention"}
    - {"prompt_logprobs", "audio", "functions"},
    # Many servers behind it obey neither names nor lists of allowed tools.
    names=False,
    allowed=False,
    # Its streams of several choices have a finish reason only for one of them.
    makes_choices=False,
    # It runs in the operator's network, and fetches pictures itself for servers that do not.
    fetches=False,
)
