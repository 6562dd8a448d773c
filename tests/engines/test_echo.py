"""An echo's answer is bounded in characters too, for a token may have any number of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from app.chat import choices
from app.engines.echo import LONGEST, LONGEST_ANSWER, EchoEngine
from app.errors import ApiError, BadRequest

MOST = LONGEST_ANSWER // LONGEST


def _never(error: ApiError) -> None:
    raise error


async def asked(n: int, stream: bool, length: int = LONGEST, **fields: Any) -> list[Any]:
    """The choices of an answer with a single word, or the deltas of its stream."""
    request = {"messages": [{"role": "user", "content": "a" * length}], **fields}
    plan = await EchoEngine().prepare(request, _never)
    if not stream:
        return list((await choices.complete(plan, n)).choices)
    seen: list[Any] = []
    async with aclosing(choices.stream(plan, n)) as deltas:
        try:
            async for delta in deltas:
                seen.append(delta)
        except ApiError:
            assert not seen, "the stream has begun"
            raise
    return seen


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [MOST + 1, 128])
def test_choices_with_too_many_characters_are_refused_by_name(n: int, stream: bool) -> None:
    with pytest.raises(BadRequest, match=f"'n'.* {LONGEST_ANSWER} characters") as caught:
        asyncio.run(asked(n, stream, max_completion_tokens=10))
    assert (caught.value.param, caught.value.code) == ("n", "integer_above_max_value")


@pytest.mark.parametrize(("n", "length"), [(1, LONGEST), (MOST, LONGEST), (128, LONGEST_ANSWER // 128)])
def test_as_many_as_it_tells_are_given(n: int, length: int) -> None:
    answer = asyncio.run(asked(n, False, length))
    assert sum(len(choice.message["content"]) for choice in answer) == n * length


def test_what_is_cut_off_does_not_count() -> None:
    assert len(asyncio.run(asked(128, False, stop="aa"))) == 128
