"""What the start says: what is served and where, and a request to paste that fits the document in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from .contract.operations import Operation
from .contract.routing import Paths
from .contract.security import Security
from .errors import UnusablePart

# For each operation of models a request that shows what it does: its path, and what it asks for.
_EXAMPLES = (
    ("chat", "/chat/completions", '"messages": [{"role": "user", "content": "Hello!"}]'),
    ("completions", "/completions", '"prompt": "Hello!"'),
    ("embeddings", "/embeddings", '"input": "Hello!"'),
)


class Banner:
    """What is told of a document's operations. ``base_path`` is the path below which they lie."""

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
        """The lines. ``reach`` is a URL without a path, and what curl must be told besides; ``serves`` tells what is
        served; ``model`` is what a request names, which is asked for one of the operations ``able``; ``key`` is the
        generated key, the only one that is ever shown; ``keys`` are the short names of all."""
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
        """The names of the security schemes by which an operation is opened; None: it cannot be used."""
        try:
            return next(iter(self._security.ways_in(operation)), ()) if not operation.fault else None
        except UnusablePart:  # which ends the start of the workers, or leaves the operation out
            return None

    def _credentials(self, way: Iterable[str], key: str | None) -> tuple[str, str]:
        """How a key is shown: what is added to the query, and curl's options."""
        secret = key or "$OPENAI_API_KEY"
        # The shell puts in a key that is not to be shown.
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
    """Whether an operation wants nothing but a key."""
    asks = any(parameter.required for parameter in operation.parameters)
    return operation.method == "get" and "{" not in operation.path and not asks
