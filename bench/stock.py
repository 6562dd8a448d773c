"""What one gets from Connexion as it comes: a FlaskApp on our contract in its 3.0 form, with a constant answer.

Served by the same worker as Parley. No handler of ours, no validator of ours, no response validation.
"""

from __future__ import annotations

from typing import Any

from connexion import FlaskApp
from connexion.lifecycle import ConnexionResponse
from connexion.resolver import Resolver

from app.contract.document import Document
from app.contract.structure import transform
from app.documents.convert.document import to_3_0
from app.jsontypes import Json

from .answer import ANSWER
from .server import KEY, ROOT


def bearer_info(token: str) -> dict[str, str] | None:
    """Connexion's ``x-bearerInfoFunc``: one key opens the server."""
    return {"sub": "bench"} if token == KEY else None


def create_chat_completion(body: dict[str, Any]) -> ConnexionResponse:
    # Two media types are documented, so that Connexion wants to be told which one it is.
    return ConnexionResponse(200, content_type="application/json", body=ANSWER)


def _without_null_defaults(node: Json) -> Json:
    """Connexion refuses a document in which the default of a parameter that may be null is null."""
    return {key: value for key, value in node.items() if not (key == "default" and value is None)}


def _models(**_: Any) -> ConnexionResponse:
    return ConnexionResponse(200, content_type="application/json", body='{"object": "list", "data": []}')


def create_app() -> FlaskApp:
    """The application, an ASGI callable."""
    document = transform(to_3_0(Document.load(ROOT / "openapi" / "openapi.yaml")).content, _without_null_defaults)
    for scheme in document["components"]["securitySchemes"].values():
        scheme["x-bearerInfoFunc"] = "bench.stock.bearer_info"
    app = FlaskApp(__name__)
    functions = {"createChatCompletion": create_chat_completion}
    app.add_api(document, resolver=Resolver(lambda name: functions.get(name, _models)))
    return app


def __getattr__(name: str) -> Any:
    # Made only for gunicorn, which asks for ``bench.stock:app``.
    if name == "app":
        return create_app()
    raise AttributeError(name)
