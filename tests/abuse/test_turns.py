"""A key with many requests waiting at a real model does not keep out one with a single request."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from ..live import serve
from ..patience import wait_until
from .families import MODEL, chat
from .target import Target

_MANY = 80


@pytest.mark.live
@pytest.mark.parametrize(
    "bound", [{}, {"PARLEY_MAX_IN_FLIGHT": "1", "PARLEY_MAX_WAITING": "100"}], ids=["slots", "limiter"]
)
def test_a_single_request_is_answered_before_most_of_many_that_came_before_it(bound: dict[str, str]) -> None:
    env = {"PARLEY_MODEL_ID": MODEL, "PARLEY_MODEL_SLOTS": "1", "PARLEY_API_KEYS": "sk-greedy,sk-modest", **bound}
    long = chat("Tell me a joke.", max_tokens=200)
    with serve("llama", env) as server, ThreadPoolExecutor(_MANY) as pool:
        greedy = Target(server.port, "sk-greedy")
        asked: list[Future[int]] = [pool.submit(greedy.post, long) for _ in range(_MANY)]

        def answered() -> int:
            return sum(one.done() for one in asked)

        wait_until(answered, "none of the many is answered")
        assert replace(greedy, key="sk-modest").post(chat(max_tokens=1)) == 200
        before = answered()
        assert {one.result() for one in asked} == {200}
    assert before < _MANY / 2
