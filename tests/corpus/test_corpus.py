"""A few documents of the corpus are served and asked in the suite; the page has a row for each; the judge judges."""

from __future__ import annotations

from email.message import Message

import pytest

from . import table
from .__main__ import wrong
from .asking import ACCEPTS, KINDS, Finding, Found, ask
from .documents import DOCUMENTS, OWN, known
from .judging import Judge
from .making import Made
from .reading import Operation, Reader

ASKED = ("broken 3.1", "forms 3.1", "headers 3.0", "nulls-3.0", "routes 3.1", "several 3.0")


@pytest.mark.live
@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_of_a_document_is_answered_as_the_judge_would(name: str) -> None:
    document = DOCUMENTS[name]
    found = ask(document.fetch(), operations=5, valid=3, invalid=4)
    assert list(wrong(document, found)) == []
    assert found.judged[ACCEPTS]
    # It is none of our doing that nothing was found: all was judged well.
    assert found.good == found.judged


def test_the_page_has_a_row_for_each_document_and_their_sums() -> None:
    head, *rows = table.rows("documents")
    assert tuple(head) == table.HEAD
    assert [row[0] for row in rows] == [*DOCUMENTS, table.TOTAL]
    assert tuple(rows[-1]) == tuple(cell.strip() for cell in table.total([tuple(row) for row in rows]))


def test_the_page_tells_what_is_known_and_why() -> None:
    head, *rows = table.rows("findings")
    assert tuple(head) == table.KNOWN_HEAD
    assert len(rows) == len(known())
    for each in known():
        assert each.document in DOCUMENTS
        assert each.finding.what in KINDS
        assert each.why.endswith(".")
    assert len({(each.document, each.finding) for each in known()}) == len(known())


def test_a_new_finding_is_wrong_and_so_is_one_that_is_no_longer_there() -> None:
    document = DOCUMENTS["broken 3.1"]
    listed = {each.finding for each in known() if each.document == document.name}
    found = Found("3.1", 0, findings={Finding("GET /new", KINDS[0], "it is new"), *sorted(listed)[1:]})
    new, old = wrong(document, found)
    assert new.startswith("GET /new: a valid request is refused: it is new")
    assert old == f"no longer found, so take it out of known.toml: {min(listed)}"


def made(path: str, *, query: str = "", body: bytes = b"", **headers: str) -> Made:
    return Made(True, "GET", path, query, headers, body)


def judged(name: str, label: str) -> tuple[Judge, Operation]:
    reader = Reader(OWN / name)
    return Judge(reader), next(each for each in reader.operations() if each.label == label)


@pytest.mark.parametrize(
    ("name", "label", "request_", "faults"),
    [
        ("headers.yaml", "GET /things", made("/things"), ["required at header my_header"]),
        ("headers.yaml", "GET /things", made("/things", my_header="x"), ["type at header my_header"]),
        ("headers.yaml", "GET /things", made("/things", my_header="0"), ["minimum at header my_header"]),
        ("headers.yaml", "GET /things", made("/things", my_header="5"), []),
        ("lists.yaml", "GET /things", made("/things", query="page=-1&ids=x"), ["minimum at query page"]),
        ("routes.yaml", "GET /commits/{sha}", made("/commits/0g"), ["pattern at path sha"]),
        ("forms.yaml", "POST /payments", made("/payments"), ["required at body"]),
    ],
)
def test_the_judge_tells_what_is_wrong_with_a_request(name: str, label: str, request_: Made, faults: list[str]) -> None:
    judge, operation = judged(name, label)
    assert [str(fault) for fault in judge.faults(request_, operation)] == faults


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (b'{"name": "a", "parts": [{"name": "b"}]}', []),
        (b'{"name": "a", "parts": [{"name": ""}]}', ["minLength at body parts.0.name"]),
        (b'{"name": "a", "parts": [{}]}', ["required at body parts.0.name"]),
        (b'{"name": "a", "more": 1}', ["additionalProperties at body more"]),
        (b"[]", ["type at body"]),
    ],
)
def test_the_judge_tells_what_is_wrong_with_a_body(body: bytes, faults: list[str]) -> None:
    judge, operation = judged("several/openapi.yaml", "POST /things")
    request = made("/live/v2/things", body=body, **{"content-type": "application/json"})
    assert [str(fault) for fault in judge.faults(request, operation)] == faults


@pytest.mark.parametrize(
    ("name", "label", "status", "kind", "body", "why"),
    [
        ("several/openapi.yaml", "GET /things", 200, "application/json", b'[{"name": "a"}]', None),
        ("several/openapi.yaml", "GET /things", 200, "application/json", b'[{"name": 5}]', "type at 0.name"),
        ("several/openapi.yaml", "GET /things", 200, "application/json", b"[{]", "it is no JSON"),
        ("several/openapi.yaml", "GET /things", 200, "text/plain", b"a", "the media type text/plain is not listed"),
        ("several/openapi.yaml", "GET /things", 201, "application/json", b"[]", "the status 201 is not listed"),
        ("tokens.yaml", "GET /mine", 200, "application/json", b'{"id": "x"}', "format at id"),
        ("tokens.yaml", "GET /open", 204, "", b"x", "there is a body"),
        ("headers.yaml", "GET /things", 200, "application/json", b"[]", "the header x_total is missing"),
        ("nulls-3.0.yaml", "POST /accounts", 201, "application/json", b'{"id": 1, "name": "a", "nick": null}', None),
        ("nulls-3.0.yaml", "POST /accounts", 201, "application/json", b'{"name": "a", "nick": null}', "required at id"),
        ("texts.yaml", "GET /picture", 200, "image/png", b"x", None),
    ],
)
def test_the_judge_tells_why_an_answer_does_not_fit(
    name: str, label: str, status: int, kind: str, body: bytes, why: str | None
) -> None:
    judge, operation = judged(name, label)
    headers = Message()
    headers["content-type"] = kind
    assert judge.unfit(status, headers, body, operation) == why
