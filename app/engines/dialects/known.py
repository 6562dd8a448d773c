"""The dialects that there are, by name."""

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

# Those that a configuration can name.
DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (OPENAI, VLLM, SGLANG, LLAMA_CPP, LLAMA_CPP_PYTHON, OLLAMA, TRANSFORMERS, LITELLM)
}

# What a server can turn out to be.
KINDS: Mapping[str, Dialect] = {**DIALECTS, UNKNOWN.name: UNKNOWN}

# In a configuration: which dialect it is, is found out.
AUTO = "auto"


def possible(dialect: str) -> tuple[Dialect, ...]:
    """The dialects that a name in a configuration may come to."""
    return tuple(KINDS.values()) if dialect == AUTO else (DIALECTS[dialect],)
