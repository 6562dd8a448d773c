"""All dialects, by name."""

from __future__ import annotations

from collections.abc import Mapping

from .dialect import Dialect
from .litellm import LITELLM
from .llama_cpp.dialect import LLAMA_CPP
from .llama_cpp_python import LLAMA_CPP_PYTHON
from .ollama import OLLAMA
from .openai import OPENAI
from .transformers import TRANSFORMERS
from .unknown import UNKNOWN
from .vllm import SGLANG, VLLM

# The dialects that a configuration can name.
DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (OPENAI, VLLM, SGLANG, LLAMA_CPP, LLAMA_CPP_PYTHON, OLLAMA, TRANSFORMERS, LITELLM)
}

# The kinds that a server can be recognised as.
KINDS: Mapping[str, Dialect] = {**DIALECTS, UNKNOWN.name: UNKNOWN}

# The value in a configuration with which the dialect is detected.
AUTO = "auto"


def possible(dialect: str) -> tuple[Dialect, ...]:
    """Return the dialects that a name in a configuration may resolve to."""
    return tuple(KINDS.values()) if dialect == AUTO else (DIALECTS[dialect],)
