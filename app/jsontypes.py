"""The types of JSON values, by one name each."""

from __future__ import annotations

from typing import Any

# A JSON object whose members are for the contract to describe, not for Python.
Json = dict[str, Any]

# Where a value stands in another one: names of members and indexes of items, from the outside in.
JsonPath = tuple[str | int, ...]
