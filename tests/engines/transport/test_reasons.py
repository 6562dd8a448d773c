"""A reason of an upstream is one short line without addresses, keys and files, and says of whom it speaks."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from app.engines.transport import reasons
from app.engines.transport.failures import Verdict, error_object, failed_by_status
from app.errors import UpstreamRefused

SAID = {
    # addresses
    "No model at http://10.0.0.7:8000/v1/chat, ask it.": "No model at …, ask it.",
    "Cannot connect to host vllm-0.models.svc:8000 ssl:default": "Cannot connect to host … ssl:default",
    "HTTPConnectionPool(host='10.1.2.3', port=80)": "HTTPConnectionPool(…, port=80)",
    "10.1.2.3:80 and [fe80::1]:9000 are gone": "… and … are gone",
    "worker-7:5000 said no": "… said no",
    "ask llm.example.com or llm.corp": "ask … or …",
    # keys
    "Incorrect API key provided: sk-proj-abcdefgh12345678.": "Incorrect API key provided: ….",
    "Rate limit in organization org-AbC123dEf456": "Rate limit in organization …",
    "key hf_abcdefgh12345678 or AIza" + "b" * 30: "key … or …",
    "got api_key=abc, password: 'x y'": "got …, … y'",
    "Authorization Bearer abc.def-ghi": "Authorization …",
    "token " + "a1" * 30 + " is bad": "token … is bad",
    # files
    "cannot open /srv/models/a.gguf now": "cannot open … now",
    "cannot open C:\\models\\a.gguf now": "cannot open … now",
    # what stays
    "max_tokens must be at least 1, got 0.": "max_tokens must be at least 1, got 0.",
    "required_fields of organization-level requests_per_minute": (
        "required_fields of organization-level requests_per_minute"
    ),
    "image/png is and/or was 1.5, at 10:30": "image/png is and/or was 1.5, at 10:30",
    "at /messages/0/content: a text is wanted": "at /messages/0/content: a text is wanted",
    "image input is not supported - hint: you may need to provide the mmproj": (
        "image input is not supported - hint: you may need to provide the mmproj"
    ),
    # one line
    "a\n\x1b[31mb\ud83d": "a [31mb",
    # what was sent, and what others put around it
    "1 error: {'type': 'missing', 'loc': ('body',), 'msg': 'Field required', 'input': {'a': 'secret'}}": (
        "1 error: {'type': 'missing', 'loc': ('body',), 'msg': 'Field required'"
    ),
    "messages Field required [type=missing, input_value={'secret'}, input_type=dict]": "messages Field required",
    "litellm.BadRequestError: OpenAIException - No good.. Received Model Group=g\nAvailable Model Group=x": "No good",
    'litellm.BadRequestError: VllmException - {"error":{"message":"No good.","code":400}}': "No good.",
    "Error code: 400 - {'error': {'message': 'No good.', 'type': 'x'}}": "No good.",
    "Traceback (most recent call last):\n a": "",
}


@pytest.mark.parametrize("said", SAID, ids=range(len(SAID)))
def test_a_reason_is_cleaned(said: str) -> None:
    assert reasons.clean(said) == SAID[said]


def test_a_reason_is_short_and_quickly_cleaned() -> None:
    assert len(reasons.clean("a b " * 10_000)) == reasons.LONGEST
    for text in (
        "a" * 100_000,
        "a1/" * 50_000,
        "a.b-" * 50_000,
        "://" * 9_999,
        "host=" * 9_999,
        "{" * 99_999,
        ", " * 9_999,
    ):
        begun = time.process_time()
        assert len(reasons.clean(text)) <= reasons.LONGEST
        assert time.process_time() - begun < 0.5
    assert [reasons.clean(value) for value in (None, 7, ["a"], {"a": 1})] == [""] * 4


def test_secrets_that_are_configured_are_cut_out_wherever_they_stand() -> None:
    assert reasons.clean("we know hunter2, hunter2!", ("hunter2",)) == "we know …, …!"


OF_THE_REQUEST: list[Any] = [
    {"message": "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"},
    {"message": "audio input is not supported"},
    {"message": "registry.ollama.ai/library/a does not support tools"},
    {"message": "Unsupported param: echo"},
    {"message": "Failed to parse tools: Unsupported tool type"},
    {"message": "Conversation roles must alternate user/assistant/user/assistant/..."},
    {"message": "Unexpected keys in the request: {'logit_bias'}"},
    {"message": "litellm.UnsupportedParamsError: no"},
    {"message": "no", "type": "BadRequestError"},
    {"message": "no", "code": "400"},
    {"message": "This model's maximum context length is 10 tokens."},
]
OF_THE_SERVER: list[Any] = [
    {"message": "CUDA error: the function is not supported on this device"},
    {"message": "CUDA error: operation not supported"},
    {"message": "Internal Server Error", "type": "InternalServerError", "code": 500},
    {"message": "EngineCore encountered an issue. See stack trace (above) for the root cause."},
    {"message": "out of memory"},
    {"message": ["image input is not supported"], "type": ["a"], "code": {}},
]


@pytest.mark.parametrize("error", OF_THE_REQUEST, ids=str)
def test_a_500_that_speaks_of_the_request_is_a_400_with_its_reason_and_says_nothing_of_the_replica(error: Any) -> None:
    failed = failed_by_status(500, {}, json.dumps({"error": error}).encode())
    assert isinstance(failed.error, UpstreamRefused)
    assert (failed.error.status, failed.verdict, failed.repeatable) == (400, Verdict.SOUND, False)
    assert failed.error.message == reasons.clean(error["message"])


@pytest.mark.parametrize("error", OF_THE_SERVER, ids=str)
def test_a_500_that_speaks_of_the_server_is_its_own(error: Any) -> None:
    failed = failed_by_status(500, {}, json.dumps({"error": error}).encode())
    assert (failed.error.status, failed.verdict) == (502, Verdict.FAULTY)
    assert "Retry" not in failed.error.message
    assert reasons.clean(error["message"]).rstrip(".") in failed.error.message


@pytest.mark.parametrize(
    "detail", [{"message": "No."}, {"error": {"message": "No."}}, {"error": "No."}, "No.", [{"msg": "No."}]], ids=str
)
def test_a_detail_of_fastapi_has_the_reason_in_any_form(detail: Any) -> None:
    assert error_object(json.dumps({"detail": detail}).encode())["message"] == "No."
