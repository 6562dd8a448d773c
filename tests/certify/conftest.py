"""The contract's rules, and probes by their names."""

from __future__ import annotations

import pytest

from app.certify.rules import Rules
from app.contract.document import Document


@pytest.fixture(scope="session")
def rules(document: Document) -> Rules:
    return Rules(document)
