"""The startup message: what is served and where, and a request to paste that fits the document in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from .contract.operations import Operation
from .contract.routing import Paths
from .contract.security import Security
from .errors import UnusablePart

# An example request for each operation that models answer: the operation, the path's end, and the body's members.
_EXAMPLES = (
    ("chat", "/chat/completions", '"messages": [{"role": "user", "content": "Hello!"}]'),
    ("completions", "/completions", '"prompt": "Hello!"'),
    ("embeddings", "/embeddings", '"input": "Hello!"'),
)


class Banner:
    """The startup message about a document's operations, which lie below ``base_path``."""

    def __init__(self, base_path: str, operations: Sequence[Operation], security: Security) -> None:
        self._base_path = base_path
        self._operations = operations
        self._security = security

    def lines(
        self,
        reach: tuple[str, str],
        serves: str,
        model: str,
        able: frozenset[str],
        key: str | None,
        keys: Iterable[str],
    ) -> list[str]:
        """Return the lines of the message. ``reach`` is a URL without a path and an additional curl option; ``serves``
        says what is served; ``model`` is the model that the example request names, and ``able`` the operations that it
        supports; ``key`` is the generated key, the only one that is ever shown; ``keys`` are the short names of all."""
        root, option = reach
        base = root + self._base_path
        lines = [f"Parley serves {serves} at {base}"]
        if not Paths(self._operations).has(f"{self._base_path}/ui/"):
            lines.append(f"  Swagger UI  {base}/ui/")
        lines.append(f"  API key     {key or 'configured: ' + ', '.join(keys)}")
        path, asked = next((row[1:] for row in _EXAMPLES if row[0] in able), _EXAMPLES[0][1:])
        usable = [(operation, way) for operation in self._operations if (way := self._way_in(operation)) is not None]
        asking = (pair for pair in usable if pair[0].method == "post" and pair[0].path.endswith(path))
        body = f"""'{{"model": "{model}", {asked}}}'"""
        found, more = next(asking, None), f" -H 'Content-Type: application/json' -d {body}"
        if found is None:
            found, more = next((pair for pair in usable if _is_plain(pair[0])), None), ""
        if found is not None:
            query, credentials = self._credentials(found[1], key)
            lines.append(f"  Try it      curl {option}{_word(root + found[0].url, query)}{credentials}{more}")
        return lines

    def _way_in(self, operation: Operation) -> Iterable[str] | None:
        """Return the names of the security schemes that give access to an operation; None: it cannot be used."""
        try:
            return next(iter(self._security.ways_in(operation)), ()) if not operation.fault else None
        except UnusablePart:  # the workers handle it: they fail to start, or leave the operation out
            return None

    def _credentials(self, way: Iterable[str], key: str | None) -> tuple[str, str]:
        """Return how the example sends a key: what is added to the query, and curl's options."""
        secret = key or "$OPENAI_API_KEY"
        # Double quotes let the shell insert a key that must not be shown.
        mark = "'" if key else '"'
        query, options = [], ""
        for name in way:
            scheme = self._security.schemes[name]
            place = scheme.get("in") or scheme.get("scheme")
            if place == "query":
                query.append(f"{quote(scheme['name'])}={secret}")
            elif place == "cookie":
                options += f" -b {mark}{scheme['name']}={secret}{mark}"
            elif place == "basic":
                options += f" -u {mark}:{secret}{mark}"
            else:
                header = "Authorization: Bearer" if place == "bearer" else f"{scheme['name']}:"
                options += f" -H {mark}{header} {secret}{mark}"
        return "&".join(query), options


def _word(url: str, query: str) -> str:
    return f'"{url}?{query}"' if query else url


def _is_plain(operation: Operation) -> bool:
    """Return whether an operation needs nothing but a key."""
    asks = any(parameter.required for parameter in operation.parameters)
    return operation.method == "get" and "{" not in operation.path and not asks
