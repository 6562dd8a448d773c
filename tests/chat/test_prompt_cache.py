"""What a server does with the parameters of the prompt cache, over HTTP and for several clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ..live import Server, serve

pytestmark = pytest.mark.live

KEYS = ("sk-test-of-one-client", "sk-test-of-another")


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Server]:
    """A server of two workers for two clients."""
    with serve("llama", {"PARLEY_API_KEYS": ",".join(KEYS)}, ["-w", "2"]) as server:
        yield server


def _ask(server: Server, word: str, *, client: int = 0, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"{word} and nothing but {word}. " * 12}]
    body = {"model": "parley-tiny", "messages": messages, "max_tokens": 2, **more}
    headers = {"authorization": f"Bearer {KEYS[client]}"}
    answer = server.request("POST", "/v1/chat/completions", body=body, headers=headers)
    told: dict[str, Any] = answer.json()
    return told


def _cached(server: Server, word: str, **more: Any) -> int:
    count: int = _ask(server, word, **more)["usage"]["prompt_tokens_details"]["cached_tokens"]
    return count


def test_a_conversation_with_a_key_is_known_to_every_worker_though_others_run_between(two_workers: Server) -> None:
    _ask(two_workers, "apple", prompt_cache_key="mine")
    for turn in range(8):
        for other in ("pear", "plum", "fig", "quince", "cherry"):
            _ask(two_workers, f"{other} {turn}")
        assert _cached(two_workers, "apple", prompt_cache_key="mine") > 80


def test_a_client_cannot_find_out_by_a_key_what_another_client_sent(two_workers: Server) -> None:
    _ask(two_workers, "secret", prompt_cache_key="shared")
    assert _cached(two_workers, "secret", prompt_cache_key="shared", client=1) == 0
    assert _cached(two_workers, "secret", client=1) < 10
    assert _cached(two_workers, "secret", prompt_cache_key="shared") > 80


@pytest.mark.parametrize(
    "neutral", [{"prompt_cache_retention": "in_memory"}, {"prompt_cache_options": {"mode": "implicit"}}]
)
def test_what_the_cache_does_anyway_may_be_asked_for(two_workers: Server, neutral: dict[str, Any]) -> None:
    assert _ask(two_workers, "apple", **neutral)["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention"),
        ({"prompt_cache_options": {"ttl": "30m"}}, "prompt_cache_options"),
        ({"prompt_cache_options": {"mode": "explicit"}}, "prompt_cache_options"),
    ],
)
def test_what_the_cache_cannot_promise_is_refused_by_name(
    two_workers: Server, asked: dict[str, Any], param: str
) -> None:
    error = _ask(two_workers, "apple", **asked)["error"]
    # A nested part of it may be named.
    assert error["param"].startswith(param)
    assert error["code"] == "unsupported_parameter"


def test_the_service_tier_that_was_served_comes_back(two_workers: Server) -> None:
    for asked in ({}, {"service_tier": "auto"}, {"service_tier": "default"}, {"service_tier": None}):
        assert _ask(two_workers, "apple", **asked)["service_tier"] == "default"
