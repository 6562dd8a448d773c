"""The commands of `parley contract`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.live import ROOT

from ..conftest import Command

GOOD = """\
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /models:
    get:
      operationId: listModels
      tags: [Models]
      responses: {'200': {description: d}}
"""


def write(folder: Path, text: str, name: str = "api.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_sound_document_is_listed_with_what_answers_and_the_status_is_0(tmp_path: Path, command: Command) -> None:
    text = GOOD + "  /x: {get: {tags: [X], responses: {'200': {description: d}}}}\n"
    done = command("contract", "check", write(tmp_path, text))
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"{tmp_path}/api.yaml:9:8: warning: missing-operation-id at /paths/~1x/get" in lines
    rows = [line.split() for line in lines if line.startswith("GET")]
    assert rows[0][:4] == ["GET", "/models", "listModels", "app.handlers.models.list_models"]
    assert rows[1][:5] == ["GET", "/x", "get_x", "(derived)", "501"]
    assert lines[-1] == "0 errors, 1 warning, 0 notes; 2 operations, 1 without a handler"


def test_an_error_makes_the_status_1_and_a_warning_does_so_when_it_is_asked_to(
    tmp_path: Path, command: Command
) -> None:
    warned = write(tmp_path, GOOD.replace("[Models]", "[]"))
    assert command("contract", "check", warned).exit_code == 0
    assert command("contract", "check", warned, "--strict").exit_code == 1
    wrong = command("contract", "check", write(tmp_path, GOOD + "      parameters: [{$ref: '#/none'}]\n"))
    assert wrong.exit_code == 1
    assert f"{tmp_path}/api.yaml:9:21: error: unresolved-reference" in wrong.stdout


def test_a_report_is_given_as_json(tmp_path: Path, command: Command) -> None:
    done = command("contract", "check", write(tmp_path, GOOD + "      sumary: x\n"), "--format", "json")
    report = json.loads(done.stdout)
    (found,) = report["findings"]
    assert found == {
        "severity": "warning",
        "rule": "unknown-field",
        "file": "api.yaml",
        "pointer": "/paths/~1models/get/sumary",
        "line": 9,
        "column": 7,
        "message": "sumary is not a field of an operation; it is ignored",
        "advice": "did you mean summary?",
    }
    assert report["counts"] == {"error": 0, "warning": 1, "info": 0}
    assert [operation["id"] for operation in report["operations"]] == ["listModels"]


@pytest.mark.live
def test_what_is_being_served_need_not_be_servable(tmp_path: Path) -> None:
    broken = write(tmp_path, "openapi: [")
    good = write(tmp_path, GOOD, "good.yaml")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "contract", "check", str(good)],
        cwd=ROOT,
        env={**kept, "PARLEY_SPEC": str(broken), "PARLEY_MODEL": "/none.gguf"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "listModels" in done.stdout


def test_a_document_that_cannot_be_read_is_told_as_an_error(tmp_path: Path, command: Command) -> None:
    done = command("contract", "check", write(tmp_path, "openapi: ["))
    assert done.exit_code == 1
    assert "error: unreadable" in done.stdout


def test_basic_security_opens_operations_when_the_settings_say_so(tmp_path: Path, command: Command) -> None:
    text = GOOD + "security: [{Basic: []}]\ncomponents: {securitySchemes: {Basic: {type: http, scheme: basic}}}\n"
    path = write(tmp_path, text)
    assert "error: unsupported-security-scheme" in command("contract", "check", path).stdout
    assert command("contract", "check", path, PARLEY_BASIC_AUTH="1").exit_code == 0


def test_answers_that_cannot_tell_of_an_error_are_named_where_errors_are_told_as_the_document_has_it(
    tmp_path: Path, command: Command
) -> None:
    schema = "content: {application/json: {schema: {type: object, required: [id], properties: {id: {type: string}}}}}"
    told = schema.replace("id", "message")
    answers = f"'200': {{description: d}}, '404': {{description: d, {schema}}}, '4XX': {{description: d, {told}}}"
    path = write(tmp_path, GOOD.replace("'200': {description: d}", answers))
    assert "untold-error" not in command("contract", "check", path).stdout
    done = command("contract", "check", path, PARLEY_CONVENTIONS="document")
    assert done.exit_code == 0
    (line,) = [line for line in done.stdout.splitlines() if "untold-error" in line]
    assert line.endswith("info: untold-error at /paths/~1models/get/responses/404")


def test_changes_are_grouped_by_operation_and_counted(tmp_path: Path, command: Command) -> None:
    before = write(tmp_path, GOOD)
    query = "      parameters: [{name: q, in: query, required: true, schema: {}}]\n"
    after = write(tmp_path, GOOD + query, "after.yaml")
    done = command("contract", "diff", before, after)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        "GET /models",
        "  breaking      query parameter q: required parameter added",
        "",
        "1 change in 1 operation: 1 breaking, 0 non-breaking, 0 uncertain",
    ]
    assert command("contract", "diff", before, after, "--fail-on-breaking").exit_code == 1
    assert command("contract", "diff", after, before, "--fail-on-breaking").exit_code == 0
    assert command("contract", "diff", before, before).stdout == "no changes\n"


def test_changes_are_given_as_json(tmp_path: Path, command: Command) -> None:
    before, after = write(tmp_path, GOOD), write(tmp_path, GOOD.replace("listModels", "models"), "after.yaml")
    told = json.loads(command("contract", "diff", before, after, "--format", "json").stdout)
    assert [(c["operation"], c["kind"], c["breaking"]) for c in told["changes"]] == [
        ("GET /models", "operation-id", None)
    ]
    assert told["counts"] == {"breaking": 0, "non_breaking": 0, "uncertain": 1}


def test_a_document_that_cannot_be_compared_is_told_in_a_sentence(tmp_path: Path, command: Command) -> None:
    done = command("contract", "diff", write(tmp_path, GOOD), write(tmp_path, "openapi: [", "after.yaml"))
    assert done.exit_code == 1
    assert "contract check" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["one.json", "one.yaml"])
def test_several_files_are_written_as_one(tmp_path: Path, command: Command, name: str) -> None:
    (tmp_path / "more.yaml").write_text("components: {schemas: {Pet: {type: string}}}\n")
    schema = "content: {application/json: {schema: {$ref: 'more.yaml#/components/schemas/Pet'}}}"
    several = write(tmp_path, GOOD.replace("{description: d}", f"{{description: d, {schema}}}"))
    assert command("contract", "bundle", several, "--output", tmp_path / name).exit_code == 0
    one = yaml.safe_load((tmp_path / name).read_text())
    assert one["components"] == {"schemas": {"Pet": {"type": "string"}}}
    assert "$ref: '#/components/schemas/Pet'" in command("contract", "bundle", several).stdout
    (tmp_path / "more.yaml").unlink()
    assert "more.yaml cannot be read" in command("contract", "bundle", several).stderr
    assert yaml.safe_load(command("contract", "bundle", tmp_path / name).stdout) == one
