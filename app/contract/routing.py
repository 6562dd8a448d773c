"""What Connexion gets to see of a document: a small, valid OpenAPI 3.0 view that routes and secures, and a resolver.

Connexion refuses 3.1 documents and checks bodies by Draft 4, so it is handed paths, ids, security and nothing else;
bodies and parameters are checked by our own validators, found by operationId.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable
from typing import Any

import inflection
from connexion.resolver import Resolution, Resolver

from .document import Document, templates
from .operations import Operation
from .structure import Json


def routing_view(document: Document, operations: Iterable[Operation]) -> Json:
    """An OpenAPI 3.0.3 document with the routes and the security of another one.

    A parameter at the end of a path takes the rest of it, slashes too, as model ids such as ``org/name`` need it;
    such routes come last, the shortest at the very end, so that any closer route wins.
    """
    content = document.content
    info = content.get("info") or {}
    schemes = (content.get("components") or {}).get("securitySchemes") or {}
    paths: Json = {}
    for operation in sorted(operations, key=lambda o: (o.path.endswith("}"), -o.path.count("/"))):
        names = list(templates(operation.path))
        view: Json = {
            "operationId": operation.id,
            "responses": {"default": {"description": ""}},
            "parameters": [
                {
                    "name": name,
                    "in": "path",
                    "required": True,
                    "schema": {
                        "type": "string",
                        **({"format": "path"} if operation.path.endswith(f"{{{name}}}") else {}),
                    },
                }
                for name in names
            ],
        }
        if operation.security is not None:
            view["security"] = operation.security
        paths.setdefault(operation.path, {})[operation.method] = view
    return {
        "openapi": "3.0.3",
        "info": {"title": str(info.get("title", "API")), "version": str(info.get("version", "0"))},
        "components": {"securitySchemes": {name: document.resolve(scheme)[0] for name, scheme in schemes.items()}},
        "paths": paths,
    }


class TagResolver(Resolver):
    """Finds the handler of an operation: its first tag names the module, its operationId the function.

    Tag ``Chat`` and ``createChatCompletion`` are ``<package>.chat.create_chat_completion``. ``wrap`` turns a handler,
    or None where there is none, into the view that Flask calls.
    """

    def __init__(
        self,
        package: str,
        operations: Iterable[Operation],
        wrap: Callable[[Operation, Any], Callable[..., Any]],
    ) -> None:
        super().__init__()
        self._views = {operation.id: wrap(operation, find_handler(package, operation)) for operation in operations}

    def resolve(self, operation: Any) -> Resolution:
        # Asked once per middleware and operation, so the views are made beforehand.
        return Resolution(self._views[operation.operation_id], operation.operation_id)


def find_handler(package: str, operation: Operation) -> Callable[..., Any] | None:
    """The function for an operation, or None. An error inside the module itself is raised, not hidden."""
    module_name = f"{package}.{_snake(operation.tag)}" if operation.tag else package
    try:
        if importlib.util.find_spec(module_name) is None:
            return None
    except (ModuleNotFoundError, ValueError):
        return None
    found = getattr(importlib.import_module(module_name), _snake(operation.id), None)
    return found if callable(found) else None


def _snake(name: str) -> str:
    return inflection.underscore(re.sub(r"\W+", "_", name).strip("_"))


class Paths:
    """Which methods a document has on a path: for 405 answers, and to let its paths win over our own pages."""

    def __init__(self, document: Document, operations: Iterable[Operation]) -> None:
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for operation in operations:
            parts = re.split(r"\{[^}]*\}", document.base_path + operation.path)
            gaps = ["[^/]+"] * (len(parts) - 1)
            if gaps and operation.path.endswith("}"):
                gaps[-1] = ".+"
            pattern = re.escape(parts[0]) + "".join(g + re.escape(p) for g, p in zip(gaps, parts[1:], strict=True))
            self._patterns.append((re.compile(pattern), operation.method.upper()))

    def methods(self, path: str) -> list[str]:
        """The methods that a path answers, sorted; empty when the document does not have it."""
        found = {method for pattern, method in self._patterns if pattern.fullmatch(path)}
        return sorted(found | ({"HEAD"} if "GET" in found else set()))
