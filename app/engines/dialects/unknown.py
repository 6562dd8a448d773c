"""A server that was not recognised: it gets requests in OpenAI's dialect, which most servers accept."""

from __future__ import annotations

from dataclasses import replace

from .openai import OPENAI

# Its capabilities are not known. Its answers are checked against the request, and an operator can remove capabilities.
# Unlike OpenAI's, it may be in the operator's network, from where it would fetch URLs that clients choose.
UNKNOWN = replace(OPENAI, name="unknown", fetches=False)
