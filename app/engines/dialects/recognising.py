"""Recognises kinds of servers by their specific endpoints, headers and texts.

One characteristic is enough if no other kind has it, because proxies may drop headers, or all paths except the API's.
The owner of a model is not enough: gateways, including this server, repeat the owner that their upstreams report. It
counts only together with another characteristic, or in an entry with members that only the server itself writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from yarl import URL

from ..transport.looking import LISTING, Seen

_DOCUMENT = "/openapi.json"
# Paths that only the server of transformers has.
_OF_TRANSFORMERS = {"/v1/chat/completions", "/load_model", "/reset"}

# The paths that are requested below a server's root, in addition to its list of models.
LOOKS = ("/", "/version", "/api/version", "/get_model_info", "/model_info", "/health/liveliness", _DOCUMENT)


def by_host(base_url: str) -> str | None:
    """Return the kind of a server that its address identifies, else None."""
    return "openai" if URL(base_url).host == "api.openai.com" else None


def recognise(seen: Mapping[str, Seen]) -> str | None:
    """Return the kind of the server that gave the answers, which are keyed by path; None: not recognised."""
    if any(answer.headers.get("server", "").lower().startswith("llama.cpp") for answer in seen.values()):
        return "llama.cpp"
    alive = seen.get("/health/liveliness")
    if any(name.startswith("x-litellm-") for answer in seen.values() for name in answer.headers) or (
        alive is not None and alive.status == 200 and b"I'm alive!" in alive.body[:100]
    ):
        return "litellm"
    listed = list(entries(seen.get(LISTING)))
    owners = {_owner(entry) for entry in listed}
    if _ok(seen, "/").startswith(b"Ollama is running") or ("library" in owners and _field(seen, "/api/version")):
        return "ollama"
    if "llamacpp" in owners and any(isinstance(entry.get("meta"), dict) for entry in listed):
        return "llama.cpp"
    document = _json(_ok(seen, _DOCUMENT))
    if isinstance(document, dict):
        info, paths = document.get("info"), document.get("paths")
        if isinstance(info, dict) and "llama.cpp Python API" in str(info.get("title")):
            return "llama-cpp-python"
        if isinstance(paths, dict) and paths.keys() >= _OF_TRANSFORMERS:
            return "transformers"
    # The servers' own entries have a root; entries that gateways rewrite do not.
    rooted = {_owner(entry) for entry in listed if "root" in entry}
    model_path = _field(seen, "/get_model_info", "model_path") or _field(seen, "/model_info", "model_path")
    if "sglang" in rooted or (model_path and any("max_model_len" in entry for entry in listed)):
        return "sglang"
    if "vllm" in rooted or (_field(seen, "/version") and any("max_model_len" in entry for entry in listed)):
        return "vllm"
    return None


def entries(listing: Seen | None) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a list of models."""
    value = _json(listing.body) if listing is not None and listing.status == 200 else None
    data = value.get("data") if isinstance(value, dict) else None
    for entry in data if isinstance(data, list) else ():
        if isinstance(entry, dict):
            yield entry


def _owner(entry: Mapping[str, Any]) -> str | None:
    owner = entry.get("owned_by")
    return owner if isinstance(owner, str) else None


def _ok(seen: Mapping[str, Seen], path: str) -> bytes:
    answer = seen.get(path)
    return answer.body if answer is not None and answer.status == 200 else b""


def _field(seen: Mapping[str, Seen], path: str, name: str = "version") -> bool:
    """Whether the answer at a path is an object whose member ``name`` is a string."""
    value = _json(_ok(seen, path))
    return isinstance(value, dict) and isinstance(value.get(name), str)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
