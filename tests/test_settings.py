"""Every setting is typed, refused in words when it cannot be read, and documented."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.settings import Settings, unknown_variables, variable

README = Path(__file__).parents[1] / "README.md"


def test_without_variables_the_defaults_are_in_force() -> None:
    assert Settings.from_environment({}) == Settings()


def test_variables_are_read_by_their_types() -> None:
    settings = Settings.from_environment(
        {
            "PARLEY_PORT": "9000",
            "PARLEY_API_KEYS": "a, b,,c",
            "PARLEY_ALLOW_GENERATED_KEY": "yes",
            "PARLEY_MODEL": "~/x.gguf",
            "PARLEY_ECHO_DELAY": "0.5",
            "PARLEY_ENGINE": "echo",
            "PARLEY_SPEC": "",
        }
    )
    assert settings.port == 9000
    assert settings.api_keys == ("a", "b", "c")
    assert settings.allow_generated_key is True
    assert settings.model == Path.home() / "x.gguf"
    assert settings.echo_delay == 0.5
    assert settings.engine == "echo"
    assert settings.spec is None


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PARLEY_PORT", "x", "a whole number"),
        ("PARLEY_PORT", "70000", "from 0 to 65535"),
        ("PARLEY_MAX_BODY", "0", "at least 1"),
        ("PARLEY_BODY_TIMEOUT", "nan", "from 0.1 to"),
        ("PARLEY_BODY_TIMEOUT", "inf", "from 0.1 to"),
        ("PARLEY_API_KEYS", " , ", "nothing between"),
        ("PARLEY_ALLOW_GENERATED_KEY", "maybe", "1 or 0"),
        ("PARLEY_LOG_FORMAT", "xml", "text, json"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name_and_rule(name: str, value: str, part: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({name: value})
    assert name in str(caught.value)
    assert part in str(caught.value)


def test_names_with_our_prefix_that_are_no_settings_are_found() -> None:
    assert unknown_variables({"PARLEY_MODLE": "x", "PARLEY_PORT": "1", "OTHER": "y"}) == ["PARLEY_MODLE"]


def test_readme_documents_every_setting_with_its_default_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `(PARLEY_\w+)` \| (.*?) \|", README.read_text(), re.MULTILINE))
    assert set(rows) == {variable(field) for field in fields(Settings)}
    for field in fields(Settings):
        default = field.default
        shown = "" if default in (None, ()) else f"`{int(default) if isinstance(default, bool) else default}`"
        assert rows[variable(field)] == shown, variable(field)
