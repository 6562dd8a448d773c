"""gunicorn's own log of requests, for those who set it: ``accesslog`` and its like.

The undocumented behaviour that it relies on: a logger's ``access`` gets an answer with ``status``, ``headers`` and
``sent``, a request with ``headers``, the variables of a CGI, and a time with ``seconds`` and ``microseconds``.
``access_log_enabled`` says whether it writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Protocol

from ..http1.cycle import Cycle


class Logger(Protocol):
    """gunicorn's logger."""

    @property
    def access_log_enabled(self) -> bool: ...
    def access(self, answer: Any, request: Any, variables: dict[str, str], took: timedelta) -> None: ...


def log_access(logger: Logger, cycle: Cycle, seconds: float) -> None:
    """Write the line of a request that was served within ``seconds``."""
    if not logger.access_log_enabled:
        return
    asked, scope = _texts(cycle.head.fields), cycle.scope
    variables = {
        "REQUEST_METHOD": scope["method"],
        "RAW_URI": cycle.head.target.decode("latin-1"),
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": str(scope["client"][0]) if scope["client"] else "-",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked},
    }
    answer = SimpleNamespace(status=cycle.status, headers=_texts(cycle.headers), sent=cycle.sent)
    logger.access(answer, SimpleNamespace(headers=asked), variables, timedelta(seconds=seconds))


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
