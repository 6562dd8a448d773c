"""``parley keys ...`` and ``parley limits ...``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.conftest import Command


def test_a_created_key_is_printed_alone_and_once(command: Command, tmp_path: Path) -> None:
    made = command("keys", "create", "anna", PARLEY_STATE_DIR=str(tmp_path))
    secret = made.stdout.removesuffix("\n")
    assert secret.startswith("sk-parley-")
    assert secret.isprintable()
    assert "anna" in made.stderr
    others = [
        command("keys", *arguments, PARLEY_STATE_DIR=str(tmp_path)).output
        for arguments in ([], ["list"], ["list", "--format", "json"], ["show", "anna"])
    ]
    assert all("anna" in output and secret not in output for output in others)
    # The generated key is not made where there is another one.
    assert others[0] == "anna\n"
    assert not (tmp_path / "api-key").exists()
    assert (tmp_path / "parley.sqlite3").stat().st_mode & 0o777 == 0o600


def test_configured_keys_come_before_those_of_the_database(command: Command, tmp_path: Path) -> None:
    command("keys", "create", "anna", PARLEY_STATE_DIR=str(tmp_path))
    command("keys", "create", "bert", PARLEY_STATE_DIR=str(tmp_path))
    command("keys", "revoke", "bert", PARLEY_STATE_DIR=str(tmp_path))
    short, name = command("keys", PARLEY_STATE_DIR=str(tmp_path), PARLEY_API_KEYS="sk-one").stdout.split()
    assert (len(short), name) == (8, "anna")


def test_a_key_has_what_its_options_say(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "models.toml"
    config.write_text('[models.big]\nengine = "echo"\naliases = ["gpt-4o"]\n')
    state = {"PARLEY_STATE_DIR": str(tmp_path), "PARLEY_CONFIG": str(config)}
    options = ["--project", "p", "--expires", "30d", "--model", "gpt-4o", "--model", "elsewhere"]
    limits = ["--limit", "requests_per_minute=60", "--budget", "10.50", "--budget-tokens", "1000"]
    command("keys", "create", "anna", *options, *limits, **state)
    (key,) = json.loads(command("keys", "list", "--format", "json", **state).stdout)
    assert key["project"] == "p"
    assert abs(key["expires_at"] - time.time() - 30 * 86400) < 600
    assert key["models"] == ["big", "elsewhere"]
    assert key["limits"] == {"requests_per_minute": 60, "tokens_per_month": 1000, "money_per_month": 10.5}
    assert key["status"] == "active"
    assert json.loads(command("keys", "show", "anna", "--format", "json", **state).stdout) == key
    assert json.loads(command("keys", "list", "--project", "q", "--format", "json", **state).stdout) == []
    table = command("keys", "list", **state).stdout.splitlines()
    assert table[0].split()[:3] == ["NAME", "PROJECT", "STATUS"]
    assert table[1].split()[:3] == ["anna", "p", "active"]


def test_a_day_is_when_it_begins_in_utc(command: Command, tmp_path: Path) -> None:
    command("keys", "create", "anna", "--expires", "2100-01-31", PARLEY_STATE_DIR=str(tmp_path))
    (key,) = json.loads(command("keys", "list", "--format", "json", PARLEY_STATE_DIR=str(tmp_path)).stdout)
    assert key["expires_at"] == 4105036800


def test_a_rotated_key_has_two_secrets_for_a_while(command: Command, tmp_path: Path) -> None:
    state = {"PARLEY_STATE_DIR": str(tmp_path)}
    first = command("keys", "create", "anna", **state).stdout
    second = command("keys", "rotate", "anna", "--grace", "1h", **state).stdout
    assert first != second
    assert command("keys", "show", "anna", **state).stdout.count("sk-parley-") == 2
    command("keys", "rotate", "anna", **state)
    assert command("keys", "show", "anna", **state).stdout.count("sk-parley-") == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["create", "a b"], 1, "a name has 1 to 64 characters"),
        (["create", "x'; DROP TABLE keys; --"], 1, "a name has 1 to 64 characters"),
        (["create", "0123abcd"], 1, "short name"),
        (["create", "b", "--project", "ü"], 1, "'project'"),
        (["create", "b", "--expires", "soon"], 2, "a time span such as 30d"),
        (["create", "b", "--expires", "2020-01-01"], 1, "in the future"),
        (["create", "b", "--limit", "speed=1"], 2, "requests_per_minute"),
        (["create", "b", "--limit", "tokens_per_day=-1"], 2, "at least 0"),
        (["create", "b", "--budget", "much"], 2, "an amount"),
        (["create", "b", "--model", ""], 1, "'models'"),
        (["create", "anna"], 1, "already"),
        (["show", "nobody"], 1, "no key of this name"),
        (["revoke", "nobody"], 1, "no key of this name"),
        (["rotate", "nobody"], 1, "no key of this name"),
        (["rotate", "anna", "--grace", "1y"], 2, "a number with a unit"),
        (["rotate", "anna", "--grace", "60w"], 1, "a year"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], status: int, said: str, command: Command, tmp_path: Path
) -> None:
    command("keys", "create", "anna", PARLEY_STATE_DIR=str(tmp_path))
    ended = command("keys", *arguments, PARLEY_STATE_DIR=str(tmp_path))
    assert ended.exit_code == status
    assert said in " ".join(ended.stderr.split())
    assert ended.stdout == ""


def test_a_key_that_is_refused_makes_no_database(command: Command, tmp_path: Path) -> None:
    assert command("keys", "create", "a b", PARLEY_STATE_DIR=str(tmp_path)).exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["list"], ["show", "x"], ["revoke", "x"], ["rotate", "x"]])
def test_without_a_database_the_command_says_how_to_get_one(
    arguments: list[str], command: Command, tmp_path: Path
) -> None:
    ended = command("keys", *arguments, PARLEY_STATE_DIR=str(tmp_path))
    assert ended.exit_code == 1
    assert "parley db init" in ended.output


def test_limits_are_set_listed_and_cleared(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "models.toml"
    config.write_text('[models.big]\nengine = "echo"\naliases = ["gpt-4o"]\n')
    state = {"PARLEY_STATE_DIR": str(tmp_path), "PARLEY_CONFIG": str(config)}
    command("keys", "create", "anna", "--project", "p", "--limit", "concurrent_requests=3", **state)
    command("limits", "set", "key", "anna", "requests_per_minute=60", "money_per_month=1.25", **state)
    command("limits", "set", "key", "anna", "concurrent_requests=none", **state)
    command("limits", "set", "project", "p", "tokens_per_day=7", **state)
    said = command("limits", "set", "model", "gpt-4o", "tokens_per_minute=9", **state).stdout
    assert said == "model big: tokens_per_minute=9\n"
    found = json.loads(command("limits", "list", "--format", "json", **state).stdout)
    assert found == [
        {"kind": "key", "name": "anna", "limits": {"requests_per_minute": 60, "money_per_month": 1.25}},
        {"kind": "model", "name": "big", "limits": {"tokens_per_minute": 9}},
        {"kind": "project", "name": "p", "limits": {"tokens_per_day": 7}},
    ]
    assert command("limits", "clear", "model", "gpt-4o", **state).stdout == "model big: no limits\n"
    assert [line.split()[1] for line in command("limits", "list", **state).stdout.splitlines()[1:]] == ["anna", "p"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["set", "key", "nobody", "tokens_per_day=1"], 1, "no key of this name"),
        (["set", "project", "none", "tokens_per_day=1"], 1, "no project of this name"),
        (["set", "user", "anna", "tokens_per_day=1"], 2, "'user' is not one of"),
        (["set", "key", "anna"], 2, "MEASURE=VALUE"),
        (["set", "key", "anna", "tokens_per_day=many"], 2, "a whole number"),
    ],
)
def test_wrong_limits_are_refused_in_a_sentence(
    arguments: list[str], status: int, said: str, command: Command, tmp_path: Path
) -> None:
    command("keys", "create", "anna", PARLEY_STATE_DIR=str(tmp_path))
    ended = command("limits", *arguments, PARLEY_STATE_DIR=str(tmp_path))
    assert ended.exit_code == status
    assert said in " ".join(ended.stderr.split())
