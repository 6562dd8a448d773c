"""Operations with the tag ``Models``."""

from __future__ import annotations

from typing import Any

from ..chat.service import Chat
from ..chat.support import support_rows
from ..completions.service import Completions
from ..embeddings.service import Embeddings
from ..engines.base import Model
from ..web.answers import Reply
from ..web.exchange import Request

# For each operation: its operationId, the member that holds the table of its parameters, and what has the table.
_TOLD = (
    ("createChatCompletion", "parameters", Chat),
    ("createCompletion", "completion_parameters", Completions),
    ("createEmbedding", "embedding_parameters", Embeddings),
)


async def list_models(request: Request) -> Reply:
    """``GET /models``: return the models that the key may use, once for each of their names."""
    models, may_use = request.service(Chat).models, request.account.may_use
    data = [_describe(name, model) for name, model in models.items() if may_use(model.id)]
    return Reply({"object": "list", "data": data})


async def retrieve_model(model: str, request: Request) -> Reply:
    """``GET /models/{model}``: return one model, with its support for each parameter of a request."""
    found = await request.service(Chat).meet(model, request.account)
    return Reply({**_describe(model, found), "x_parley": _support(found, request)})


def _describe(name: str, model: Model) -> dict[str, Any]:
    told = {"id": name, "object": "model", "created": model.created, "owned_by": model.owned_by}
    if model.knows_length:
        # Under the names of OpenRouter and of vLLM, which clients look for.
        told["context_length"] = told["max_model_len"] = model.context_length
    return told


def _support(model: Model, request: Request) -> dict[str, Any]:
    # The table of chats depends on whether there is a database.
    told = [(operation, name, request.service(domain).table) for operation, name, domain in _TOLD]
    able = [each for each in told if each[2].operation in model.operations]
    tables = {name: support_rows(model, table) for _, name, table in able}
    return {"operations": [operation for operation, _, _ in able], "parameters": [], **tables}
