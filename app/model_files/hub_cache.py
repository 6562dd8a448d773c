"""Finds files that are already in the cache of huggingface_hub, without network access.

Its layout is documented: https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ..errors import ConfigurationError
from .reference import Reference

# Must equal the requirement in setup.cfg; a test checks that.
REQUIREMENT = "huggingface_hub~=2.4"


def check_package() -> None:
    """Check that huggingface_hub is installed.

    Raises:
        ConfigurationError: it is not.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ConfigurationError(
            "Models on a hub need the extra hub: pip install 'parley[hub]', or in a checkout: "
            f"{sys.executable} -m pip install {REQUIREMENT}"
        )


def repository(reference: Reference) -> Path:
    """Return the folder of a repository in the cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{reference.repo.replace('/', '--')}"


def cached(reference: Reference) -> Path | None:
    """Return the file of a reference in the newest revision that the cache knows; None if it is missing there, or
    incomplete."""
    folder = repository(reference)
    commit = reference.revision
    if not reference.is_pinned:
        try:
            commit = (folder / "refs" / reference.revision).read_text().strip()
        except OSError:
            return None
    snapshot = folder / "snapshots" / commit
    files = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]
    try:
        return snapshot / reference.choose(files)[0]
    except ConfigurationError:
        return None
