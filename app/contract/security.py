"""The security schemes of a document as this server keeps them.

Keys are the server's own, so OAuth 2 and OpenID Connect are bearer tokens here (RFC 6750), and scopes are not looked
at. What cannot be kept is no way in: an operation that has no other way in ends the start.
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
    """Which schemes of a document open its operations.

    ``schemes`` are those that are kept, in the form in which Connexion is given them: ``http`` bearer, ``http`` basic
    if it is allowed, and ``apiKey``.

    Raises:
        DocumentError: an operation can be opened by none of its schemes, or names one that is not there.
    """

    def __init__(self, document: Document, *, allow_basic: bool = False) -> None:
        self._source = document.source
        declared = (document.content.get("components") or {}).get("securitySchemes") or {}
        self._declared = {name: document.resolve(scheme)[0] for name, scheme in declared.items()}
        kept = {name: _kept(scheme, allow_basic) for name, scheme in self._declared.items()}
        self.schemes = {name: scheme for name, scheme in kept.items() if scheme is not None}

    def ways_in(self, operation: Operation) -> list[Any]:
        """The security requirements of an operation that can be met; an empty list: it is open to anyone."""
        required = operation.security or []
        for requirement in required:
            for name in requirement:
                if name not in self._declared:
                    raise UnusablePart(
                        f"{self._source}: the operation {operation.id} is secured by {name}, which is not among "
                        "components/securitySchemes."
                    )
        # Who shows a key is known by it also where none is needed.
        ways = sorted((r for r in required if all(name in self.schemes for name in r)), key=lambda r: not r)
        if required and not ways:
            raise UnusablePart(
                f"{self._source}: the operation {operation.id} can be opened by "
                f"{' or '.join(self._told(requirement) for requirement in required)} only, and this server has none of "
                "it. Give it a scheme of type apiKey, or http with bearer; http with basic needs PARLEY_BASIC_AUTH=1."
            )
        return ways

    def sending(self, operations: Iterable[Operation]) -> str:
        """How a key is sent that opens some of the operations, as the end of a sentence."""
        used = {name for operation in operations for way in self.ways_in(operation) for name in way}
        told = [_SENDING[kind](scheme) for kind, scheme in _kinds(self.schemes, used)]
        return " or ".join(dict.fromkeys(told)) or _SENDING["bearer"]({})

    def report(self, operations: Iterable[Operation]) -> None:
        """Say at start what a reader of the document could take for granted and would be wrong about."""
        operations = list(operations)
        used = {name for operation in operations for requirement in operation.security or () for name in requirement}
        for name in sorted(used):
            kind = self._declared[name].get("type")
            if kind in ("oauth2", "openIdConnect"):
                log.warning(
                    "the security scheme %s is %s: bearer tokens are held against the API keys of this server, and "
                    "scopes against nothing",
                    name,
                    kind,
                )
            elif name not in self.schemes:
                log.warning("the security scheme %s is %s: it opens nothing here", name, self._told([name]))
        open_to_all = [operation.id for operation in operations if not operation.security or {} in operation.security]
        if open_to_all:
            listed = ", ".join(open_to_all[:5]) + (", ..." if len(open_to_all) > 5 else "")
            log.warning("by the document these operations need no key: %s", listed)

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
    """A scheme without anything in it that Connexion would act upon by itself, such as names of functions."""
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
