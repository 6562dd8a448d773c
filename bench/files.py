"""Lets the bench and the servers that it starts open as many files as it needs."""

from __future__ import annotations

import resource


def allow_files(count: int) -> None:
    """Raise the soft limit to ``count``, or as far as the hard one lets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
