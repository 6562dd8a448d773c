"""The type of JSON objects, by one name."""

from __future__ import annotations

from typing import Any

# A JSON object whose members are for the contract to describe, not for Python.
Json = dict[str, Any]
