"""What is relied on in Flask, its command line and its router is as `app.frameworks.flask` says."""

from __future__ import annotations

import click
import flask
import pytest
from click.testing import CliRunner
from flask.cli import FlaskGroup
from werkzeug.routing import Rule

from app.frameworks.flask import FlaskRun, QuickRule, command_application, flask_run, looks_for_commands


class Loaded(Exception):
    """The application has been loaded; what Flask would do with it does not matter."""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    for name in ("FLASK_APP", "FLASK_RUN_HOST", "FLASK_RUN_PORT", "FLASK_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return CliRunner()


def load(runner: CliRunner, *arguments: str) -> list[tuple[bool, FlaskRun | None]]:
    """What is known each time that ``flask`` with some arguments loads the application."""
    found: list[tuple[bool, FlaskRun | None]] = []

    def create() -> flask.Flask:
        found.append((looks_for_commands(), flask_run()))
        raise Loaded

    runner.invoke(FlaskGroup(create_app=create), arguments)
    return found


@pytest.mark.parametrize("arguments", [("settings",), ("--help",)])
def test_a_command_is_looked_for_in_the_application(runner: CliRunner, arguments: tuple[str, ...]) -> None:
    assert (True, None) in load(runner, *arguments)


def test_flask_run_loads_the_application_first_and_tells_its_address(runner: CliRunner) -> None:
    assert load(runner, "run") == [(False, FlaskRun({}, []))]
    assert load(runner, "run", "--port", "1234") == [(False, FlaskRun({"port": "1234"}, []))]
    found = load(runner, "run", "--host", "::1", "--port", "1")
    assert found == [(False, FlaskRun({"host": "::1", "port": "1"}, []))]


def test_so_it_does_where_variables_say_so(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_RUN_PORT", "1234")
    assert load(runner, "run") == [(False, FlaskRun({"port": "1234"}, []))]


def test_options_of_flask_run_that_were_given_are_named(runner: CliRunner) -> None:
    assert load(runner, "run", "--reload", "--without-threads") == [(False, FlaskRun({}, ["reload", "with_threads"]))]


def test_other_commands_are_neither(runner: CliRunner) -> None:
    assert load(runner, "routes") == [(False, None)]


def test_any_group_of_clicks_can_be_where_flask_looks_for_commands(runner: CliRunner) -> None:
    class Made(click.Group):
        """Makes its command when it is asked for."""

        def list_commands(self, ctx: click.Context) -> list[str]:
            return ["say"]

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            return click.Command("say", callback=lambda: click.echo("said"), help="Say it.")

    group = FlaskGroup(create_app=lambda: command_application(Made()), add_version_option=False)
    assert "  say     Say it.\n" in runner.invoke(group, ["--help"]).stdout
    assert runner.invoke(group, ["say"]).stdout == "said\n"


def test_outside_of_flask_it_is_neither() -> None:
    assert (looks_for_commands(), flask_run()) == (False, None)


def test_a_rule_is_compiled_for_urls_once_one_is_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[bool] = []
    compile_now = Rule._compile_builder

    def compiling(rule: Rule, append_unknown: bool = True) -> object:
        compiled.append(append_unknown)
        return compile_now(rule, append_unknown)

    monkeypatch.setattr(Rule, "_compile_builder", compiling)
    app = flask.Flask(__name__, static_folder=None)
    app.url_rule_class = QuickRule
    app.add_url_rule("/a/<x>/b", "b", lambda x: x)
    assert not compiled
    assert app.test_client().get("/a/1/b").text == "1"
    assert not compiled
    with app.test_request_context():
        assert flask.url_for("b", x="1 2") == "/a/1%202/b"
        assert flask.url_for("b", x=1, y=2) == "/a/1/b?y=2"
    assert compiled
