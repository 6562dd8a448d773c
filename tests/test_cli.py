"""The command `parley`, the same commands under `flask --app wsgi`, and what becomes gunicorn."""

from __future__ import annotations

import configparser
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click.testing
import flask
import pytest
from flask.cli import FlaskGroup
from msgspec.structs import fields

from app.cli import COMMANDS, for_flask, parley
from app.commands.lazy import LazyGroup
from app.model_files.catalogue import CATALOGUE
from app.settings import Settings, variable
from app.starting import command_line
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


Became = Callable[..., tuple[click.testing.Result, list[str], Mapping[str, str]]]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> Became:
    """What a command comes to: its result, and the command line and environment that it became."""
    became: list[tuple[str, Sequence[str], Mapping[str, str]]] = []

    def execve(path: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        became.append((path, command, environment))
        raise SystemExit(0)  # as this program ends with it

    monkeypatch.setattr(os, "execve", execve)

    def run(
        command: click.Command, *arguments: str, **variables: str
    ) -> tuple[click.testing.Result, list[str], Mapping[str, str]]:
        became.clear()
        result = click.testing.CliRunner().invoke(command, arguments, env=variables, catch_exceptions=False)
        path, line, environment = became[0] if became else ("", [], {})
        assert path in ("", sys.executable)
        return result, [*line], environment

    return run


@pytest.fixture
def flask_run(became: Became) -> Became:
    """What `flask run` with some options comes to."""

    def load() -> flask.Flask:
        return for_flask() or flask.Flask("served by Flask itself")

    return partial(became, FlaskGroup(create_app=load, add_version_option=False), "run")


GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:parley.serving"]


def test_flask_run_becomes_gunicorn_with_its_host_and_port(flask_run: Became) -> None:
    _, command, environment = flask_run("--host", "::1", "--port", "99")
    assert command == GUNICORN
    assert (environment["PARLEY_HOST"], environment["PARLEY_PORT"]) == ("::1", "99")


def test_without_a_host_or_port_the_settings_hold(flask_run: Became) -> None:
    _, command, environment = flask_run(PARLEY_PORT="77")
    assert "gunicorn" in command
    assert environment["PARLEY_PORT"] == "77"
    assert "PARLEY_HOST" not in environment


def test_options_of_flask_run_that_mean_nothing_to_gunicorn_are_refused_by_name(flask_run: Became) -> None:
    result, command, _ = flask_run("--reload", "--without-threads", "--port", "1")
    assert (result.exit_code, command) == (2, [])
    assert "mean nothing: reload, with_threads." in result.stderr


def test_serve_becomes_gunicorn_with_settings_by_option(became: Became) -> None:
    _, command, environment = became(
        parley,
        *("serve", "--port", "99", "--mock", "all", "--reload", "--workers", "3", "--spec", "x.yaml"),
        PARLEY_PORT="77",
        PARLEY_HOST="::1",
    )
    assert command == [*GUNICORN, "-w", "3"]
    ours = {name: value for name, value in environment.items() if name.startswith("PARLEY_")}
    given = {"PARLEY_PORT": "99", "PARLEY_MOCK": "all", "PARLEY_RELOAD": "1", "PARLEY_SPEC": "x.yaml"}
    assert ours == ours | given | {"PARLEY_HOST": "::1"}


def test_serve_changes_nothing_that_it_is_not_told_to(became: Became) -> None:
    _, command, environment = became(parley, "serve", PARLEY_RELOAD="1", PARLEY_PORT="77")
    assert command == GUNICORN
    assert environment == {**os.environ, "PARLEY_RELOAD": "1", "PARLEY_PORT": "77"}


def test_what_follows_two_hyphens_goes_to_gunicorn(became: Became) -> None:
    _, command, _ = became(parley, "serve", "--", "-w", "4", "--certfile", "c.pem")
    assert command == [*GUNICORN, "-w", "4", "--certfile", "c.pem"]


def test_serve_takes_any_free_port(became: Became) -> None:
    assert became(parley, "serve", "--port", "0", PARLEY_PORT="77")[2]["PARLEY_PORT"] == "0"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["model.gguf"], "'model.gguf' is not an option. A model is named by --model"),
        (["--certfile", "c.pem"], "No such option"),
        (["--mock", "some"], "'some' is not one of 'off', 'missing', 'all'"),
    ],
)
def test_what_serve_cannot_use_is_refused_before_anything_starts(
    became: Became, arguments: list[str], told: str
) -> None:
    result, command, _ = became(parley, "serve", *arguments)
    assert (result.exit_code, command) == (2, [])
    assert told in result.stderr


def test_each_option_of_serve_is_a_setting_and_says_which() -> None:
    printed = click.testing.CliRunner().invoke(parley, ["serve", "--help"], terminal_width=500).stdout
    known = {field.name: field for field in fields(Settings)}
    options = set(re.findall(r"^  --(\w+)", printed, re.MULTILINE)) - {"help", "workers"}
    assert {"host", "port", "model", "spec", "mock", "reload"} <= options <= set(known)
    for name in options:
        assert f"{help_of(known[name])} [{variable(name)}]" in printed


# -- help --------------------------------------------------------------------------------------------------------


def groups() -> list[tuple[str, LazyGroup]]:
    context = click.Context(parley)
    found = [(name, parley.get_command(context, name)) for name in parley.list_commands(context)]
    return [("parley", parley), *((name, command) for name, command in found if isinstance(command, LazyGroup))]


def test_the_list_of_commands_has_them_all_with_a_sentence_each() -> None:
    printed = click.testing.CliRunner().invoke(parley, ["--help"]).stdout
    for name in ("serve", "models", "keys", "settings", "config", "contract", "certify"):
        assert re.search(rf"^  {name} +[A-Z].*\.$", printed, re.MULTILINE)
    assert {"parley", "contract"} <= {name for name, _ in groups()}


@pytest.mark.parametrize("group", [group for _, group in groups()], ids=[name for name, _ in groups()])
def test_every_command_of_a_lazy_group_is_where_the_group_says(group: LazyGroup) -> None:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help
    assert group.get_command(context, "nothing") is None


@pytest.mark.parametrize(
    ("arguments", "foreign"),
    [
        (["--help"], ("flask", "connexion", "aiohttp", "yaml", "msgspec", "app.wiring", "app.settings")),
        (["serve", "--help"], ("flask", "connexion", "aiohttp", "yaml", "app.wiring", "app.contract")),
        (["contract", "--help"], ("flask", "connexion", "aiohttp", "yaml", "app.wiring", "app.contract")),
        (["contract", "check", "PETS"], ("flask", "connexion", "aiohttp", "app.wiring", "app.engines", "app.chat")),
        (["settings"], ("flask", "connexion", "aiohttp", "yaml", "app.wiring", "app.contract")),
    ],
    ids=" ".join,
)
@pytest.mark.live
def test_a_command_imports_no_part_of_the_server_that_it_does_without(
    arguments: list[str], foreign: tuple[str, ...], tmp_path: Path
) -> None:
    pets = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"get": {"responses": {}}}}}
    (tmp_path / "pets.json").write_text(json.dumps(pets))
    line = [str(tmp_path / "pets.json") if word == "PETS" else word for word in arguments]
    code = (
        "import sys; from parley.__main__ import command_line\n"
        f"sys.argv[1:] = {line!r}\n"
        "try: command_line()\n"
        "finally: print('\\nloaded', *sys.modules)"
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    loaded = set(run.stdout.rpartition("\nloaded ")[2].split())
    assert "app.cli" in loaded, run.stderr
    assert loaded.isdisjoint(foreign)


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


def flask_group() -> FlaskGroup:
    def load() -> flask.Flask:
        return for_flask() or flask.Flask("what is served")

    return FlaskGroup(create_app=load, add_version_option=False)


def test_flask_finds_every_command_of_parley(command: Command) -> None:
    del command  # which has made the environment free of settings
    runner = click.testing.CliRunner()
    printed = runner.invoke(flask_group(), ["keys"], env={"PARLEY_API_KEYS": "sk-one"}).stdout
    assert len(printed.split()) == 1
    listed = runner.invoke(flask_group(), ["--help"]).stdout
    assert all(re.search(rf"^  {name} ", listed, re.MULTILINE) for name in COMMANDS)


def test_serve_is_among_the_commands_of_flask(became: Became) -> None:
    _, command, environment = became(flask_group(), "serve", "--port", "99")
    assert (command, environment["PARLEY_PORT"]) == (GUNICORN, "99")


def test_flasks_own_commands_are_about_what_is_served(command: Command) -> None:
    del command
    printed = click.testing.CliRunner().invoke(flask_group(), ["routes"]).stdout
    assert "/static/" in printed, "the application of the commands has no folder of files"


def test_nothing_is_made_for_flask_where_something_else_loads_the_application() -> None:
    assert for_flask() is None


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


def test_handlers_are_found_from_the_folder_that_a_command_runs_in(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del command  # which leaves the log as it was
    pets = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}}
    pets |= {"paths": {"/x": {"get": {"operationId": "getX", "responses": {}}}}}
    (tmp_path / "pets.json").write_text(json.dumps(pets))
    (tmp_path / "handlers_here.py").write_text("def get_x():\n    return None\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["parley", "contract", "check", "pets.json"])
    monkeypatch.setenv("PARLEY_HANDLERS", "handlers_here")
    with pytest.raises(SystemExit):
        command_line()
    assert "handlers_here.get_x" in capsys.readouterr().out
