"""The security function: which key does a bearer token name, if any?

Connexion asks for it per security scheme of the document. It runs on the event loop, so it only hashes and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connexion.security import NO_VALUE, BearerSecurityHandler

from ..errors import Unauthorized
from .exchange import Exchange
from .keys import KeyRing, is_loopback


def bearer_auth(keys: KeyRing, *, loopback_only: bool = False) -> type[BearerSecurityHandler]:
    """Connexion's handler for ``type: http, scheme: bearer`` (RFC 6750), opened by a key ring.

    ``loopback_only`` refuses every key on connections that came in by another address: the start refuses such an
    address when only the generated key is there, but other servers' hooks, or none, may be in force.
    """

    def verify(request: Any) -> Any:
        if loopback_only and not is_loopback((request.scope.get("server") or ("localhost",))[0]):
            raise Unauthorized(
                "This address can be reached from other machines, and the server has only the key that it made for "
                "itself. Configure a key."
            )
        given = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if len(given) > 1:
            raise Unauthorized("There is more than one Authorization header. Send one.")
        scheme, _, token = given[0].decode("latin-1").strip(" \t").partition(" ") if given else ("", "", "")
        token = token.strip(" \t")
        if scheme.lower() != "bearer" or not token:
            return NO_VALUE
        key_name = keys.find(token)
        if key_name is None:
            raise Unauthorized("Incorrect API key provided.")
        Exchange.of(request.scope).key_name = key_name
        return {"sub": key_name}

    class BearerHandler(BearerSecurityHandler):
        def get_fn(self, security_scheme: dict[str, Any], required_scopes: list[str]) -> Callable[[Any], Any]:
            # The function itself, ready: Connexion's wrappers look at its signature twice a request.
            return verify

    return BearerHandler
