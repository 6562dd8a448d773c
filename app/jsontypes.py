"""One name for the type of JSON objects."""

from __future__ import annotations

from typing import Any

# A JSON object. The contract describes its members; Python's types do not.
Json = dict[str, Any]
