"""The dialects that there are, by name."""

from __future__ import annotations

from collections.abc import Mapping

from .dialect import Dialect
from .llama_cpp.dialect import LLAMA_CPP
from .ollama import OLLAMA
from .openai import OPENAI
from .vllm import SGLANG, VLLM

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (OPENAI, VLLM, SGLANG, LLAMA_CPP, OLLAMA)}
