"""Answers with embeddings, which have the token counts of a chat completion and no choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...jsontypes import Json
from ..values import members


def whole(content: Any) -> Json:
    """An answer as it is."""
    return members(content)


def joined(events: Sequence[Any]) -> Json:
    """Nothing: vectors do not come in pieces."""
    return {}
