"""Variables of the environment are filled into the texts of a file, at any depth, and asked for by place."""

import datetime

import pytest

from app.configuration.variables import filled
from app.errors import ConfigurationError

ENVIRON = {"A": "one", "B_2": "two", "EMPTY": "", "NESTED": "${A}"}


def error(place: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"<{place}> {rule}")


def test_all_texts_of_a_value_are_filled_in_and_nothing_else_is() -> None:
    value = {"a": ["${A}-${B_2}", 3, None, True, 0.5], "${A}": {"b": "$A $ {A}"}}
    assert filled(value, ENVIRON, error) == {"a": ["one-two", 3, None, True, 0.5], "${A}": {"b": "$A $ {A}"}}


def test_a_doubled_dollar_stands_for_one_and_what_is_filled_in_is_not_looked_at_again() -> None:
    assert filled("$${A} ${NESTED}", ENVIRON, error) == "${A} ${A}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a b": ["", "${NONE}"]}, r'<\."a b"\[1\]> refers to the environment variable NONE, which is unset or empty'),
        ({"a": "${EMPTY}"}, r"<\.a> refers to the environment variable EMPTY, which is unset or empty"),
        ({"a": "${"}, r"<\.a> has \$\{ without a variable's name"),
        ({"a": "${1}"}, r"<\.a> has \$\{ without a variable's name"),
        ({"a": {1: 2}}, r"<\.a> has a key that is not a string"),
        ({"a": datetime.date(2026, 1, 1)}, r"<\.a> must be a value that JSON can represent"),
    ],
)
def test_what_cannot_be_filled_in_is_refused_by_its_place(value: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        filled(value, ENVIRON, error)
