"""The limit of open files of the process and of those that it forks: each connection is one."""

from __future__ import annotations

import contextlib
import resource

# What a worker needs for 2,000 relayed streams: a connection to the client and one to the upstream each, and its own.
_OWN = 100
ENOUGH = 2 * 2_000 + _OWN

# Connections of clients that a worker takes, however many files it may open: each costs memory too.
_MOST_CONNECTIONS = 4096

# Where a container has no limit to speak of, programs that walk through all possible files would take forever.
_MOST = 1 << 20


def raise_open_files() -> str | None:
    """Raise the soft limit to the hard one, as anyone may. A sentence for the log if it stays below `ENOUGH`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS has a limit of its own below an infinite one, and says only that it is passed.
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
    """How many connections of clients the limit leaves room for, when each may need another one to an upstream."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(min((limit - _OWN) // 2, _MOST_CONNECTIONS), 1)
