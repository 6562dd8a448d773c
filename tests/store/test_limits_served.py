"""Limits of a real server, as the openai SDK meets them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from tests.live import Server, free_port, serve
from tests.patience import wait_until

from .load import send_all
from .test_scale import parley
from .test_serving import records

pytestmark = [pytest.mark.live, pytest.mark.long]

MODEL = "parley-echo"


class Limited:
    """A server with a database, and its command line."""

    def __init__(self, server: Server, state: Path) -> None:
        self.server = server
        self.url = f"sqlite:///{state / 'parley.sqlite3'}"
        self._state = str(state)

    def parley(self, *arguments: str) -> str:
        return parley(*arguments, PARLEY_STATE_DIR=self._state)

    def client(self, key: str, *, retries: int = 0) -> openai.OpenAI:
        return openai.OpenAI(api_key=key, base_url=self.server.base, max_retries=retries)


def limited(state: Path, **env: str | None) -> Iterator[Limited]:
    parley("db", "init", PARLEY_STATE_DIR=str(state))
    env = {"PARLEY_STATE_DIR": str(state), "PARLEY_KEY_CACHE": "0.2", "PARLEY_ECHO_DELAY": "0.02", **env}
    with serve("echo", env, ["--workers", "2"]) as server:
        yield Limited(server, state)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    yield from limited(tmp_path_factory.mktemp("limited"))


def ask(client: openai.OpenAI, text: str = "Hello") -> str | None:
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": text}])
    return answer.choices[0].message.content


def test_the_sdk_s_own_retry_succeeds_once_the_limit_allows_it(served: Limited) -> None:
    key = served.parley("keys", "create", "retries", "--limit", "requests_per_minute=1")
    client = served.client(key)
    assert ask(client) == "Hello"
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)
    headers = caught.value.response.headers
    assert caught.value.code == "rate_limit_exceeded"
    wait = float(headers["retry-after-ms"]) / 1000
    assert 0 < wait <= 60  # the SDK does not wait for longer
    assert int(headers["retry-after"]) - wait < 1.001
    begun = time.monotonic()
    assert ask(served.client(key, retries=1), "Again") == "Again"
    assert time.monotonic() - begun >= wait - 1.5


def test_an_answer_s_headers_say_what_is_left(served: Limited) -> None:
    key = served.parley(
        "keys", "create", "told", "--limit", "requests_per_minute=10", "--limit", "tokens_per_minute=100000"
    )
    raw = served.client(key).chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": "Hello"}], max_completion_tokens=10
    )
    headers = raw.headers
    assert headers["x-ratelimit-limit-requests"] == "10"
    assert headers["x-ratelimit-remaining-requests"] == "9"
    assert headers["x-ratelimit-limit-tokens"] == "100000"
    assert 99_900 < int(headers["x-ratelimit-remaining-tokens"]) < 100_000
    assert headers["x-ratelimit-reset-requests"].endswith(("s", "ms"))


def test_what_asks_for_more_than_a_limit_ever_allows_is_refused_at_once(served: Limited) -> None:
    key = served.parley("keys", "create", "large", "--limit", "tokens_per_minute=100")
    client = served.client(key, retries=5)
    with pytest.raises(openai.RateLimitError, match="max_completion_tokens") as caught:
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}], max_completion_tokens=5000
        )
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert ask(client) == "Hello"  # without a limit of its own it may run


def test_tokens_of_clients_that_leave_are_counted(served: Limited) -> None:
    key = served.parley("keys", "create", "leaver", "--budget-tokens", "100000")
    asyncio.run(send_all(served.server.base, key, ["leaves"] * 4))

    def counted() -> bool:
        mine = [row for row in records(served.url).values() if row["key"] == "leaver" and row["left"]]
        return len(mine) == 4 and all(row["completion_tokens"] >= 3 and row["prompt_tokens"] > 0 for row in mine)

    wait_until(counted, "clients that have left are not counted")


def test_a_budget_ends_with_insufficient_quota(served: Limited) -> None:
    key = served.parley("keys", "create", "budget", "--budget-tokens", "12")
    client = served.client(key, retries=3)
    words = "one two three four five six"
    assert ask(client, words) == words  # six tokens and six more
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)
    assert caught.value.code == "insufficient_quota"


def test_requests_at_once_are_limited_until_one_has_ended(served: Limited) -> None:
    key = served.parley("keys", "create", "at-once", "--limit", "concurrent_requests=1")
    client = served.client(key)
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "word " * 500}], stream=True
    )
    next(stream)
    with pytest.raises(openai.RateLimitError):
        ask(client)
    stream.close()

    def free() -> bool:
        try:
            return ask(client) == "Hello"
        except openai.RateLimitError:
            return False

    wait_until(free, "the place of a stream whose client has left is not free")


def test_a_model_and_a_project_have_limits_too(served: Limited) -> None:
    key = served.parley("keys", "create", "of-project", "--project", "small")
    served.parley("limits", "set", "project", "small", "requests_per_minute=1")
    client = served.client(key)

    def refused() -> bool:
        try:
            ask(client)
        except openai.RateLimitError:
            return True
        return False

    wait_until(refused, "the limit of a project does not hold")


def test_a_model_that_answers_instead_keeps_to_its_limits_and_the_first_is_not_counted_with_its_tokens(
    tmp_path: Path,
) -> None:
    config = tmp_path / "parley.toml"
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    config.write_text(
        f"[models.first]\nengine = 'upstream'\nbase_urls = ['{nowhere}']\nfallbacks = ['instead']\n"
        "dialect = 'openai'\n\n[models.instead]\nengine = 'echo'\n"
    )
    for found in limited(tmp_path, PARLEY_CONFIG=str(config), PARLEY_ENGINE=None, PARLEY_ECHO_DELAY=None):
        key = found.parley("keys", "create", "k")
        found.parley("limits", "set", "model", "instead", "requests_per_minute=2")
        found.parley("limits", "set", "model", "first", "tokens_per_minute=100")
        time.sleep(1)  # until the workers have read them
        statuses = []
        client = found.client(key)
        for _ in range(3):
            try:
                made = client.chat.completions.create(
                    model="first",
                    messages=[{"role": "user", "content": "one two three " * 8}],
                    max_completion_tokens=30,
                )
                statuses.append((200, made.model))
            except openai.APIStatusError as error:
                statuses.append((error.status_code, error.code or ""))
        # None of the 100 tokens of the first model is used up: each request may take 50 to 70 of them.
        assert statuses == [(200, "instead"), (200, "instead"), (503, "engine_unavailable")]


def test_a_shadow_counts_and_lets_pass(tmp_path: Path) -> None:
    for served in limited(tmp_path, PARLEY_LIMITS="shadow"):
        key = served.parley("keys", "create", "shadow", "--limit", "requests_per_minute=2")
        client = served.client(key)
        assert [ask(client) for _ in range(4)] == ["Hello"] * 4
        assert "key requests_per_minute" in served.server.log_line("limit=")
