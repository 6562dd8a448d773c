"""Every property of an embeddings answer, as `app.chat.produced` lists those of a completion."""

from __future__ import annotations

from ..chat.coverage import Surface, by_table
from ..chat.produced import ALWAYS, rows
from .parameters import EMBEDDING

VECTORS = Surface(
    EMBEDDING.operation,
    by_table(EMBEDDING),
    {
        "embeddings": (
            "application/json",
            {
                **rows(ALWAYS, "object data model usage"),
                **rows(ALWAYS, "object index embedding", "data[]"),
                **rows(ALWAYS, "prompt_tokens total_tokens", "usage"),
            },
        )
    },
)
