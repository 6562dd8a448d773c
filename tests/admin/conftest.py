"""The operators' application on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.address import Address

from ..store.fixtures import address, database_url, postgresql_server
from .operating import Operator, operating

__all__ = ["address", "database_url", "postgresql_server"]


@pytest.fixture
def operator(address: Address, tmp_path: Path) -> Iterator[Operator]:
    """An operator of a new server, on each database in turn."""
    with operating(address, tmp_path) as found:
        yield found
