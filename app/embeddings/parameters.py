"""Every parameter of a request for embeddings, as `app.chat.parameters` has those of a chat."""

from __future__ import annotations

from ..chat.parameters import ChatParameter
from ..chat.tables import Table
from ..engines.base import EMBEDDINGS

EMBEDDING = Table(
    EMBEDDINGS,
    (
        ChatParameter("model"),
        ChatParameter("input"),
        ChatParameter("encoding_format", effect="made here where the engine has the other form"),
        ChatParameter("dimensions", "dimensions"),
        ChatParameter("user", effect="written to the request log as a digest"),
    ),
)

# The capability that no parameter has for itself: texts that are given as the ids of their tokens.
TOKENS = "token_prompts"
CAPABILITIES = EMBEDDING.capabilities | {TOKENS}
