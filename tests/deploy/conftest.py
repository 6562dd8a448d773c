"""The checkout as it is installed from."""

from __future__ import annotations

from pathlib import Path

import pytest

from .context import copy_context


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout as Docker's builder would get it."""
    folder = tmp_path_factory.mktemp("context")
    copy_context(folder)
    return folder
