"""Replicas over HTTP in memory."""

from __future__ import annotations

from typing import Any

import pytest

from app.engines.transport import patience, retrying, session

from .memory import Http
from .opened import Answer, Open, Opened


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Makes replicas; start them on the loop that uses them. Nobody waits before a request is repeated."""
    monkeypatch.setattr(retrying, "pause", lambda retry: 0.0)
    monkeypatch.setattr(patience, "_PAUSE", 0.0)

    def make(
        *answers: Answer,
        urls: tuple[str, ...] = ("http://a/v1",),
        supervised: bool = False,
        **options: Any,
    ) -> Opened:
        made = Opened(Http(*answers), urls, supervised, options)
        monkeypatch.setattr(session, "acquire", lambda socket=None: made.http)
        monkeypatch.setattr(session, "release", lambda socket=None: None)
        return made

    return make
