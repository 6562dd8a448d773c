"""Prints the contract, as one file, as openapi-generator can make Rust of it: ``python tools/rust_contract.py FILE``.

From the contract as it stands, openapi-generator 7.26 makes a ``rust-server`` that does not compile and a ``rust``
client that writes a tag twice. The document printed has the same operations and the same names, and takes whatever the
contract takes, and more:

* no `discriminator`: the branches have their tag, and Rust's types try one branch after the other;
* `oneOf` for every `anyOf`: of these ``rust`` makes an empty struct;
* no null for what may be absent: Rust's `Option` takes null for both;
* a nullable array of numbers may be absent, and is not null;
* no `default`: it is what a server assumes, and ``rust-server`` would send it;
* a union of one is that one;
* a time has 64 bits: without a format for it, it would have 32, which end in 2038;
* the body of a stream is a text.
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


def rust_contract(document: Json) -> Json:
    """The document in that form; the one given stays as it is."""
    rewritten = copy.deepcopy(document)
    for path in rewritten["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                if "text/event-stream" in response.get("content", {}):
                    response["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    components = rewritten["components"]
    schemas = {name: _without_null(_rewritten(schema)) for name, schema in components["schemas"].items()}
    aliases = {_COMPONENTS + name: schema["$ref"] for name, schema in schemas.items() if "$ref" in schema}
    components["schemas"] = {name: schema for name, schema in schemas.items() if "$ref" not in schema}
    direct: Json = _direct(rewritten, aliases)
    return direct


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
