"""Reads the embeddings in answers of servers of any dialect. This module does no I/O."""

from __future__ import annotations

import base64
import binascii
import math
from array import array
from collections.abc import Sequence
from typing import Any

from ...errors import UpstreamFailed
from ...jsontypes import Json
from ..base import Embedded
from .drift import Drift
from .reading import error_of, parse


def read_vectors(
    data: bytes, count: int, drift: Drift, *, dimensions: int | None = None, secrets: tuple[str, ...] = ()
) -> Embedded:
    """Return the vectors of an answer for ``count`` texts. ``dimensions`` is the required length of each; None: all
    must have the same length.

    Raises:
        UpstreamFailed: there is not one vector for each text, one is invalid, or the answer does not report the tokens.
        ApiError: the answer reports an error.
    """
    answer = parse(data)
    error = error_of(answer, secrets)
    if error is not None:
        raise error
    listed = answer.get("data")
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise UpstreamFailed("The upstream's answer has no embeddings.")
    if len(listed) != count:
        raise UpstreamFailed("The upstream's answer does not have exactly one embedding for each text.")
    vectors = [_vector(entry.get("embedding"), drift) for entry in _in_order(listed, drift)]
    lengths = {len(vector) // 4 if isinstance(vector, bytes) else len(vector) for vector in vectors}
    if dimensions is not None and lengths != {dimensions}:
        drift.count("not_honoured.dimensions")
        raise UpstreamFailed(
            "The model's engine does not honour 'dimensions': its embeddings have another length.", param="dimensions"
        )
    if len(lengths) != 1 or 0 in lengths:
        raise UpstreamFailed("The upstream's answer has embeddings of different lengths, or empty ones.")
    return Embedded(vectors, _tokens(answer.get("usage"), drift))


def _in_order(listed: list[Json], drift: Drift) -> list[Json]:
    """Return the entries in the order of their texts."""
    indices = [entry.get("index") for entry in listed]
    if all(index is None for index in indices):
        drift.count("index_missing")
        return listed
    if indices == [*range(len(listed))]:
        return listed
    by_index = {entry["index"]: entry for entry in listed if isinstance(entry.get("index"), int)}
    if by_index.keys() != set(range(len(listed))):
        raise UpstreamFailed("The upstream's answer does not say which embedding belongs to which text.")
    drift.count("embeddings_out_of_order")
    return [by_index[index] for index in range(len(listed))]


def _vector(embedding: Any, drift: Drift) -> Sequence[float] | bytes:
    if isinstance(embedding, str):
        try:
            data = base64.b64decode(embedding, validate=True)
            numbers: Sequence[Any] = array("f", data)
        except (binascii.Error, ValueError):
            raise UpstreamFailed("The upstream's answer has an embedding in base64 that cannot be read.") from None
    else:
        # Some servers return a list of vectors, one per token; if there is only one, the meaning is certain.
        if isinstance(embedding, list) and len(embedding) == 1 and isinstance(embedding[0], list):
            drift.count("embedding_nested")
            embedding = embedding[0]
        if not isinstance(embedding, list) or not set(map(type, embedding)) <= {int, float}:
            raise UpstreamFailed("The upstream's answer has an embedding that is not a list of numbers.")
        data, numbers = b"", embedding
    # A sum with an infinity or a NaN is not finite either.
    if not math.isfinite(sum(numbers)):
        raise UpstreamFailed("The upstream's answer has an embedding with an infinite number or NaN.")
    return data or numbers


def _tokens(usage: Any, drift: Drift) -> int:
    told = usage if isinstance(usage, dict) else {}
    counts = [told.get(name) for name in ("prompt_tokens", "total_tokens")]
    found = next((count for count in counts if isinstance(count, int) and not isinstance(count, bool)), None)
    if found is None or found < 0:
        raise UpstreamFailed("The upstream's answer does not report how many tokens the texts have.")
    if counts[0] != counts[1]:
        drift.count("usage_total_wrong")
    return found
