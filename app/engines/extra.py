"""Parameters beyond the API that engines understand: the single place that defines their schemas.

An operator enables them by name. They are then added to the document, which describes and validates them. The schemas
mean the same in OpenAPI 3.0 and 3.1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..errors import ConfigurationError
from ..jsontypes import Json

EXTRA_PARAMETERS: Mapping[str, Json] = {
    "top_k": {
        "type": "integer",
        "minimum": 0,
        "maximum": 1_000_000,
        "description": "Sample from only this many of the likeliest tokens; 0: from all. Beyond the API.",
    },
    "min_p": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Sample only from tokens whose probability is at least this fraction of the likeliest token's. "
        "Beyond the API.",
    },
    "typical_p": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "Sample only from the most typical tokens whose probabilities add up to this; 1: from all. "
        "Beyond the API.",
    },
    "repeat_penalty": {
        "type": "number",
        "minimum": 0.1,
        "maximum": 10,
        "description": "Divides the logits of tokens that have occurred; 1: none. Beyond the API.",
    },
    "repetition_penalty": {
        "type": "number",
        "minimum": 0.01,
        "maximum": 10,
        "description": "Divides the logits of tokens that have occurred; 1: none. Beyond the API.",
    },
    "min_tokens": {
        "type": "integer",
        "minimum": 0,
        "maximum": 10_000_000,
        "description": "The answer has at least this many tokens. Beyond the API.",
    },
    "ignore_eos": {
        "type": "boolean",
        "description": "Continue past the token with which the model would end its answer. Beyond the API.",
    },
    "stop_token_ids": {
        "type": "array",
        "maxItems": 1000,
        "items": {"type": "integer", "minimum": 0},
        "description": "Tokens that end the answer. Beyond the API.",
    },
    "thinking_token_budget": {
        "type": "integer",
        "minimum": 0,
        "maximum": 10_000_000,
        "description": "The most tokens that the model may spend on reasoning. Beyond the API.",
    },
    "priority": {
        "type": "integer",
        "minimum": -1_000_000,
        "maximum": 1_000_000,
        "description": "Requests with a lower number come first. Beyond the API.",
    },
    "chat_template_kwargs": {
        "type": "object",
        "additionalProperties": True,
        "description": "Passed to the model's chat template. Beyond the API.",
    },
    "regex": {
        "type": "string",
        "minLength": 1,
        "maxLength": 20_000,
        "description": "A regular expression that the answer must match. Beyond the API.",
    },
    "ebnf": {
        "type": "string",
        "minLength": 1,
        "maxLength": 100_000,
        "description": "A grammar that the answer must follow. Beyond the API.",
    },
}

# The parameters that have no meaning without a conversation.
OF_CHATS_ALONE = frozenset({"chat_template_kwargs", "thinking_token_budget"})

# The parameters that the local llama.cpp engine supports.
LLAMA_PARAMETERS = ("top_k", "min_p", "typical_p", "repeat_penalty", "ignore_eos")


def check_extra(names: Iterable[str], known: Collection[str], at: str = "PARLEY_EXTRA_PARAMETERS") -> None:
    """Check that an engine knows all the names. ``at`` is where they are configured.

    Raises:
        ConfigurationError: the engine does not know a name.
    """
    for name in names:
        if name not in known:
            offered = ", ".join(sorted(known)) if known else "none"
            raise ConfigurationError(f"{at} has {name}, which this engine does not know. It knows: {offered}.")
