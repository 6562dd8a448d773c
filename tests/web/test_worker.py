"""What the HTTP server itself refuses has the one shape of failures."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from app.open_files import most_connections
from app.web.worker import MESSAGES, Worker


@pytest.mark.parametrize("status", [*MESSAGES, 426])
def test_a_refusal_is_an_error_as_all_others(status: int) -> None:
    headers, body = Worker.refusal(Worker.__new__(Worker), status)
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == ("server_error" if status >= 500 else "invalid_request_error")
    assert error["code"] == (MESSAGES[status][1] if status in MESSAGES else None)
    named = dict(headers)
    assert named["content-type"] == "application/json"
    assert named["content-length"] == str(len(body))
    assert named["x-request-id"].startswith("req_")


def test_two_refusals_have_two_ids() -> None:
    worker = Worker.__new__(Worker)
    assert dict(worker.refusal(400)[0])["x-request-id"] != dict(worker.refusal(400)[0])["x-request-id"]


def test_its_bounds_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def made() -> Worker:
        worker = Worker(1, 1, [], None, 1, Config(), SimpleNamespace())
        worker.tmp.close()
        return worker

    monkeypatch.setenv("PARLEY_WRITE_TIMEOUT", "7")
    assert made().write_timeout == 7
    assert made().connections.most == most_connections()
    monkeypatch.setenv("PARLEY_MAX_CONNECTIONS", "3")
    assert made().connections.most == 3
