"""`parley contract check`: what is left out, folded, and written for other programs."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from app.commands.progress import progress
from app.documents.lint.rules import RULES

from ..conftest import Command
from ..live import ROOT
from ..patience import wait_until

HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"


def paths(number: int) -> str:
    """So many operations without a tag."""
    answer = "{operationId: o%d, responses: {'200': {description: d}}}"
    return "paths:\n" + "".join(f"  /p{n}: {{get: {answer % n}}}\n" for n in range(number))


def write(folder: Path, text: str, name: str = "api.yaml") -> Path:
    path = folder / name
    path.write_text(HEAD + text)
    return path


def findings(command: Command, path: Path, *options: str) -> tuple[int, list[tuple[str, str]], int]:
    """The exit status, severities and rules of what is found, and how many are left out."""
    done = command("contract", "check", path, "--format", "json", *options)
    told = json.loads(done.stdout)
    return done.exit_code, [(f["severity"], f["rule"]) for f in told["findings"]], told["ignored"]


def test_findings_of_a_rule_that_is_ignored_are_left_out_and_counted(tmp_path: Path, command: Command) -> None:
    path = write(tmp_path, paths(2) + "  /q: {get: {tags: [A], responses: {'200': {description: d}}}}\n")
    tag, name = ("warning", "operation-without-tag"), ("warning", "missing-operation-id")
    assert findings(command, path) == (0, [tag, tag, name], 0)
    assert findings(command, path, "--ignore", tag[1]) == (0, [name], 2)
    assert findings(command, path, "--ignore", tag[1], "--ignore", name[1], "--strict") == (0, [], 3)
    assert "1 warning, 0 notes, 2 ignored;" in command("contract", "check", path, "--ignore", tag[1]).stdout
    log = json.loads(command("contract", "check", path, "--ignore", tag[1], "--format", "sarif").stdout)
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == [name[1]]


def test_an_unknown_rule_is_named_with_those_that_there_are(tmp_path: Path, command: Command) -> None:
    done = command("contract", "check", write(tmp_path, paths(1)), "--ignore", "no-tag")
    assert done.exit_code == 2
    assert "there is no rule no-tag" in done.stderr
    assert all(rule in done.stderr for rule in ("operation-without-tag", "unused-component"))


def test_an_error_of_a_document_that_is_served_can_be_ignored(tmp_path: Path, command: Command) -> None:
    twice = "paths:\n  /a: {get: {operationId: b, tags: [A], responses: {'200': {description: d}}}}\n"
    path = write(tmp_path, twice + twice.removeprefix("paths:\n"))
    assert findings(command, path) == (1, [("error", "duplicate-key")], 0)
    assert findings(command, path, "--ignore", "duplicate-key") == (0, [], 1)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("paths: {/a: {get: {tags: [A], responses: {'200': {$ref: '#/none'}}}}}\n", "unresolved-reference"),
        ("paths: [", "unreadable"),
        ("paths: {a: {}}\n", "path-without-slash"),
    ],
)
def test_an_error_that_keeps_a_document_from_being_served_cannot_be_ignored(
    text: str, rule: str, tmp_path: Path, command: Command
) -> None:
    status, found, _ = findings(
        command, write(tmp_path, text), *(part for name in RULES for part in ("--ignore", name))
    )
    assert (status, {severity for severity, _ in found}) == (1, {"error"})
    assert ("error", rule) in found


def test_many_findings_of_a_rule_are_folded_with_their_number(tmp_path: Path, command: Command) -> None:
    five, many = write(tmp_path, paths(5)), write(tmp_path, paths(9), "many.yaml")
    assert command("contract", "check", five).stdout.count("operation-without-tag at") == 5
    shown = command("contract", "check", many).stdout
    assert shown.count("operation-without-tag at") == 3
    assert "    and 6 more of operation-without-tag; --all shows them\n" in shown
    assert "0 errors, 9 warnings" in shown
    everything = command("contract", "check", many, "--all").stdout
    assert everything.count("operation-without-tag at") == 9
    assert "more of" not in everything
    assert len(findings(command, many)[1]) == 9


def test_settings_that_cannot_be_read_are_told_from_a_document_with_errors(tmp_path: Path, command: Command) -> None:
    path = write(tmp_path, paths(1))
    assert command("contract", "check", path, PARLEY_HANDLERS="no_such_package").exit_code == 2
    assert command("contract", "check", path, PARLEY_CONVENTIONS="theirs").exit_code == 2
    assert command("contract", "check", tmp_path / "none.yaml").exit_code == 2


def test_sarif_has_rules_levels_and_places(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my docs").mkdir()
    (tmp_path / "my docs" / "more.yaml").write_text("components: {schemas: {P: {type: strin}}}\n")
    answer = "content: {application/json: {schema: {$ref: 'more.yaml#/components/schemas/P'}}}"
    text = paths(1).replace("{description: d}", f"{{description: d, {answer}}}")
    path = write(tmp_path / "my docs", text + "components: {schemas: {Unused: {}}}\n")
    monkeypatch.chdir(tmp_path)
    done = command("contract", "check", path.relative_to(tmp_path), "--format", "sarif")
    assert done.exit_code == 1
    log = json.loads(done.stdout)
    (run,) = log["runs"]
    assert (log["version"], run["columnKind"]) == ("2.1.0", "unicodeCodePoints")
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        rule = result["ruleId"]
        assert rules[result["ruleIndex"]] == {"id": rule, "shortDescription": {"text": RULES[rule]}}
        assert result["message"]["text"].endswith((".", "?"))
    assert [_place(result) for result in run["results"]] == [
        ("operation-without-tag", "warning", "my%20docs/api.yaml", 4, 9, "#/paths/~1p0/get"),
        ("unused-component", "note", "my%20docs/api.yaml", 5, 24, "#/components/schemas/Unused"),
        ("unknown-type", "error", "my%20docs/more.yaml", 1, 28, "#/components/schemas/P/type"),
    ]
    monkeypatch.chdir("/")
    monkeypatch.chdir(Path(__file__).parent)
    elsewhere = json.loads(command("contract", "check", path, "--format", "sarif").stdout)
    assert _place(elsewhere["runs"][0]["results"][0])[2] == "api.yaml"


def _place(result: Any) -> tuple[Any, ...]:
    (location,) = result["locations"]
    place, (logical,) = location["physicalLocation"], location["logicalLocations"]
    region = place["region"]
    at = place["artifactLocation"]["uri"], region["startLine"], region["startColumn"]
    return result["ruleId"], result["level"], *at, logical["fullyQualifiedName"]


def test_sarif_of_a_file_that_cannot_be_read_has_no_region_without_a_line(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "api.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    (result,) = json.loads(command("contract", "check", path, "--format", "sarif").stdout)["runs"][0]["results"]
    assert result["level"] == "error"
    assert "region" not in result["locations"][0]["physicalLocation"]


def test_junit_has_a_failure_for_each_error_and_warning(tmp_path: Path, command: Command) -> None:
    path = write(tmp_path, paths(1).replace("o0", "'<\\u0007>'") + "components: {schemas: {Unused: {}}}\n")
    suite = ElementTree.fromstring(command("contract", "check", path, "--format", "junit").stdout)
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "2", "1")
    assert [(case.get("classname"), len(case)) for case in suite] == [
        ("operation-without-tag", 1),
        ("unused-component", 0),
    ]
    ignored = ("--ignore", "operation-without-tag", "--ignore", "unused-component")
    sound = command("contract", "check", path, "--format", "junit", *ignored)
    suite = ElementTree.fromstring(sound.stdout)
    assert (suite.get("tests"), suite.get("failures"), len(suite)) == ("1", "0", 1)


class Terminal(io.StringIO):
    """A terminal that nobody looks at."""

    def isatty(self) -> bool:
        return True


def test_what_takes_long_is_told_on_a_terminal_until_there_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.commands.progress._AFTER", 0.01)
    monkeypatch.setattr("app.commands.progress._EVERY", 0.01)
    for seen, is_told in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", seen)
        with progress() as shown:
            shown.at("reading it")
            if is_told:
                wait_until(lambda: "\r\x1b[Kreading it (0 s)" in terminal_text())
            else:
                time.sleep(0.05)
        assert seen.getvalue().endswith("\r\x1b[K") is is_told
        assert (seen.getvalue() == "") is not is_told


def terminal_text() -> str:
    assert isinstance(sys.stderr, io.StringIO)
    return sys.stderr.getvalue()


def test_a_failure_leaves_no_progress_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    before = threading.active_count()

    def fail() -> None:
        with progress():
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert threading.active_count() == before
    assert terminal_text() == "\r\x1b[K"


@pytest.mark.live
@pytest.mark.parametrize("arguments", [["check"], ["bundle"], ["convert", "--to", "3.0"], ["diff"]], ids=lambda a: a[0])
def test_a_large_document_gives_the_same_output_on_a_terminal_and_nothing_else_in_a_pipe(
    arguments: list[str], tmp_path: Path
) -> None:
    large = write(tmp_path, paths(3000))
    files = [str(large)] * (2 if arguments[0] == "diff" else 1)
    run = [sys.executable, "-m", "parley", "contract", *arguments, *files]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    env = {**kept, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    piped = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, check=False)
    assert (piped.returncode, piped.stderr) == (0, b"")
    ours, theirs = pty.openpty()
    shown = subprocess.run(run, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=theirs, check=False)
    os.write(theirs, b"end")
    said = b""
    while not said.endswith(b"end"):
        said += os.read(ours, 4096)
    os.close(theirs)
    os.close(ours)
    assert (shown.returncode, shown.stdout) == (0, piped.stdout)
    # Nothing is left on the line.
    assert said.endswith(b"\r\x1b[Kend")
    assert b"\n" not in said
