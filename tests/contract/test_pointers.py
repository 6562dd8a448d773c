"""JSON pointers lead to what RFC 6901 says, as text and as fragments of URIs."""

from __future__ import annotations

from typing import Any

import pytest

from app.contract.pointers import last_token, look_up, pointer_in, pointer_to, reference_to, tokens

# The document and the pointers of RFC 6901, sections 5 and 6.
DOCUMENT: dict[str, Any] = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}
EXAMPLES = [
    ("", "#", DOCUMENT),
    ("/foo", "#/foo", ["bar", "baz"]),
    ("/foo/0", "#/foo/0", "bar"),
    ("/", "#/", 0),
    ("/a~1b", "#/a~1b", 1),
    ("/c%d", "#/c%25d", 2),
    ("/e^f", "#/e%5Ef", 3),
    ("/g|h", "#/g%7Ch", 4),
    ("/i\\j", "#/i%5Cj", 5),
    ('/k"l', "#/k%22l", 6),
    ("/ ", "#/%20", 7),
    ("/m~0n", "#/m~0n", 8),
]


@pytest.mark.parametrize(("pointer", "reference", "value"), EXAMPLES)
def test_a_pointer_and_its_reference_lead_to_the_same_value(pointer: str, reference: str, value: Any) -> None:
    assert look_up(DOCUMENT, pointer) == value
    assert reference_to(pointer) == reference
    assert pointer_in(reference) == pointer
    assert pointer_to(*tokens(pointer)) == pointer


@pytest.mark.parametrize("pointer", ["/bar", "/foo/2", "/foo/-1", "/foo/01", "/foo/-", "/foo/bar", "/foo/0/x", "/a/b"])
def test_where_there_is_nothing_is_an_error(pointer: str) -> None:
    with pytest.raises(LookupError):
        look_up(DOCUMENT, pointer)


def test_the_last_token_is_the_name_of_what_a_pointer_leads_to() -> None:
    assert last_token("/components/schemas/a~1b~0c") == "a/b~c"
