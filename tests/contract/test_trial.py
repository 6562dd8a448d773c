"""The schemas of a document are tried before it is served; that those of a large one are good is remembered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.contract import schemas, trial
from app.contract.document import Document
from app.contract.trial import Trial, try_all
from app.errors import DocumentError
from app.jsontypes import Json

POINTERS = {f"/components/schemas/S{number}" for number in range(300)}


def document(**more: Json) -> Document:
    made = {f"S{number}": {"type": "string", "maxLength": number} for number in range(300)}
    return Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {**made, **more}}})


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    compile = schemas.Schemas.compile

    def compiling(self: schemas.Schemas, pointer: str) -> object:
        seen.append(pointer)
        return compile(self, pointer)

    monkeypatch.setattr(schemas.Schemas, "compile", compiling)
    return seen


@pytest.fixture(autouse=True)
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Begins another process, as far as schemas are concerned."""

    def begin() -> None:
        monkeypatch.setattr(trial, "_usable", b"")

    begin()
    return begin


def test_many_good_schemas_are_tried_once_for_all_starts(
    tmp_path: Path, compiled: list[str], start: Callable[[], None]
) -> None:
    try_all(document(), POINTERS, folder=tmp_path)
    assert set(compiled) == POINTERS
    compiled.clear()
    start()
    try_all(document(), POINTERS, folder=tmp_path)
    assert not compiled
    try_all(document(S0={"type": "integer"}), POINTERS, folder=tmp_path)
    assert set(compiled) == POINTERS, "another document"


def test_they_are_tried_again_when_the_code_has_changed(
    tmp_path: Path, compiled: list[str], start: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    try_all(document(), POINTERS, folder=tmp_path)
    compiled.clear()
    start()
    monkeypatch.setattr(trial, "_code", lambda: b"another")
    try_all(document(), POINTERS, folder=tmp_path)
    assert set(compiled) == POINTERS


def test_a_bad_one_is_found_each_time(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DocumentError, match="the schema at /components/schemas/S7 cannot be used"):
            try_all(document(S7={"type": "wrong"}), POINTERS, folder=tmp_path)


def test_few_are_tried_without_a_note(tmp_path: Path, compiled: list[str], start: Callable[[], None]) -> None:
    for _ in range(2):
        try_all(document(), {"/components/schemas/S1"}, folder=tmp_path)
        start()
    assert compiled == ["/components/schemas/S1"] * 2
    assert not list(tmp_path.iterdir())


def test_one_process_tries_them_once_for_all_applications_of_a_document(compiled: list[str]) -> None:
    one = {"/components/schemas/S1"}
    for _ in range(2):
        try_all(document(), one)
    assert len(compiled) == 1
    try_all(document(), {*one, "/components/schemas/S2"})
    assert len(compiled) == 3, "others of its schemas"
    try_all(document(S1={"type": "integer"}), one)
    assert len(compiled) == 4, "another document"


def test_a_schema_that_is_only_a_reference_is_tried_as_what_it_means(compiled: list[str]) -> None:
    made = document(
        Same={"$ref": "#/components/schemas/S1"}, Described={"$ref": "#/components/schemas/S1", "title": "t"}
    )
    Trial(made).run(["/components/schemas/Same", "/components/schemas/S1", "/components/schemas/Described"])
    assert compiled == ["/components/schemas/S1", "/components/schemas/Described"]


def test_of_several_bad_ones_the_first_is_told_in_one_line(tmp_path: Path) -> None:
    bad = document(**{f"S{number}": {"type": "wrong"} for number in range(100, 200)})
    with pytest.raises(DocumentError, match=r"S100 cannot be used: [^\n]*$"):
        try_all(bad, POINTERS, folder=tmp_path)


def test_a_reference_to_nothing_says_so() -> None:
    nowhere = "there is nothing at /components/schemas/Nowhere, where a schema is referred to"
    with pytest.raises(DocumentError, match=nowhere):
        Trial(document(S9={"$ref": "#/components/schemas/Nowhere"})).run({"/components/schemas/S9"})
