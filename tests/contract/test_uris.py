"""Files refer to each other by where they lie, or by the URIs that they give themselves."""

import json
from os.path import normpath
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.contract.document import Document
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.contract.uris import Uris
from app.documents.lint.check import check_document
from app.errors import DocumentError

ENTRY = "https://example.com/api/v1/openapi.yaml"
PET = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
OTHER = {"openapi": "3.2.0", "info": {"title": "o", "version": "1"}, "components": {"schemas": {"Pet": PET}}}


def written(folder: Path, reference: str, entry: Any = None, **files: Any) -> Path:
    schema = {"$ref": reference}
    content = {"application/json": {"schema": schema}}
    operation = {"operationId": "a", "tags": ["A"], "requestBody": {"content": content}, "responses": {"200": {}}}
    given = {"openapi": "3.2.0", "$self": ENTRY, **(entry or {})}
    whole = {**given, "info": {"title": "t", "version": "1"}, "paths": {"/a": {"post": operation}}}
    whole["components"] = {"schemas": {"Own": PET}}
    for name, text in {"openapi.json": whole, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text))
    return folder / "openapi.json"


@pytest.mark.parametrize(
    ("reference", "files"),
    [
        ("#/components/schemas/Own", {}),
        (f"{ENTRY}#/components/schemas/Own", {}),
        ("openapi.yaml#/components/schemas/Own", {}),  # relative to what the file calls itself
        ("/api/v1/openapi.yaml#/components/schemas/Own", {}),
        ("shared/other.json#/components/schemas/Pet", {"shared/other.json": OTHER}),
        ("https://example.com/api/v1/shared/other.json#/components/schemas/Pet", {"shared/other.json": OTHER}),
        ("//example.com/api/v1/pet.json", {"pet.json": PET}),
    ],
)
def test_a_reference_is_relative_to_the_uri_of_its_document(tmp_path: Path, reference: str, files: Any) -> None:
    path = written(tmp_path, reference, **files)
    document = Document.load(path)
    (operation,) = operations(document)
    validator = Schemas(document).validator(str(operation.request_schemas["application/json"]))
    assert validator.is_valid({"name": "Rex"})
    assert not validator.is_valid({})
    # What is shown needs no other file, and nothing else finds a fault with it.
    assert b'"$ref":"#/' in document.json_bytes or files
    assert b"example.com" not in document.json_bytes.replace(ENTRY.encode(), b"")
    assert [finding for finding in check_document(path, lambda _: "x").findings if finding.severity == "error"] == []


def test_a_file_that_names_itself_is_found_by_that_name(tmp_path: Path) -> None:
    named = {**OTHER, "$self": "https://schemas.example.org/pets"}
    entry: Any = {"components": {}}
    path = written(tmp_path, "other.json#/components/schemas/Both", entry, **{"other.json": named, "more.json": PET})
    content = json.loads((tmp_path / "other.json").read_text())
    content["components"]["schemas"]["Both"] = {"$ref": "https://schemas.example.org/pets#/components/schemas/Pet"}
    (tmp_path / "other.json").write_text(json.dumps(content))
    document = Document.load(path)
    (operation,) = operations(document)
    assert not Schemas(document).validator(str(operation.request_schemas["application/json"])).is_valid({})


@pytest.mark.parametrize(
    "reference", ["https://elsewhere.example/a.json", "../other.json", "https://example.com/a.json"]
)
def test_what_lies_elsewhere_is_refused_as_ever(tmp_path: Path, reference: str) -> None:
    with pytest.raises(DocumentError, match="leaves the document"):
        Document.load(written(tmp_path, reference))


@pytest.mark.parametrize("given", ["https://example.com/a#b", "http://[", 5, ""])
def test_a_name_that_is_no_uri_is_refused(tmp_path: Path, given: Any) -> None:
    with pytest.raises(DocumentError, match=r"\$self must be a URI without a fragment"):
        Document.load(written(tmp_path, "#/components/schemas/Own", {"$self": given}))


def test_documents_of_3_1_have_no_uri_of_their_own(tmp_path: Path) -> None:
    path = written(tmp_path, "#/components/schemas/Own", {"openapi": "3.1.0", "$self": "a#b"})
    assert Document.load(path).version == "3.1.0"


_NAMES = st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4}){0,2}\.json", fullmatch=True)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(r"[a-z]{1,4}\.json", fullmatch=True), _NAMES, _NAMES)
def test_a_uri_in_the_folder_of_the_documents_means_the_file_that_lies_there(entry: str, file: str, meant: str) -> None:
    uris = Uris(entry)
    uris.add(entry, {"openapi": "3.2.0", "$self": f"https://example.com/{entry}"})
    relative = uris.relative(file, f"https://example.com/{meant}#/a")
    if file == meant:
        assert relative == "#/a"
        return
    path, _, fragment = relative.partition("#")
    assert fragment == "/a"
    # By the text alone: what lies at such paths on this machine does not matter.
    assert normpath(Path("/", file).parent / path) == str(Path("/", meant))
