"""Operations with the tag ``Models``."""

from __future__ import annotations

from typing import Any

from ..chat.service import Chat
from ..engines.base import Model
from ..web.exchange import Reply, Request


async def list_models(request: Request) -> Reply:
    """``GET /models``: the models that this server answers with, by each of their names."""
    models = request.service(Chat).models
    return Reply({"object": "list", "data": [_describe(name, model) for name, model in models.items()]})


async def retrieve_model(model: str, request: Request) -> Reply:
    """``GET /models/{model}``: one of them."""
    return Reply(_describe(model, request.service(Chat).model(model)))


def _describe(name: str, model: Model) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": model.created, "owned_by": model.owned_by}
