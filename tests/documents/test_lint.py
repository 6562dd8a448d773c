"""Whatever is wrong with a document is told with its place, line and severity, and a sound one gives nothing."""

from __future__ import annotations

import ast
import json
from itertools import takewhile
from pathlib import Path

import pytest

from app.configuration.document import contract_path
from app.contract.pointers import last_token
from app.documents.lint.check import Report, check_document
from app.documents.lint.findings import Finding
from app.documents.lint.rules import RULES
from app.settings import Settings

from ..foreign import FOREIGN, foreign

HEAD = "openapi: {version}.0\ninfo: {{title: t, version: '1'}}\n"
# An operation with nothing wrong, but for what a case adds before it.
REST = "tags: [A], responses: {'200': {description: d}}"
GET = "operationId: a, " + REST


def check(folder: Path, text: str, version: str = "3.1", **files: str) -> Report:
    """The report on a document; other files lie beside it."""
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content)
    path = folder / "openapi.yaml"
    path.write_text(HEAD.format(version=version) + text)
    return check_document(path, lambda operation: "501")


def in_answer(content: str, rest: str = "") -> str:
    """A document whose one operation answers JSON; ``content`` is its media type's, ``rest`` follows at the top."""
    lines = "".join(f"              {line}\n" for line in content.splitlines())
    return (
        "paths:\n  /a:\n    get:\n      operationId: a\n      tags: [A]\n      responses:\n        '200':\n"
        f"          description: d\n          content:\n            application/json:\n{lines}{rest}"
    )


def in_body(schema: str, rest: str = "") -> str:
    """The same with a schema, each line of which is indented."""
    return in_answer("schema:\n" + "".join(f"  {line}\n" for line in schema.splitlines()), rest)


AT = "/paths/~1a/get"
ANSWER = f"{AT}/responses/200/content/application~1json"


def cases() -> list[tuple[str, str, str, str, str]]:
    """Rule, severity, version, pointer and document of each case in the file of cases: a comment in the document marks
    the line, and what stands below ``answer`` is the content of the answer of ``GET /a``."""
    found = []
    for part in (Path(__file__).parent / "lint_cases.txt").read_text().split("--- ")[1:]:
        title, _, text = part.partition("\n")
        rule, severity, version, pointer = title.split(" ")
        if text.startswith("answer:\n"):
            lines = text.splitlines()[1:]
            inner = list(takewhile(lambda line: line.startswith("  "), lines))
            rest = "".join(f"{line}\n" for line in lines[len(inner) :])
            text = in_answer("\n".join(line[2:] for line in inner), rest)
        found.append((rule, severity, version, pointer.replace("ANSWER", ANSWER), text))
    return found


CASES = cases()


@pytest.mark.parametrize(
    ("rule", "severity", "version", "pointer", "text"), CASES, ids=[f"{c[0]}-{c[3].rpartition('/')[2]}" for c in CASES]
)
def test_what_is_wrong_is_told_with_its_place_line_and_severity(
    tmp_path: Path, rule: str, severity: str, version: str, pointer: str, text: str
) -> None:
    report = check(tmp_path, text, version)
    (found,) = [f for f in report.findings if (f.rule, f.pointer) == (rule, pointer)]
    marked = next(number for number, line in enumerate(text.splitlines(), 3) if "# here" in line)
    assert (found.severity, found.file, found.line) == (severity, "openapi.yaml", marked)
    assert found.message
    assert found.advice
    # Nothing else is as bad, so the place is the cause and no echo of it.
    others = [f for f in report.findings if f is not found and f.severity == "error"]
    assert others == [], [f"{f.rule} {f.pointer}" for f in others]


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("openapi: 3.1.0\npaths: [\n", "unreadable", 3),
        ("", "unreadable", 1),
        ("- 1\n", "not-openapi", 1),
        ("swagger: '2.0'\npaths: {}\n", "not-openapi", 1),
        ("info: {}\nopenapi: 3.3.0\npaths: {}\n", "not-openapi", 2),
        ("openapi: 3.1.0\n", "not-openapi", 1),
        ("openapi: 3.1.0\npaths: &a\n  b: *a\n", "unreadable", 2),
    ],
)
def test_a_file_that_is_no_document_is_one_error(tmp_path: Path, text: str, rule: str, line: int) -> None:
    path = tmp_path / "openapi.yaml"
    path.write_text(text)
    report = check_document(path, lambda operation: "501")
    assert [(f.severity, f.rule, f.line) for f in report.findings] == [("error", rule, line)]
    assert report.rows == []


def test_what_only_the_server_refuses_is_an_error_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr("app.documents.lint.check.operations", refuse)
    (found,) = check(tmp_path, f"paths: {{/a: {{get: {{{GET}}}}}}}\n").findings
    assert (found.severity, found.rule) == ("error", "not-servable")


def test_a_misspelt_field_is_told_with_the_right_one(tmp_path: Path) -> None:
    text = "paths: {/a: {get: {operationID: a, tags: [A], reponses: {}}}}\n"
    advice = {f.pointer: f.advice for f in check(tmp_path, text).findings}
    assert advice[f"{AT}/operationID"] == "did you mean operationId?"
    assert advice[f"{AT}/reponses"] == "did you mean responses?"


def test_a_finding_in_a_second_file_has_its_name_and_line(tmp_path: Path) -> None:
    part = "components:\n  schemas:\n    Name:\n      type: string\n      default: 5\n"
    text = in_body("properties:\n  a: {$ref: 'part.yaml#/components/schemas/Name'}")
    (found,) = check(tmp_path, text, part=part).findings
    assert (found.rule, found.file, found.line) == ("invalid-default", "part.yaml", 5)
    assert found.pointer == "/components/schemas/Name/default"
    broken = check(tmp_path, text, part=part.replace("default: 5", "default: x") + "    Other: {$ref: none.yaml}\n")
    assert [(f.rule, f.file, f.line) for f in broken.findings] == [("unresolved-reference", "part.yaml", 6)]


def test_a_document_behind_a_symbolic_link_is_checked_where_it_lies_as_it_is_served(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    report = check(tmp_path / "real", in_body("$ref: 'part.yaml#/Name'"), part="Name: {type: string, default: 5}\n")
    assert [(f.rule, f.file) for f in report.findings] == [("invalid-default", "part.yaml")]
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real" / "openapi.yaml")
    assert check_document(tmp_path / "link.yaml", lambda operation: "501") == report


def test_references_of_a_second_file_are_told_from_data_and_from_names_like_those_of_data(tmp_path: Path) -> None:
    part = (
        "Name: {type: string}\n"
        "Pet:\n  properties:\n    value: {$ref: '#/None'}\n    example: {$ref: '#/Name'}\n"
        "  example: {$ref: '#/data'}\n  x-data: {$ref: '#/data'}\n"
    )
    report = check(tmp_path, in_body("$ref: 'part.yaml#/Name'"), part=part)
    assert [(f.rule, f.line) for f in report.findings] == [("unresolved-reference", 4)]


def test_a_sound_document_of_two_files_gives_nothing(tmp_path: Path) -> None:
    part = "Name: {type: string, default: x}\nPet: {properties: {name: {$ref: '#/Name'}}, example: {name: y}}\n"
    report = check(tmp_path, in_body("$ref: 'part.yaml#/Pet'\nexample: {name: z}"), part=part)
    assert report.findings == []
    assert [row.schemas for row in report.rows] == [[True]]


def test_lines_are_found_in_json_with_tabs(tmp_path: Path) -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": 'a "quoted" text: {[,]}', "version": "1"},
        "paths": {"/a": {"get": {"operationId": "a", "tags": ["A"], "reponses": {}, "x-data": [1, -2.5e3, None, []]}}},
    }
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document, indent="\t"))
    found = {f.rule: f for f in check_document(path, lambda operation: "501").findings}
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "reponses" in text)
    assert (found["unknown-field"].line, found["unknown-field"].column) == (line, 5)
    path.write_text('{"openapi": "3.1.0", "openapi": "3.1.0",\n "paths": {}, "paths": {}}')
    twice = [f for f in check_document(path, lambda operation: "501").findings if f.rule == "duplicate-key"]
    assert [(f.pointer, f.line, f.column) for f in twice] == [("/openapi", 1, 22), ("/paths", 2, 15)]


def test_what_merge_keys_and_aliases_bring_in_is_checked_where_it_was_written(tmp_path: Path) -> None:
    text = (
        "x-common: &common\n  tags: [A]\n  reponses: {}\npaths:\n  /a:\n    get:\n      <<: *common\n"
        "      operationId: a\n      responses: {'200': {description: d}}\n"
    )
    (found,) = check(tmp_path, text).findings
    assert (found.pointer, found.line) == (f"{AT}/reponses", 5)


def test_an_example_of_another_media_type_is_its_text(tmp_path: Path) -> None:
    text = in_answer("schema: {type: object}\nexample: 'data: {}'").replace("application/json", "text/event-stream")
    assert check(tmp_path, text).findings == []


def test_null_is_no_unreachable_value_of_a_nullable_enum(tmp_path: Path) -> None:
    assert check(tmp_path, in_body("type: string\nnullable: true\nenum: [a, null]"), "3.0").findings == []


def test_a_part_of_a_component_that_is_referred_to_makes_it_used(tmp_path: Path) -> None:
    components = "components: {schemas: {A: {properties: {b: {type: string}}}}}\n"
    assert check(tmp_path, in_body("$ref: '#/components/schemas/A/properties/b'", components)).findings == []


def test_callbacks_and_webhooks_are_looked_at_without_being_served(tmp_path: Path) -> None:
    hook = "{post: {responses: {'200': {description: d, content: {application/json: {schema: {pattern: '['}}}}}}}"
    text = f"paths: {{/a: {{get: {{{GET}, callbacks: {{c: {{'{{$url}}': {hook}}}}}}}}}}}\nwebhooks: {{w: {hook}}}\n"
    found = check(tmp_path, text).findings
    assert {(f.severity, f.rule) for f in found} == {("warning", "invalid-pattern")}
    assert len(found) == 2


def test_operations_are_listed_with_what_the_server_makes_of_them(tmp_path: Path) -> None:
    text = (
        "security: [{Key: []}]\npaths:\n  /a:\n    get: {responses: {'200': {description: d, content: "
        "{application/json: {schema: {type: string}}, text/plain: {}}}}}\n"
        f"    post: {{operationId: b, security: [], {REST}}}\n"
        "components: {securitySchemes: {Key: {type: http, scheme: bearer}}}\n"
    )
    first, second = check(tmp_path, text).rows
    assert (first.method, first.path, first.id, first.derived) == ("GET", "/a", "get_a", True)
    assert first.security == (("Key",),)
    assert first.responses == {"200": {"application/json": True, "text/plain": None}}
    assert (second.id, second.derived, second.security, second.schemas) == ("b", False, (), [])


def test_the_name_that_is_told_of_a_nameless_operation_is_the_one_that_it_gets(tmp_path: Path) -> None:
    answers = "responses: {'200': {description: d}}"
    paths = ("/a_/{b}__c", "/a/{b}/c", "/a-b-c", "/{id}.json")
    declared = "parameters: [{in: path, required: true, schema: {}, name: %s}]"
    items = [
        f"  {path}: {{get: {{{answers}, {declared % path.partition('{')[2].partition('}')[0]}}}}}" for path in paths
    ]
    text = "paths:\n" + "\n".join(items) + "\n"
    report = check(tmp_path, text.replace(", parameters: [{in: path, required: true, schema: {}, name: }]", ""))
    told = [f.message.rpartition(" ")[2] for f in report.findings if f.rule == "missing-operation-id"]
    assert told == [row.id for row in report.rows]
    assert len(set(told)) == len(paths)


def test_a_document_whose_operation_cannot_be_compiled_is_still_listed(tmp_path: Path) -> None:
    report = check(tmp_path, in_body("type: text"))
    assert [row.schemas for row in report.rows] == [[False]]


def test_the_contract_that_ships_is_clean() -> None:
    assert check_document(contract_path(Settings()), lambda operation: "x").findings == []


@pytest.mark.long
@pytest.mark.parametrize("name", FOREIGN)
def test_documents_of_others_are_servable_and_their_mistakes_have_lines(name: str) -> None:
    path = foreign(name)
    report = check_document(path, lambda operation: "501")
    lines = {file: (path.parent / file).read_text().splitlines() for file in {f.file for f in report.findings}}
    assert lines
    assert [f for f in report.findings if f.severity == "error"] == []
    assert len(report.rows) in (13, 110, 281)
    assert all(all(row.schemas) for row in report.rows)
    for found in report.findings:
        assert last_word(found) in lines[found.file][found.line - 1], found


def last_word(found: Finding) -> str:
    """What stands on the line of a finding: its key, or the dash of an item."""
    word = last_token(found.pointer)
    return "-" if word.isdigit() and len(word) < 3 else word


def test_every_rule_that_a_check_names_is_told_of() -> None:
    named = set()
    for file in Path(check_document.__code__.co_filename).parent.glob("*.py"):
        for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            place = {"add": 2, "error": 1, "warning": 1, "BrokenReference": 0}.get(name)
            if place is not None and len(call.args) > place and isinstance(rule := call.args[place], ast.Constant):
                named.add(rule.value)
    assert named <= set(RULES)
    told = {"leftover-of-3.0", "invalid-example", "invalid-default"}  # by names that are put together
    assert named | told == set(RULES)
    assert {case[0] for case in CASES} <= set(RULES)
    assert list(RULES) == sorted(RULES)
