"""The security schemes of a document that this server supports.

Keys are the server's own, so OAuth 2 and OpenID Connect are treated as bearer tokens (RFC 6750), and scopes are
ignored. A requirement with an unsupported scheme cannot be met: if an operation has no other, startup fails.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from ..errors import UnusablePart
from ..jsontypes import Json
from .document import Document
from .operations import Operation

log = logging.getLogger("parley")

_BEARER: Json = {"type": "http", "scheme": "bearer"}
_BASIC: Json = {"type": "http", "scheme": "basic"}


class Security:
    """The schemes of a document that give access to its operations.

    ``schemes`` are the supported ones, in the form that Connexion receives: ``http`` bearer, ``http`` basic if it is
    allowed, and ``apiKey``.

    Raises:
        DocumentError: none of the schemes of an operation is supported, or it names a scheme that does not exist.
    """

    def __init__(self, document: Document, *, allow_basic: bool = False) -> None:
        self._source = document.source
        declared = (document.content.get("components") or {}).get("securitySchemes") or {}
        self._declared = {name: document.resolve(scheme)[0] for name, scheme in declared.items()}
        kept = {name: _kept(scheme, allow_basic) for name, scheme in self._declared.items()}
        self.schemes = {name: scheme for name, scheme in kept.items() if scheme is not None}

    def ways_in(self, operation: Operation) -> list[Any]:
        """Return the security requirements of an operation that can be met; an empty list if it needs no key."""
        required = operation.security or []
        for requirement in required:
            for name in requirement:
                if name not in self._declared:
                    raise UnusablePart(
                        f"{self._source}: the operation {operation.id} is secured by {name}, which is not among "
                        "components/securitySchemes."
                    )
        # Requirements with a key come first, so that a caller with a key is identified even where none is required.
        ways = sorted((r for r in required if all(name in self.schemes for name in r)), key=lambda r: not r)
        if required and not ways:
            raise UnusablePart(
                f"{self._source}: the operation {operation.id} can only be accessed by "
                f"{' or '.join(self._told(requirement) for requirement in required)}, which this server does not "
                "support. Give it a scheme of type apiKey, or http with bearer; http with basic needs "
                "PARLEY_BASIC_AUTH=1."
            )
        return ways

    def sending(self, operations: Iterable[Operation]) -> str:
        """Return how to send a key that gives access to some of the operations, as the end of a sentence."""
        used = {name for operation in operations for way in self.ways_in(operation) for name in way}
        told = [_SENDING[kind](scheme) for kind, scheme in _kinds(self.schemes, used)]
        return " or ".join(dict.fromkeys(told)) or _SENDING["bearer"]({})

    def report(self, operations: Iterable[Operation]) -> None:
        """Log warnings about assumptions that a reader of the document could wrongly make."""
        operations = list(operations)
        used = {name for operation in operations for requirement in operation.security or () for name in requirement}
        for name in sorted(used):
            kind = self._declared[name].get("type")
            if kind in ("oauth2", "openIdConnect"):
                log.warning(
                    "the security scheme %s is %s: bearer tokens are compared with the API keys of this server, and "
                    "scopes against nothing",
                    name,
                    kind,
                )
            elif name not in self.schemes:
                log.warning("the security scheme %s is %s: this server does not support it", name, self._told([name]))
        open_to_all = [operation.id for operation in operations if not operation.security or {} in operation.security]
        if open_to_all:
            listed = ", ".join(open_to_all[:5]) + (", ..." if len(open_to_all) > 5 else "")
            log.warning("the document requires no key for these operations: %s", listed)

    def _told(self, requirement: Iterable[str]) -> str:
        schemes = [self._declared[name] for name in requirement]
        return " and ".join(f"{scheme.get('type')} {scheme.get('scheme', '')}".strip() for scheme in schemes)


_SENDING: dict[str, Callable[[Json], str]] = {
    "bearer": lambda _: "in the Authorization header: 'Authorization: Bearer YOUR_KEY'",
    "basic": lambda _: "as the password of HTTP Basic",
    "header": lambda scheme: f"in the header {scheme['name']}",
    "query": lambda scheme: f"in the query as {scheme['name']}",
    "cookie": lambda scheme: f"in the cookie {scheme['name']}",
}


def _kinds(schemes: Json, used: Container[str]) -> Iterator[tuple[str, Json]]:
    for name, scheme in schemes.items():
        if name in used:
            yield (scheme["in"] if scheme["type"] == "apiKey" else scheme["scheme"]), scheme


def _kept(scheme: object, allow_basic: bool) -> Json | None:
    """Return a supported scheme without fields that Connexion would act on itself, such as names of functions; else
    None."""
    if not isinstance(scheme, dict):
        return None
    kind, name = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind in ("oauth2", "openIdConnect") or (kind == "http" and name == "bearer"):
        return _BEARER
    if kind == "http" and name == "basic" and allow_basic:
        return _BASIC
    if kind == "apiKey" and scheme.get("in") in ("header", "query", "cookie") and isinstance(scheme.get("name"), str):
        return {"type": "apiKey", "in": scheme["in"], "name": scheme["name"]}
    return None
