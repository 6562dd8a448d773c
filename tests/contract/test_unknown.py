"""A body without what its schema does not know: in bounded work, and only where nothing else is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.document import Document
from app.contract.faults import Validator
from app.contract.schemas import Schemas
from app.contract.unknown import without_unknown
from app.errors import BadRequest

from ..patience import little_work

SAID: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello!"}]}


@pytest.fixture(scope="module")
def validator(document: Document) -> Validator:
    return Schemas(document).validator("/components/schemas/CreateChatCompletionRequest", "request")


def tools(number: int) -> Any:
    return [{"type": "function", "function": {"name": f"f{i}"}, "x": i} for i in range(number)]


def test_what_is_not_known_is_left_out_and_named_at_every_depth(validator: Validator) -> None:
    body = {**SAID, "top_k": 1, "min_p": 2, "tools": tools(2)}
    left, names = without_unknown(validator, body, 8)
    assert left == {**SAID, "tools": [{"type": "function", "function": {"name": f"f{i}"}} for i in range(2)]}
    assert names == ["top_k", "min_p", "tools[0].x", "tools[1].x"]
    assert body["top_k"] == 1  # the body itself stays as it is


@pytest.mark.parametrize(
    "body",
    [
        {**SAID, "top_k": 1, "temperature": "x"},
        {**SAID, "tools": tools(9)},
        {**SAID, **{f"x{i}": 1 for i in range(10**5)}},
    ],
    ids=["a fault", "many places", "many names"],
)
def test_what_is_wrong_besides_or_too_much_is_refused_by_name(validator: Validator, body: Any) -> None:
    with little_work(1.0), pytest.raises(BadRequest) as caught:
        without_unknown(validator, body, 8)
    assert caught.value.param is not None
