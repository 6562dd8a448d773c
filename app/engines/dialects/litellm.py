"""LiteLLM's proxy, which passes on what it knows to servers of any kind."""

from __future__ import annotations

from dataclasses import replace

from .openai import OPENAI

LITELLM = replace(
    OPENAI,
    name="litellm",
    # It has no `moderation` and no `prompt_cache_options`, whose capabilities the first three are. The others it hands
    # on to servers that ignore them.
    capabilities=OPENAI.capabilities
    - {"moderation", "prompt_cache", "prompt_cache_retention"}
    - {"audio", "functions"},
    # Many that stand behind it obey neither names nor lists of allowed tools.
    names=False,
    allowed=False,
    # Its streams of several choices give a finish reason to one alone.
    makes_choices=False,
    # It stands with the operator, and fetches pictures itself for servers that do not.
    fetches=False,
)
