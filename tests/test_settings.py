"""Every setting is typed, refused in words when it cannot be read, and documented."""

from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import fields

from app.errors import ConfigurationError
from app.settings import Settings, unknown_variables, variable
from app.tables import help_of

from .published import DOCS, hold


def test_without_variables_the_defaults_are_in_force() -> None:
    assert Settings.from_environment({}) == Settings()


def test_variables_are_read_by_their_types() -> None:
    settings = Settings.from_environment(
        {
            "PARLEY_PORT": "9000",
            "PARLEY_API_KEYS": "a, b,,c",
            "PARLEY_ALLOW_GENERATED_KEY": "yes",
            "PARLEY_MMPROJ": "~/x.gguf",
            "PARLEY_MODEL": "~/x.gguf",
            "PARLEY_ECHO_DELAY": ".5",
            "PARLEY_RELOAD": "OFF",
            "PARLEY_ENGINE": "echo",
            "PARLEY_SPEC": "",
        }
    )
    assert settings.port == 9000
    assert settings.api_keys == ("a", "b", "c")
    assert settings.allow_generated_key is True
    assert settings.mmproj == Path.home() / "x.gguf"
    assert settings.model == "~/x.gguf"
    assert settings.echo_delay == 0.5
    assert settings.engine == "echo"
    assert settings.reload is False
    assert settings.spec is None


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("PARLEY_PORT", "x", "a whole number"),
        ("PARLEY_PORT", "70000", "from 0 to 65535"),
        ("PARLEY_MAX_BODY", "0", "at least 1"),
        ("PARLEY_BODY_TIMEOUT", "nan", "from 0.1 to"),
        ("PARLEY_BODY_TIMEOUT", "inf", "from 0.1 to"),
        ("PARLEY_API_KEYS", " , ", "no values between"),
        ("PARLEY_ALLOW_GENERATED_KEY", "maybe", "true or false"),
        ("PARLEY_LOG_FORMAT", "xml", "text, json"),
        ("PARLEY_OPERATIONS", "a=b,c", "pairs such as createChatCompletion=theirId"),
        ("PARLEY_MODEL_SLOTS", "1.0", "a whole number from 1 to 256"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_name_and_rule(name: str, value: str, part: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({name: value})
    assert name in str(caught.value)
    assert part in str(caught.value)


def test_names_with_our_prefix_that_are_no_settings_are_found() -> None:
    assert unknown_variables({"PARLEY_MODLE": "x", "PARLEY_PORT": "1", "OTHER": "y"}) == ["PARLEY_MODLE"]


def settings_table() -> str:
    """A row for each setting, with its default."""
    rows = ["| Variable | Default | What it does |", "| --- | --- | --- |"]
    for field in fields(Settings):
        default = field.default
        shown = "" if default in (None, ()) else f"`{int(default) if isinstance(default, bool) else default}`"
        rows.append(f"| `{variable(field.name)}` | {shown} | {help_of(field)} |")
    return "\n".join([*rows, ""])


def test_the_documentation_has_every_setting_with_its_default_and_no_other() -> None:
    hold(DOCS / "settings.md", "settings", settings_table())


def test_settings_that_hold_keys_are_not_in_the_repr() -> None:
    shown = repr(Settings(api_keys=("sk-mine",), upstream_api_key="sk-theirs", port=81))
    assert "sk-" not in shown
    assert "port=81" in shown


def test_no_message_about_a_setting_quotes_its_value() -> None:
    for field in fields(Settings):
        with suppress(ConfigurationError):
            Settings.from_environment({variable(field.name): "sk-secret"})
            continue
        with pytest.raises(ConfigurationError) as caught:
            Settings.from_environment({variable(field.name): "sk-secret"})
        assert str(caught.value).startswith(f"{variable(field.name)} must be ")
        assert "sk-secret" not in str(caught.value)
