"""A table is read into its types, or refused by the place and what its type accepts, without the value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta
from msgspec.structs import fields

from app.errors import ConfigurationError
from app.tables import SECRET, Names, Table, help_of, is_secret, path_of, read

SECRET_VALUE = "sk-never-to-be-seen"


class Inner(Table, frozen=True, kw_only=True):
    seconds: Annotated[float, Meta(ge=0.5, le=9), "Seconds."] = 1.0


class Outer(Table, frozen=True, kw_only=True):
    kind: Annotated[Literal["one", "two"], "Kind."]
    count: Annotated[Annotated[int, Meta(ge=1)] | None, "Count."] = None
    on: Annotated[bool, "Switch."] = False
    path: Annotated[Path | None, "File."] = None
    names: Annotated[Names, "Names."] = ()
    key: Annotated[str | None, "Key.", SECRET] = None
    slash: Annotated[str, Meta(pattern="^/", description="a path that begins with a slash"), "Path."] = "/"
    headers: Annotated[Mapping[str, str], "Headers."] = {}
    inner: Annotated[Inner, "Inner."] = Inner()
    tables: Annotated[Mapping[str, Inner], "Tables."] = {}


def error(place: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"<{place}> {rule}")


def outer(**values: Any) -> Outer:
    return read(Outer, {"kind": "one", **values}, error, folder=Path("/folder"))


def test_values_are_read_by_their_types() -> None:
    made = outer(
        count=3,
        on=True,
        path="a/b",
        names=["x", "y"],
        headers={"a b": "c"},
        inner={"seconds": 2},
        tables={"t": {"seconds": 0.5}},
    )
    assert made == Outer(
        kind="one",
        count=3,
        on=True,
        path=Path("/folder/a/b"),
        names=("x", "y"),
        headers={"a b": "c"},
        inner=Inner(seconds=2.0),
        tables={"t": Inner(seconds=0.5)},
    )
    assert isinstance(made.inner.seconds, float)


def test_a_path_from_the_root_or_from_home_is_not_relative_to_the_folder() -> None:
    assert outer(path="/a").path == Path("/a")
    assert outer(path="~/a").path == Path.home() / "a"


@pytest.mark.parametrize(
    ("values", "place", "rule"),
    [
        ({"kind": SECRET_VALUE}, ".kind", "must be one of: one, two."),
        ({"count": 0}, ".count", "must be a whole number of at least 1."),
        ({"count": True}, ".count", "must be a whole number of at least 1."),
        ({"count": "3"}, ".count", "must be a whole number of at least 1."),
        ({"on": 1}, ".on", "must be true or false."),
        ({"path": ""}, ".path", "must be the path of a file."),
        ({"path": 3}, ".path", "must be the path of a file."),
        ({"names": SECRET_VALUE}, ".names", "must be a list of strings."),
        ({"names": ["a", 3]}, ".names[1]", "must be a non-empty string."),
        ({"names": ["a", " "]}, ".names[1]", "must be a non-empty string."),
        ({"key": 3}, ".key", "must be a string."),
        ({"slash": SECRET_VALUE}, ".slash", "must be a path that begins with a slash."),
        ({"headers": 3}, ".headers", "must be a table."),
        ({"headers": {"a": "b", "c.d": 3}}, '.headers."c.d"', "must be a string."),
        ({"inner": 3}, ".inner", "must be a table."),
        ({"inner": {"seconds": SECRET_VALUE}}, ".inner.seconds", "must be a number from 0.5 to 9."),
        ({"inner": {"seconds": float("nan")}}, ".inner.seconds", "must be a number from 0.5 to 9."),
        ({"inner": {"seconds": float("inf")}}, ".inner.seconds", "must be a number from 0.5 to 9."),
        ({"inner": {"secs": 1}}, ".inner.secs", "is not a known key. Did you mean seconds? The keys are: seconds."),
        ({"tables": {"t": {}, "u": {"seconds": 10}}}, ".tables.u.seconds", "must be a number from 0.5 to 9."),
        ({"x`y` - at `$.kind": 1}, '."x`y` - at `$.kind"', "is not a known key. The keys are: kind, count, "),
    ],
)
def test_what_does_not_fit_is_refused_by_its_place_and_what_its_type_accepts(
    values: dict[str, Any], place: str, rule: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        outer(**values)
    assert str(caught.value).startswith(f"<{place}> {rule}")
    assert SECRET_VALUE not in str(caught.value)
    assert caught.value.__context__ is None, "an error of msgspec has the value"


def test_a_key_that_must_be_there_is_asked_for_by_what_it_accepts() -> None:
    with pytest.raises(ConfigurationError, match=r"<at\.kind> is missing\. It must be one of: one, two\."):
        read(Outer, {}, error, at="at")
    with pytest.raises(ConfigurationError, match=r"<at> must be a table\."):
        read(Outer, None, error, at="at")


def test_a_secret_is_not_in_the_repr_and_the_rest_is() -> None:
    shown = repr(outer(key=SECRET_VALUE, count=7))
    assert SECRET_VALUE not in shown
    assert "count=7" in shown
    assert {f.name for f in fields(Outer) if is_secret(f)} == {"key"}


def test_each_field_says_what_it_is_for() -> None:
    assert [help_of(f) for f in fields(Inner)] == ["Seconds."]


def test_a_path_of_keys_is_as_toml_has_it() -> None:
    assert path_of("models", "a.b", "key_env") == 'models."a.b".key_env'
    assert path_of('say "x"') == '"say \\"x\\""'
