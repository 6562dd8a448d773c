"""Encodes the bodies of requests to engines."""

from __future__ import annotations

import json

import orjson

from ...jsontypes import Json

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def encode(body: Json) -> bytes:
    """Encode a body as JSON. A lone surrogate, which JSON can express but UTF-8 cannot, becomes a question mark.

    Raises:
        ValueError: the body has a number that JSON cannot represent.
    """
    try:
        return orjson.dumps(body)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        return _to_json(body).encode("utf-8", "replace")
