"""The page about applications has a row for each, with the version that is pinned, and what is tried is judged as it
should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..environments import Environment, NodeEnvironment
from . import table
from .known import APPS
from .trial import App, Failed, Trial, _requests


def test_the_page_has_a_row_for_each_application_with_what_is_pinned_and_set() -> None:
    head, *rows = table.rows()
    assert tuple(head) == table.HEAD
    told = [tuple(row[:3]) for row in rows]
    assert told == [(app.name, app.version, app.sets) for app in APPS.values()]


def test_the_page_tells_of_nothing_that_fails() -> None:
    for name, *_, asked, works in table.rows()[1:]:
        assert table.FAILS not in works, name
        assert works.startswith(table.UNTRIED) or asked, name


def test_everything_that_an_application_needs_is_pinned_in_an_environment_of_its_own() -> None:
    for app in APPS.values():
        mark = "==" if isinstance(app.environment, Environment) else "@"
        assert all(mark in requirement[1:] for requirement in app.environment.requirements), app.name
    assert len({app.environment.folder for app in APPS.values()}) == len(APPS)


def test_a_version_is_that_of_the_first_requirement() -> None:
    def version(environment: Environment | NodeEnvironment) -> str:
        return App("a", environment, "", lambda trial: None).version

    assert version(Environment("a", ("some[extra]==1.2", "other==3"))) == "1.2"
    assert version(NodeEnvironment("a", ("@scope/some@1.2.3", "other@3"))) == "1.2.3"


def trial(folder: Path = Path(), environment: Environment | None = None) -> Trial:
    return Trial(environment or Environment("apps/none", ()), folder)


LOG = """
id=1 method=GET path=/livez status=200 ms=1
id=2 method=GET path=/healthz status=503 ms=1
id=3 method=POST path=/v1/responses status=200 ms=1 model=m
id=4 method=POST path=/v1/responses status=400 ms=1 error=unsupported_parameter
id=5 method=GET path=/v1/models status=500 ms=1
"""


def test_each_request_that_got_an_error_fails_an_application_unless_it_is_expected() -> None:
    tried = trial()
    tried._judge(_requests(LOG), ["POST /v1/responses 400"])
    assert (tried.asked, tried.failed) == ({"POST /v1/responses"}, ["a request got an error: GET /v1/models 500"])
    tried = trial()
    tried._judge(_requests(LOG), [])
    assert len(tried.failed) == 2


def test_what_was_seen_is_noted_and_told_in_the_row() -> None:
    tried = trial()
    tried.check("answers", "a", "a")
    tried.holds("tools", False, "none")
    app = App("some", Environment("apps/some", ("some==1",)), "`KEY`", lambda trial: None)
    assert table.row(app, tried) == ("some", "1", "`KEY`", "", "answers; fails: tools: 'none'")
    assert table.missing_row(app, "no") == ("some", "1", "`KEY`", "", "not tried: no")


class Shells(Environment):
    """An environment whose programs are the system's."""

    def program(self, name: str) -> str:
        return f"/bin/{name}"


@pytest.mark.live
def test_a_program_gets_a_home_of_its_own_and_no_key_of_the_person_who_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "theirs")
    tried = trial(tmp_path, Shells("apps/none", ()))
    assert (
        tried.run("sh", "-c", 'echo "$HOME $PWD [$OPENAI_API_KEY] $A"', env={"A": "b"})
        == f"{tmp_path} {tmp_path} [] b\n"
    )


@pytest.mark.live
def test_a_program_that_fails_or_takes_too_long_is_told_by_its_last_words_and_ended(tmp_path: Path) -> None:
    tried = trial(tmp_path, Shells("apps/none", ()))
    with pytest.raises(Failed, match="sh ended with status 3: no luck"):
        tried.run("sh", "-c", "echo no luck >&2; exit 3")
    with pytest.raises(Failed, match=r"sh took more than 0\.5 s"):
        tried.run("sh", "-c", "sleep 60 & wait", seconds=0.5)
