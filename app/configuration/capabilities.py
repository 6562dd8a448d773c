"""All capabilities and operations of models, by the names that a configuration uses."""

from __future__ import annotations

from ..chat.parameters import CAPABILITIES as OF_CHATS
from ..chat.policy import honours_all
from ..chat.tables import CHAT
from ..completions.parameters import CAPABILITIES as OF_TEXTS
from ..completions.parameters import TEXT
from ..completions.parameters import able as able_to_go_on
from ..embeddings.parameters import CAPABILITIES as OF_EMBEDDINGS
from ..embeddings.parameters import EMBEDDING
from ..embeddings.parameters import able as able_to_embed
from ..engines.base import COMPLETIONS, EMBEDDINGS, OPERATIONS, Model
from ..jsontypes import Json

CAPABILITIES = OF_CHATS | OF_TEXTS | OF_EMBEDDINGS

# Includes the operations, because a model may support only some of them.
# What stores completions is the server, whatever its models can do.
NAMES = (CAPABILITIES | OPERATIONS) - {"store"}

_TABLES = {table.operation: table for table in (CHAT, TEXT, EMBEDDING)}
# Checks that a table of parameters cannot express, because they depend on the form of a value.
_ABLE = {COMPLETIONS: able_to_go_on, EMBEDDINGS: able_to_embed}


def honours(request: Json, model: Model, operation: str) -> bool:
    """Whether a model honours all parameters of a request for an operation."""
    able = _ABLE.get(operation)
    return honours_all(request, model, _TABLES[operation]) and (able is None or able(request, model))
