"""What Connexion sees of a document: a small, valid OpenAPI 3.0 view for routing and security, and a resolver.

Connexion rejects 3.1 documents and validates bodies by Draft 4, so it receives only paths, ids and security. Our own
validators, looked up by operation, validate bodies and parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from connexion.resolver import Resolution, Resolver

from ..jsontypes import Json
from .document import Document, templates
from .handlers import Handlers
from .operations import Operation
from .security import Security


def routing_view(document: Document, operations: Iterable[Operation], security: Security | None = None) -> Json:
    """Return an OpenAPI 3.0.3 document with the routes and the security of another document.

    A parameter at the end of a path matches the rest of it, including slashes, as model ids such as ``org/name``
    require, unless its pattern allows no slash. Such routes come last, the shortest at the very end, so that any more
    specific route wins. A segment with more literal text is more specific than one that is only a parameter.

    Raises:
        ConfigurationError: as `Security.ways_in`.
    """
    security = security or Security(document)
    info = document.content.get("info")
    info = info if isinstance(info, dict) else {}
    paths: Json = {}
    for operation in sorted(operations, key=_closeness):
        view: Json = {
            "operationId": operation.key,
            "responses": {"default": {"description": ""}},
            "parameters": [
                {
                    "name": path_name(name),
                    "in": "path",
                    "required": True,
                    "schema": {
                        "type": "string",
                        **(
                            {"format": "path"}
                            if operation.takes_rest and operation.path.endswith(f"{{{name}}}")
                            else {}
                        ),
                    },
                }
                for name in templates(operation.path)
            ],
        }
        if ways := security.ways_in(operation):
            view["security"] = ways
        path = re.sub(r"\{([^}]*)\}", lambda match: f"{{{path_name(match[1])}}}", operation.url)
        paths.setdefault(path or "/", {})[operation.method.lower()] = view
    return {
        "openapi": "3.0.3",
        "info": {"title": str(info.get("title", "API")), "version": str(info.get("version", "0"))},
        "components": {"securitySchemes": security.schemes},
        "paths": paths,
    }


def path_name(name: str) -> str:
    """Return the name of a path parameter in characters that every router accepts."""
    safe = re.sub(r"\W", "_", name, flags=re.ASCII)
    return safe if safe[:1].isalpha() else f"p{safe}"


def _closeness(operation: Operation) -> tuple[int, int, int, bool, bool]:
    templated = [segment for segment in operation.path.split("/") if "{" in segment]
    text = sum(len(re.sub(r"\{[^}]*\}", "", segment)) for segment in templated)
    # A GET route also matches HEAD, unless the document's own HEAD route precedes it.
    head = operation.method == "head"
    return -operation.path.count("/"), len(templated), -text, operation.takes_rest, not head


class TagResolver(Resolver):
    """Finds the handler of an operation: its first tag names the module, its operationId the function.

    The tag ``Chat`` and ``createChatCompletion`` give ``<package>.chat.create_chat_completion``. ``wrap`` turns a
    handler, or None if there is none, into the view that Flask calls.
    """

    def __init__(
        self,
        handlers: Handlers,
        operations: Iterable[Operation],
        wrap: Callable[[Operation, Any], Callable[..., Any]],
    ) -> None:
        super().__init__()
        self._views = {operation.key: wrap(operation, handlers.find(operation)) for operation in operations}

    def resolve(self, operation: Any) -> Resolution:
        # Called once per middleware and operation, so the views are created in advance.
        return Resolution(self._views[operation.operation_id], operation.operation_id)


class Paths:
    """Which methods a document has on a path: for 405 responses, and to let its paths take precedence over our own
    pages."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._exact: dict[str, set[str]] = {}
        # The key is the folders before the first parameter; the values are patterns with their methods.
        self._patterns: dict[str, list[tuple[str, str]]] = {}
        for operation in operations:
            method = operation.method.upper()
            parts = re.split(r"\{[^}]*\}", operation.url)
            if len(parts) == 1:
                self._exact.setdefault(operation.url, set()).add(method)
                continue
            gaps = ["[^/]+"] * (len(parts) - 1)
            if operation.takes_rest:
                gaps[-1] = ".+"
            pattern = re.escape(parts[0]) + "".join(g + re.escape(p) for g, p in zip(gaps, parts[1:], strict=True))
            self._patterns.setdefault(parts[0].rpartition("/")[0], []).append((pattern, method))

    def has(self, path: str) -> bool:
        """Whether the document has exactly this path, not only a template that matches it."""
        return path in self._exact

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path supports, sorted; empty when the document does not have the path."""
        found = set(self._exact.get(path, ()))
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            found |= {
                method for pattern, method in self._patterns.get(folder, ()) if re.fullmatch(pattern, path, re.DOTALL)
            }
        return sorted(found | ({"HEAD"} if "GET" in found else set()))
