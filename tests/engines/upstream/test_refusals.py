"""What an upstream refuses is told in its words; what is the operator's to mend is no fault of the client's."""

from __future__ import annotations

import email.utils
import json
import logging
import time
from typing import Any

import pytest

from app.engines.transport.failures import error_object
from app.engines.transport.replicas import Replicas
from app.errors import ApiError, EngineUnavailable, RateLimited, UpstreamFailed, UpstreamRefused, UpstreamTimeout
from app.web.conventions import envelope
from app.web.sse import to_json

from .playing import KEY, played, post, stream
from .scripted import Scripted, whole

pytestmark = pytest.mark.live

OPENAI = {"message": "Bad 'stop'.", "type": "invalid_request_error", "param": "stop", "code": "invalid_value"}


def refused(value: Any, status: int = 400, ask: Any = post, **headers: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        played(whole(value, status, **headers), use=ask)
    to_json(envelope(caught.value))  # it can be sent
    return caught.value


def told(error: ApiError) -> Any:
    return envelope(error)["error"]


@pytest.mark.parametrize("ask", [post, stream], ids=["whole", "stream"])
@pytest.mark.parametrize(("given", "status"), [(400, 400), (413, 413), (409, 400), (422, 400)])
def test_a_refusal_is_passed_on_in_our_envelope(ask: Any, given: int, status: int) -> None:
    error = refused({"error": OPENAI}, given, ask)
    assert isinstance(error, UpstreamRefused)
    assert (error.status, told(error), error.error) == (status, OPENAI, OPENAI)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # older vLLM and SGLang
        (
            {"object": "error", "message": "No.", "type": "BadRequestError", "param": None, "code": 400},
            {"message": "No.", "type": "BadRequestError", "param": None, "code": "400"},
        ),
        # Ollama
        ({"error": "No."}, {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}),
        # FastAPI
        (
            {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required", "input": "what was sent"}]},
            {"message": "Field required", "type": "invalid_request_error", "param": "messages.0", "code": None},
        ),
        ({"detail": "No."}, {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}),
        # what is no text is left out
        (
            {"error": {"message": ["No."], "type": 5, "param": {"a": 1}, "code": True}},
            {
                "message": "The model's engine refused the request and does not say why.",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            },
        ),
    ],
)
def test_the_errors_of_other_engines_are_understood(body: Any, expected: Any) -> None:
    assert told(refused(body)) == expected


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"text"', b"null", b"\xff", b"[" * 100_000])
def test_a_refusal_without_an_error_object_is_one_all_the_same(body: bytes) -> None:
    error = refused(body)
    assert (error.status, told(error)["message"]) == (
        400,
        "The model's engine refused the request and does not say why.",
    )


def test_what_a_refusal_says_is_cut_and_cleaned() -> None:
    error = refused(
        {"error": {"message": "a\n\x1b[31m\ud83d " + "x " * 9999, "code": "a b\n", "type": "c\nd", "param": "p" * 999}}
    )
    assert len(error.message) == 300
    assert error.message.startswith("a [31m x x")
    assert error.code is None
    assert error.type == "invalid_request_error"
    assert error.param is not None
    assert len(error.param) == 200


def test_an_error_that_has_no_end_is_cut() -> None:
    assert refused(b" " * (8 << 20)).status == 400


def test_key_and_address_are_cut_out_of_what_an_upstream_says() -> None:
    async def use(replicas: Replicas, upstream: Scripted) -> None:
        message = f"{KEY} is no good at {upstream.base_url}/x, see 127.0.0.1:{upstream.port}"
        upstream.answers = [whole({"error": {"message": message, "param": KEY, "code": KEY, "type": KEY}}, 400)]
        with pytest.raises(UpstreamRefused) as caught:
            await post(replicas)
        assert caught.value.message == "… is no good at …/x, see …"
        assert caught.value.error["message"] == caught.value.message
        assert (caught.value.param, caught.value.code, caught.value.type) == ("…", None, "invalid_request_error")

    played(whole({}), use=use)


@pytest.mark.parametrize("status", [401, 402, 403, 407])
def test_a_key_that_the_upstream_refuses_is_the_operators_to_mend(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "parley"):
        error = refused({"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}, status)
    assert isinstance(error, UpstreamFailed)
    assert (error.status, error.code, error.headers) == (502, "upstream_error", {})
    assert "operator must fix the key" in error.message
    assert KEY not in error.message
    reason = "it does not accept our key or account: Incorrect API key provided: …"
    assert f"upstream of m, replica 1 of 1: status {status}: {reason}" in caplog.messages
    assert KEY not in caplog.text


def test_credit_that_is_used_up_is_the_operators_to_mend() -> None:
    error = refused({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429)
    assert error.status == 502


@pytest.mark.parametrize("status", [404, 405, 410, 415])
def test_a_model_or_path_that_the_upstream_does_not_know_is_the_operators_to_mend(status: int) -> None:
    error = refused({"error": {"message": "The model `x` does not exist.", "code": "model_not_found"}}, status)
    assert (error.status, error.code) == (502, "upstream_error")
    assert "operator must fix the configuration" in error.message
    assert "`x`" not in error.message


def test_a_404_that_names_a_parameter_is_about_the_request() -> None:
    error = refused({"error": {"message": "No such response.", "param": "previous", "code": "not_found"}}, 404)
    assert (error.status, told(error)["param"]) == (404, "previous")
    assert refused({"error": {"message": "No such model.", "param": "model"}}, 404).status == 502


@pytest.mark.parametrize("status", [301, 500, 502, 599])
def test_a_failure_of_the_upstream_is_a_bad_gateway_with_its_reason(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "parley"):
        error = refused({"error": {"message": "No room in /secret/path"}}, status)
    assert (error.status, error.code) == (502, "upstream_error")
    if status >= 400:
        assert "failed to answer: No room in …." in error.message
        assert f"upstream of m, replica 1 of 1: status {status}: No room in …" in caplog.messages
    assert "secret" not in error.message
    # Only a gateway's failure passes by itself.
    assert ("Retry" in error.message) == (status == 502)


@pytest.mark.parametrize("body", [{}, {"error": {"message": "Traceback (most recent call last): x"}}], ids=str)
def test_a_failure_that_gives_no_reason_says_just_that(body: Any) -> None:
    assert refused(body, 500).message == "The model's engine failed to answer."


@pytest.mark.parametrize(("status", "said"), [(503, "cannot answer now: Loading"), (429, "too many requests: Loading")])
def test_a_failure_of_the_moment_has_its_reason_and_says_to_come_again(status: int, said: str) -> None:
    error = refused({"error": {"message": "Loading model."}}, status)
    assert f"{said} model. Retry" in error.message


@pytest.mark.parametrize("status", [408, 504])
def test_an_upstream_that_gave_up_waiting_is_a_timeout(status: int) -> None:
    assert isinstance(refused({}, status), UpstreamTimeout)


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("Retry-After", "30", "30"),
        ("Retry-After", "0.5", "1"),
        ("Retry-After", "1000000", "3600"),
        ("retry-after-ms", "2500", "3"),
        ("Retry-After", "soon", None),
        ("Retry-After", "-1", None),
        ("Retry-After", "nan", None),
        ("Retry-After", "9" * 400, None),
        ("Retry-After", "Fri, 99 Abc 2026", None),
    ],
)
def test_retry_after_is_passed_on_within_bounds(name: str, value: str, seconds: str | None) -> None:
    error = refused({}, 429, **{name: value})
    assert isinstance(error, RateLimited)
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert error.headers["retry-after"] == (seconds or "1")
    error = refused({}, 503, **{name: value})
    assert isinstance(error, EngineUnavailable)
    assert error.headers["retry-after"] == (seconds or "1")


def test_retry_after_may_be_a_date() -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    assert 95 <= int(refused({}, 429, Retry_After=date).headers["retry-after"]) <= 101
    assert refused({}, 429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT").headers["retry-after"] == "0"


def test_an_error_object_of_any_shape_is_read_without_failing() -> None:
    values: list[Any] = [
        {"error": None},
        {"error": 5},
        {"detail": []},
        {"detail": [5]},
        {"detail": [{"loc": 5}]},
        5,
        None,
    ]
    for value in values:
        assert isinstance(error_object(json.dumps(value).encode()), dict)
