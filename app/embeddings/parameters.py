"""Every parameter of an embeddings request, as `app.chat.parameters` lists those of a chat."""

from __future__ import annotations

from ..chat.parameters import ChatParameter
from ..chat.tables import Table
from ..chat.token_lists import TOKENS, takes
from ..engines.base import EMBEDDINGS, Model
from ..jsontypes import Json

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

CAPABILITIES = EMBEDDING.capabilities | {TOKENS}


def able(request: Json, model: Model) -> bool:
    """Whether a model accepts the input of a request."""
    return takes(request["input"], model)
