"""A server that was not recognised: it is asked in OpenAI's words, as most take them."""

from __future__ import annotations

from dataclasses import replace

from .openai import OPENAI

# What it honours is not known. Its answers are held to what was asked, and an operator can take capabilities away.
# Unlike OpenAI it may stand in a network of the operator's, from where it would fetch what clients name.
UNKNOWN = replace(OPENAI, name="unknown", fetches=False)
