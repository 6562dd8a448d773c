"""The security function: which key does a bearer token name, if any?

Connexion asks for it per security scheme of the document. It runs on the event loop, so it only hashes and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connexion.security import NO_VALUE, BearerSecurityHandler

from ..errors import Unauthorized
from .exchange import Exchange
from .keys import KeyRing


def bearer_auth(keys: KeyRing) -> type[BearerSecurityHandler]:
    """Connexion's handler for ``type: http, scheme: bearer`` (RFC 6750), opened by a key ring."""

    def verify(request: Any) -> Any:
        for name, value in request.scope["headers"]:
            if name == b"authorization":
                scheme, _, token = value.decode("latin-1").strip().partition(" ")
                if scheme.lower() != "bearer" or not token.strip():
                    return NO_VALUE
                key_name = keys.find(token.strip())
                if key_name is None:
                    raise Unauthorized("Incorrect API key provided.")
                Exchange.of(request.scope).key_name = key_name
                return {"sub": key_name}
        return NO_VALUE

    class BearerHandler(BearerSecurityHandler):
        def get_fn(self, security_scheme: dict[str, Any], required_scopes: list[str]) -> Callable[[Any], Any]:
            # The function itself, ready: Connexion's wrappers look at its signature twice a request.
            return verify

    return BearerHandler
