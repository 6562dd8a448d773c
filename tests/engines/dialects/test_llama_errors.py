"""llama.cpp's errors are told in our words, and nothing of theirs is told or logged."""

from __future__ import annotations

import logging

import pytest

from app.engines.dialects.llama_cpp import errors
from app.engines.transport.failures import Cause, Failed
from app.errors import ApiError, BadRequest, ContextLengthExceeded, EngineUnavailable, ServerError
from app.jsontypes import Json

TOO_LONG: Json = {"type": "exceed_context_size_error", "n_ctx": 9, "n_prompt_tokens": 10, "message": "SECRET"}
DAMAGED: Json = {"message": "Failed to load image or audio file"}


def failed(cause: Cause, status: int | None = None, told: Json | None = None) -> Failed:
    return Failed(cause, "x", ServerError("x"), status=status, told=told or {})


UNREAD = "The model produced output that does not match the expected peg-native format: SECRET"


@pytest.mark.parametrize(
    ("failure", "error", "code"),
    [
        (failed(Cause.STATUS, 400, TOO_LONG), ContextLengthExceeded, "context_length_exceeded"),
        (failed(Cause.STATUS, 400, DAMAGED), BadRequest, "image_parse_error"),
        (failed(Cause.STATUS, 400, {"type": "SECRET!", "message": "SECRET"}), errors.TemplateRefused, "invalid_value"),
        (failed(Cause.STATUS, 500, {"type": "server_error", "message": "SECRET"}), ServerError, "internal_error"),
        (failed(Cause.STATUS, 500, {"type": "server_error", "message": UNREAD}), errors.Unreadable, "internal_error"),
        (failed(Cause.STATUS, 503, {"message": "Loading model"}), EngineUnavailable, "engine_unavailable"),
        (failed(Cause.UNREACHABLE), EngineUnavailable, "engine_unavailable"),
        (failed(Cause.LOST), EngineUnavailable, "engine_unavailable"),
        (failed(Cause.BROKEN_OFF), EngineUnavailable, "engine_unavailable"),
        (failed(Cause.UNUSABLE), ServerError, "internal_error"),
    ],
    ids=range(10),
)
def test_a_failure_is_told_by_what_it_means(
    failure: Failed, error: type[ApiError], code: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "parley"):
        for explain in (errors.explain, errors.quietly):
            told = explain(failure)
            assert (type(told), told.code) == (error, code)
            assert "SECRET" not in told.message
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"choices": []}, None),
        ({"error": TOO_LONG | {"code": 400}}, ContextLengthExceeded),
        ({"error": {"code": 503}}, EngineUnavailable),
        ({"error": {"code": "SECRET", "type": ["SECRET"]}}, ServerError),
        ({"error": "SECRET"}, ServerError),
        ({"error": None}, ServerError),
    ],
    ids=str,
)
def test_an_error_in_an_event_is_told_as_one(event: Json, error: type[ApiError] | None) -> None:
    told = errors.error_of(event)
    assert (None if told is None else type(told)) is error
    assert told is None or "SECRET" not in told.message


def test_the_sizes_of_a_conversation_that_is_too_long_are_told() -> None:
    message = errors.refusal(400, TOO_LONG).message
    assert "9 tokens" in message
    assert "take 10" in message


def test_a_refusal_is_logged_by_its_kind_alone_where_the_client_is_not_told_all(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    with caplog.at_level(logging.WARNING, "parley"):
        errors.explain(failed(Cause.STATUS, 400, TOO_LONG))
        errors.explain(failed(Cause.STATUS, 400, DAMAGED))
        errors.quietly(failed(Cause.STATUS, 500, {"type": "server_error"}))
        errors.explain(failed(Cause.STATUS, 500, {"type": "server_error", "message": "SECRET"}))
        errors.explain(failed(Cause.STATUS, 400, {"type": "SECRET!"}))
    assert [record.getMessage() for record in caplog.records] == [
        "llama.cpp refused a request with status 500 and type server_error",
        "llama.cpp refused a request with status 400 and type unknown",
    ]
