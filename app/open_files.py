"""The limit on open files of the process and of those that it forks. Each connection is an open file."""

from __future__ import annotations

import contextlib
import resource

# What a worker needs for 2,000 relayed streams: two connections each, to client and upstream, and its own files.
_OWN = 100
ENOUGH = 2 * 2_000 + _OWN

# The most client connections that a worker accepts, however many files it may open: each costs memory too.
_MOST_CONNECTIONS = 4096

# Some containers have practically no limit. Programs that loop over all possible descriptors would then never finish.
_MOST = 1 << 20


def raise_open_files() -> str | None:
    """Raise the soft limit to the hard one, at most to `_MOST`; this needs no privilege. Return a sentence for the log
    if the limit stays below `ENOUGH`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS has its own limit below an infinite hard limit, and raises an error if it is exceeded.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    left = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if left == resource.RLIM_INFINITY or left >= ENOUGH:
        return None
    return (
        f"a process may open {left} files, which is too few for 2,000 relayed streams with two connections each; raise "
        f"the hard limit (ulimit -Hn, LimitNOFILE= of systemd, ulimits of a container) to {ENOUGH} or more"
    )


def most_connections() -> int:
    """Return how many client connections the limit allows if each may need another connection to an upstream."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(min((limit - _OWN) // 2, _MOST_CONNECTIONS), 1)
