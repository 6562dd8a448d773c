"""What a narrower document has no room for is left out of an answer; nothing is added but what was given for that."""

from typing import Any

from app.contract.mending import Mender
from app.contract.schemas import compile_schema

CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
                "additionalProperties": False,
            },
        },
    },
    "required": ["id"],
    "additionalProperties": False,
}


def test_what_has_no_room_is_left_out_and_remembered() -> None:
    mender = Mender(compile_schema(CLOSED))
    body = {"id": "1", "new": 2, "items": [{"a": None, "b": 1}, {"a": "x", "c": {}}]}
    assert mender.mend(body) == {"id": "1", "items": [{"b": 1}, {"a": "x"}]}
    assert body["new"] == 2  # the caller's own is left alone
    learned = dict(mender.left_out)
    assert mender.mend({"id": "1", "new": 3, "items": [{"a": "y", "c": 1}]}) == {"id": "1", "items": [{"a": "y"}]}
    assert mender.left_out == learned


def test_what_fits_is_given_back_as_it_is() -> None:
    body = {"id": "1", "items": [{"a": "x"}]}
    assert Mender(compile_schema(CLOSED)).mend(body) is body


def test_what_is_missing_or_wrong_is_not_mended() -> None:
    mender = Mender(compile_schema(CLOSED))
    assert mender.mend({"new": 1}) is None
    assert mender.mend({"id": 1}) is None
    assert mender.mend({"id": None}) is None


def test_what_is_required_is_added_only_where_it_was_given() -> None:
    wanting: dict[str, Any] = {
        "type": "object",
        "required": ["list"],
        "properties": {
            "list": {"type": "array", "items": {"type": "object", "required": ["role", "x"], "properties": {"x": {}}}}
        },
    }
    mender = Mender(compile_schema(wanting), {("list", None, "role"): "assistant"})
    for _ in range(2):
        assert mender.mend({"list": [{"x": 1}, {"x": 2, "role": "own"}]}) == {
            "list": [{"x": 1, "role": "assistant"}, {"x": 2, "role": "own"}]
        }
    assert mender.mend({"list": [{}]}) is None
    assert Mender(compile_schema(wanting)).mend({"list": [{"x": 1}]}) is None
