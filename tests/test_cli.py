"""The commands of `flask --app wsgi`, and what `flask run` becomes."""

from __future__ import annotations

import configparser
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click.testing
import flask
import pytest
from flask.cli import FlaskGroup
from msgspec.structs import fields

from app.cli import parley, register, take_over_flask_run
from app.model_files.catalogue import CATALOGUE
from app.settings import Settings, variable
from app.tables import help_of

from .conftest import Command
from .live import ROOT


def test_every_setting_is_printed_with_its_value_and_no_secret_is(command: Command) -> None:
    printed = command("settings", PARLEY_API_KEYS="sk-one,sk-two", PARLEY_MAX_BODY="77").stdout
    for field in fields(Settings):
        assert f"{variable(field.name)} = " in printed
        assert help_of(field) in printed
    assert "PARLEY_MAX_BODY = 77\n" in printed
    assert "PARLEY_API_KEYS = 2 configured\n" in printed
    assert "sk-" not in printed


def test_keys_are_printed_by_their_short_names(command: Command) -> None:
    first, second = command("keys", PARLEY_API_KEYS="sk-one,sk-two").stdout.split()
    assert len(first) == len(second) == 8
    assert command("keys", PARLEY_API_KEYS="sk-two").stdout == f"{second}\n"


def test_a_generated_key_is_printed_each_time(command: Command, tmp_path: Path) -> None:
    name, line = command("keys", PARLEY_STATE_DIR=str(tmp_path)).stdout.splitlines()
    assert line == f"generated: {(tmp_path / 'api-key').read_text().strip()}"
    assert command("keys", PARLEY_STATE_DIR=str(tmp_path)).stdout == f"{name}\n{line}\n"


def test_models_are_listed_with_their_aliases_and_shown_by_either(command: Command, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        '[models.say]\nengine = "echo"\naliases = ["a", "b"]\n[models.m]\nengine = "echo"\n'
    )
    environ = {"PARLEY_CONFIG": str(tmp_path / "p.toml")}
    assert command("models", "list", **environ).stdout.startswith("say a b\nm\n\n")
    shown = command("models", "show", "say", **environ).stdout
    assert "| `seed` | honoured |" in shown
    assert command("models", "show", "b", **environ).stdout == shown
    refused = command("models", "show", "c", **environ)
    assert refused.exit_code == 1
    assert "there is no such model; see `models list`" in refused.stderr


Run = Callable[..., tuple[click.testing.Result, list[str], Mapping[str, str]]]


@pytest.fixture
def flask_run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """What `flask run` with some options comes to: its result, and the command line and environment that it became."""
    became: list[tuple[str, Sequence[str], Mapping[str, str]]] = []

    def execve(path: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        became.append((path, command, environment))
        raise SystemExit(0)  # as this program ends with it

    monkeypatch.setattr(os, "execve", execve)

    def load() -> flask.Flask:
        take_over_flask_run()
        return flask.Flask("served by Flask itself")

    def run(*options: str, **variables: str) -> tuple[click.testing.Result, list[str], Mapping[str, str]]:
        became.clear()
        group = FlaskGroup(create_app=load, add_version_option=False)
        result = click.testing.CliRunner().invoke(group, ["run", *options], env=variables, catch_exceptions=False)
        path, command, environment = became[0] if became else ("", [], {})
        assert path in ("", sys.executable)
        return result, [*command], environment

    return run


def test_flask_run_becomes_gunicorn_with_its_host_and_port(flask_run: Run) -> None:
    _, command, environment = flask_run("--host", "::1", "--port", "99")
    assert command == [sys.executable, "-m", "gunicorn", "-c", "python:app.serving", "wsgi:app"]
    assert (environment["PARLEY_HOST"], environment["PARLEY_PORT"]) == ("::1", "99")


def test_without_a_host_or_port_the_settings_hold(flask_run: Run) -> None:
    _, command, environment = flask_run(PARLEY_PORT="77")
    assert "gunicorn" in command
    assert environment["PARLEY_PORT"] == "77"
    assert "PARLEY_HOST" not in environment


def test_options_of_flask_run_that_mean_nothing_to_gunicorn_are_refused_by_name(flask_run: Run) -> None:
    result, command, _ = flask_run("--reload", "--without-threads", "--port", "1")
    assert (result.exit_code, command) == (2, [])
    assert "mean nothing: reload, with_threads." in result.stderr


# -- models ------------------------------------------------------------------------------------------------------


def test_the_catalogue_is_listed_with_sizes_licences_and_what_is_there(command: Command, tmp_path: Path) -> None:
    pinned = CATALOGUE["smollm2"]
    listed = command("models", "list", PARLEY_STATE_DIR=str(tmp_path)).stdout
    assert listed.startswith("parley-tiny\n\n")
    assert "\nsmollm2  98.4 MB  Apache-2.0  not pulled  SmolLM2-135M-Instruct" in listed
    pinned.path(tmp_path).parent.mkdir()
    with pinned.path(tmp_path).open("wb") as file:
        file.truncate(pinned.size)
    assert f"  in {pinned.path(tmp_path)}  " in command("models", "list", PARLEY_STATE_DIR=str(tmp_path)).stdout


def test_it_is_listed_when_what_is_to_be_served_is_not_there(command: Command, tmp_path: Path) -> None:
    result = command("models", "list", PARLEY_STATE_DIR=str(tmp_path), PARLEY_MODEL="smollm2")
    assert result.exit_code == 1
    assert "\nsmollm2  98.4 MB" in result.stdout
    assert result.stderr.startswith("Error: PARLEY_MODEL: The model smollm2 is not in ")


def test_a_model_that_the_catalogue_does_not_have_cannot_be_pulled(command: Command) -> None:
    result = command("models", "pull", "nothing")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no such model in the catalogue, which has: smollm2\n"


@pytest.mark.parametrize("name", ["settings", "keys", "models show x"])
def test_a_configuration_that_cannot_be_used_is_told_in_a_sentence(command: Command, name: str) -> None:
    result = command(*name.split(), PARLEY_PORT="x")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: PARLEY_PORT must be ")


def test_the_command_parley_has_the_commands_of_flask(command: Command) -> None:
    del command  # which has made the environment free of settings
    printed = click.testing.CliRunner().invoke(parley, ["keys"], env={"PARLEY_API_KEYS": "sk-one"}).stdout
    assert len(printed.split()) == 1
    app = flask.Flask("commands")
    register(app)
    assert parley.commands.keys() == app.cli.commands.keys()


def test_the_package_has_the_command_parley(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    name, _, place = config["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = place.partition(":")
    assert name == "parley"
    monkeypatch.setattr(sys, "argv", ["parley", "--help"])
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), function)()
    assert ended.value.code == 0
    assert "models" in capsys.readouterr().out
