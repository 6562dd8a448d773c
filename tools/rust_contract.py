"""Prints the contract, as one file, as openapi-generator can make Rust of it: ``python tools/rust_contract.py FILE``.

From the contract as it stands, openapi-generator 7.26 makes a ``rust-server`` that does not compile and a ``rust``
client that writes a tag twice. The document printed has the operations on chats and models, of whose parts all compile,
under the same names; it takes whatever the contract takes, and more:

* no `discriminator`: the branches have their tag, and Rust's types try one branch after the other;
* `oneOf` for every `anyOf`: of these ``rust`` makes an empty struct;
* no null for what may be absent: Rust's `Option` takes null for both;
* a nullable array of numbers may be absent, and is not null;
* no `default`: it is what a server assumes, and ``rust-server`` would send it;
* a union of one is that one;
* a time has 64 bits: without a format for it, it would have 32, which end in 2038;
* the body of a stream is a text;
* no object in a query: ``rust-server`` has no text for one.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

_COMPONENTS = "#/components/schemas/"
_NULL = {"type": "null"}
# ``rust-server`` cannot have the nullable numbers of completions, nor the lists of outputs of responses.
_TAGS = frozenset({"Chat", "Models"})


def rust_contract(document: Json) -> Json:
    """The document in that form; the one given stays as it is."""
    rewritten = _of_chats_and_models(copy.deepcopy(document))
    for path in rewritten["paths"].values():
        for operation in path.values():
            if "parameters" in operation:
                given = operation["parameters"]
                operation["parameters"] = [each for each in given if each.get("style") != "deepObject"]
            for response in operation["responses"].values():
                if "text/event-stream" in response.get("content", {}):
                    response["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    components = rewritten["components"]
    schemas = {name: _without_null(_rewritten(schema)) for name, schema in components["schemas"].items()}
    aliases = {_COMPONENTS + name: schema["$ref"] for name, schema in schemas.items() if "$ref" in schema}
    components["schemas"] = {name: schema for name, schema in schemas.items() if "$ref" not in schema}
    direct: Json = _direct(rewritten, aliases)
    return direct


def _of_chats_and_models(document: Json) -> Json:
    """The document with those operations, and with the schemas that they lead to."""
    document["paths"] = {
        path: item
        for path, item in document["paths"].items()
        if any(_TAGS & set(operation.get("tags", ())) for operation in item.values())
    }
    document["tags"] = [tag for tag in document["tags"] if tag["name"] in _TAGS]
    parts = document["components"]
    found: set[str] = set()
    waiting = _referred([document["paths"], {name: part for name, part in parts.items() if name != "schemas"}])
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= _referred(parts["schemas"][name]) - found
    parts["schemas"] = {name: schema for name, schema in parts["schemas"].items() if name in found}
    return document


def _referred(value: Any) -> set[str]:
    """The schemas that anything in a value refers to."""
    if isinstance(value, list):
        return set().union(*map(_referred, value))
    if not isinstance(value, dict):
        return set()
    own = value.get("$ref")
    found = {own.removeprefix(_COMPONENTS)} if isinstance(own, str) and own.startswith(_COMPONENTS) else set()
    mapped = value.get("mapping")
    if isinstance(mapped, dict):
        found |= {each.removeprefix(_COMPONENTS) for each in mapped.values() if isinstance(each, str)}
    return found.union(*map(_referred, value.values()))


def _rewritten(schema: Json) -> Json:
    """A schema without what Rust cannot have, and the schemas in it likewise."""
    schema = {key: value for key, value in schema.items() if key not in ("discriminator", "default")}
    if schema.get("format") == "unixtime":
        schema["format"] = "int64"
    if "anyOf" in schema:
        schema["oneOf"] = schema.pop("anyOf")
    if "oneOf" in schema:
        schema["oneOf"] = [_rewritten(branch) for branch in schema["oneOf"]]
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _rewritten(schema[key])
    if "properties" in schema:
        inner = {name: _rewritten(value) for name, value in schema["properties"].items()}
        required = [name for name in schema.pop("required", []) if not _is_nullable_list(inner[name])]
        schema["properties"] = {n: value if n in required else _without_null(value) for n, value in inner.items()}
        schema |= {"required": required} if required else {}
    return schema


def _is_nullable_list(schema: Json) -> bool:
    return schema.get("type") == ["array", "null"] and "type" in schema["items"]


def _without_null(schema: Json) -> Json:
    """A schema that does not name null; of a union of one, that one."""
    schema = dict(schema)
    if isinstance(schema.get("type"), list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
    if None in schema.get("enum", ()):
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if "oneOf" in schema:
        branches = [branch for branch in schema.pop("oneOf") if branch != _NULL]
        if len(branches) > 1:
            schema["oneOf"] = branches
        else:
            schema = dict(branches[0]) if "$ref" in branches[0] else {**schema, **branches[0]}
    return schema


def _direct(value: Any, aliases: dict[str, str]) -> Any:
    """A value whose references lead where those of the aliases lead."""
    if isinstance(value, list):
        return [_direct(item, aliases) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: aliases.get(item, item) if key == "$ref" and isinstance(item, str) else _direct(item, aliases)
        for key, item in value.items()
    }


if __name__ == "__main__":
    loaded = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(yaml.safe_dump(rust_contract(loaded), sort_keys=False, allow_unicode=True, width=110), end="")
