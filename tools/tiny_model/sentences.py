"""The sentences that the corpus is made of, from the files in ``texts/``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_TEXTS = Path(__file__).parent / "texts"


@cache
def sentences(name: str) -> dict[str, Any]:
    """What the file of that name says."""
    return tomllib.loads((_TEXTS / f"{name}.toml").read_text(encoding="utf-8"))
