"""What the HTTP server itself refuses has the one shape of failures."""

from __future__ import annotations

import json

import pytest

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
