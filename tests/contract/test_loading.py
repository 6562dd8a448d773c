"""A document may be one file or several in one folder, and its parsed form is kept."""

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.contract.cache import Kept
from app.contract.document import Document
from app.contract.loading import load
from app.contract.operations import operations
from app.contract.schemas import Schemas
from app.errors import ConfigurationError, DocumentError

ROOT = """
openapi: 3.1.0
info: {title: t, version: '1'}
paths:
  /pets/{id}: {$ref: 'paths/pet.yaml'}
components:
  schemas:
    Name: {type: string, minLength: 1}
    Pet: {$ref: './schemas/pets.json#/Pet'}
"""
PATH = """
get:
  operationId: getPet
  parameters:
    - {name: id, in: path, required: true, schema: {$ref: '../schemas/pets.json#/Id'}}
  responses:
    200:
      description: A pet.
      content:
        application/json:
          schema: {$ref: ../root.yaml#/components/schemas/Pet}
          example: {$ref: 'http://data.example/not-a-reference'}
"""
PETS: dict[str, Any] = {
    "Id": {"type": "integer"},
    "Pet": {
        "type": "object",
        "properties": {
            "name": {"$ref": "../root.yaml#/components/schemas/Name"},
            "mother": {"$ref": "#/Pet"},
        },
        "required": ["name"],
    },
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "api"
    (folder / "paths").mkdir(parents=True)
    (folder / "schemas").mkdir()
    (folder / "root.yaml").write_text(ROOT)
    (folder / "paths" / "pet.yaml").write_text(PATH)
    (folder / "schemas" / "pets.json").write_text(json.dumps(PETS))
    return folder / "root.yaml"


def test_several_files_are_one_document(root: Path) -> None:
    document = Document.load(root)
    (operation,) = operations(document)
    assert operation.id == "getPet"
    schemas = Schemas(document)
    (parameter,) = operation.parameters
    assert parameter.schema is not None
    assert schemas.validator(parameter.schema).is_valid(1)
    assert not schemas.validator(parameter.schema).is_valid("1")
    pet = operation.response_schema(200, "application/json")
    assert pet is not None
    assert schemas.validator(pet).is_valid({"name": "a", "mother": {"name": "b"}})
    assert not schemas.validator(pet).is_valid({"name": "a", "mother": {"name": ""}})
    assert [file.name for file in document.files] == ["root.yaml", "pet.yaml", "pets.json"]
    # What is served stands alone.
    served = json.loads(document.json_bytes)
    again = Document(served)
    assert [o.id for o in operations(again)] == ["getPet"]
    assert document.yaml_bytes == document.json_bytes


def test_an_error_tells_the_files_that_were_asked_for(root: Path) -> None:
    (root.parent / "schemas" / "pets.json").unlink()
    with pytest.raises(DocumentError, match=r"pets\.json cannot be read") as caught:
        Document.load(root)
    assert [file.name for file in caught.value.files] == ["root.yaml", "pet.yaml", "pets.json"]


@pytest.mark.parametrize(
    "reference",
    [
        "http://example.com/pets.yaml#/Pet",
        "//example.com/pets.yaml",
        "file:///etc/passwd",
        "/etc/hosts.yaml",
        "../outside.yaml#/Pet",
        "link.yaml#/Pet",
        "schemas/secret.txt",
    ],
)
def test_a_reference_that_leaves_the_folder_is_refused(root: Path, reference: str) -> None:
    (root.parent.parent / "outside.yaml").write_text("Pet: {type: object}")
    (root.parent / "schemas" / "secret.txt").write_text("Pet: {type: object}")
    os.symlink(root.parent.parent / "outside.yaml", root.parent / "link.yaml")
    root.write_text(ROOT.replace("./schemas/pets.json#/Pet", reference))
    with pytest.raises(ConfigurationError, match="leaves the document"):
        Document.load(root)


def test_a_discriminator_may_map_to_a_file_beside_the_document(tmp_path: Path) -> None:
    dog = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
    (tmp_path / "dog.json").write_text(json.dumps(dog))
    union = {
        "oneOf": [{"$ref": "dog.json"}, {"$ref": "#/components/schemas/Cat"}],
        "discriminator": {"propertyName": "kind", "mapping": {"hound": "dog.json"}},
    }
    content = {"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"Pet": union, "Cat": dog}}}
    root = tmp_path / "root.json"
    root.write_text(json.dumps(content))
    document = Document.load(root)
    assert [file.name for file in document.files] == ["root.json", "dog.json"]
    validator = Schemas(document).validator("/components/schemas/Pet")
    assert [kind for kind in ("hound", "dog.json", "Cat", "x") if validator.is_valid({"kind": kind})] == [
        "hound",
        "Cat",
    ]


def test_a_file_that_is_missing_is_named(root: Path) -> None:
    (root.parent / "schemas" / "pets.json").unlink()
    with pytest.raises(ConfigurationError, match=r"pets\.json cannot be read"):
        Document.load(root)


def test_the_parsed_form_is_kept_and_believed_only_for_the_same_bytes(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = tmp_path / "d.yaml"
    path.write_text("openapi: 3.1.0\npaths: {}\nx: [2024-01-01, 010]\n")
    first = load(path, cache=cache)
    (kept,) = cache.glob("*.json")
    assert cache.stat().st_mode & 0o777 == 0o700
    assert kept.stat().st_mode & 0o777 == 0o600
    Kept(cache, b".yaml" + path.read_bytes()).write(b'{"openapi":"3.1.0","paths":{},"x":["from the cache",10]}')
    assert load(path, cache=cache).content["x"] == ["from the cache", 10]
    path.write_text(path.read_text() + "\n# changed\n")
    again = load(path, cache=cache)
    assert again.content == first.content == {"openapi": "3.1.0", "paths": {}, "x": ["2024-01-01", 10]}


def test_a_cache_that_others_may_write_to_is_not_believed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = tmp_path / "d.yaml"
    path.write_text("openapi: 3.1.0\npaths: {}\nx: mine\n")
    load(path, cache=cache)
    (kept,) = cache.glob("*.json")
    Kept(cache, b".yaml" + path.read_bytes()).write(b'{"openapi":"3.1.0","paths":{},"x":"yours"}')
    assert load(path, cache=cache).content["x"] == "yours"
    cache.chmod(0o777)
    assert load(path, cache=cache).content["x"] == "mine"
    assert kept.exists()


@pytest.mark.parametrize("junk", [b"", b"{broken", b"[]", b'{"openapi":"3.1.0"}', b"\xff"])
def test_a_kept_file_that_is_not_as_it_was_written_is_made_anew(junk: bytes, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = tmp_path / "d.yaml"
    path.write_text("openapi: 3.1.0\npaths: {}\nx: mine\n")
    load(path, cache=cache)
    (kept,) = cache.glob("*.json")
    whole = kept.read_bytes()
    kept.write_bytes(junk)
    assert load(path, cache=cache).content["x"] == "mine"
    assert kept.read_bytes() == whole
    kept.unlink()
    kept.mkdir()
    assert load(path, cache=cache).content["x"] == "mine"
    assert sorted(cache.iterdir()) == [kept], "what could not be kept was left lying"


def test_aliases_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    lines = [f"x-{name}: &{name} [{', '.join(['*' + before] * 10)}]" for before, name in pairwise("abcdefghij")]
    path.write_text("openapi: 3.1.0\npaths: {}\nx-a: &a [1, 1]\n" + "\n".join(lines))
    with pytest.raises(ConfigurationError, match="aliases"):
        load(path, cache=tmp_path)


def test_names_that_are_no_strings_in_yaml_are_those_of_json(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_text("openapi: 3.1.0\npaths: {}\nx: {200: a, true: b, null: c}\n")
    assert load(path).content["x"] == {"200": "a", "true": "b", "null": "c"}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_document_that_is_named_beside_another_is_served_with_it_where_it_is_there(
    tmp_path: Path, is_there: bool
) -> None:
    answer = {"responses": {"200": {"description": "d"}}}
    other = {
        "tags": [{"name": "B"}],
        "paths": {"/a": {"get": {"operationId": "mine"}}, "/b": {"get": {**answer, "operationId": "b"}}},
        "components": {"schemas": {"S": {"$ref": "root.json#/components/schemas/T"}}},
    }
    root = {"openapi": "3.1.0", "paths": {"/a": {"get": {"operationId": "a"}}}, "x-parley-beside": ["b.json"]}
    root["components"] = {"schemas": {"T": {"type": "integer"}}}
    (tmp_path / "root.json").write_text(json.dumps(root))
    if is_there:
        (tmp_path / "b.json").write_text(json.dumps(other))
    document = Document.load(tmp_path / "root.json")
    assert [operation.id for operation in operations(document)] == (["a", "b"] if is_there else ["a"])
    assert document.content.get("tags", []) == (other["tags"] if is_there else [])
    assert [file.name for file in document.files] == ["root.json", *(["b.json"] if is_there else [])]


def test_a_document_that_is_kept_is_not_read_again_until_one_of_its_files_changes(tmp_path: Path) -> None:
    root = tmp_path / "root.yaml"
    (tmp_path / "paths").mkdir()
    (tmp_path / "schemas").mkdir()
    root.write_text(ROOT)
    (tmp_path / "paths" / "pet.yaml").write_text(PATH)
    pets = tmp_path / "schemas" / "pets.json"
    pets.write_text('{"Pet": {"type": "object"}, "Id": {"type": "string"}}')
    kept = load(root, keep=True)
    assert load(root) is kept
    pets.write_text('{"Pet": {"type": "array"}, "Id": {"type": "string"}}')
    changed = load(root)
    assert changed is not kept
    assert b'"array"' in changed.json
    pets.unlink()
    with pytest.raises(DocumentError, match=r"pets\.json"):
        load(root)


def test_what_was_not_to_be_kept_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text('{"openapi":"3.1.0","paths":{}}')
    assert load(path) is not load(path)


def test_large_json_is_kept_in_the_cache_too_and_small_is_not(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    path = tmp_path / "d.json"
    content = {"openapi": "3.1.0", "paths": {}, "x": "y"}
    path.write_text(json.dumps(content))
    load(path, cache=cache)
    assert not cache.exists()
    path.write_text(json.dumps({**content, "x": "y" * (1 << 20)}, indent=1))
    first = load(path, cache=cache)
    Kept(cache, b".json" + path.read_bytes()).write(b'{"openapi":"3.1.0","paths":{},"x":"from the cache"}')
    assert first.content["x"] == "y" * (1 << 20)
    assert load(path, cache=cache).content["x"] == "from the cache"
