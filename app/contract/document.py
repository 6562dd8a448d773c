"""Loads an OpenAPI document, 3.0 or 3.1, and gives its schemas in one form: JSON Schema 2020-12.

The document itself is never altered: it is served as it was written. Only the copy that validators are compiled
from is upgraded (``nullable``, boolean exclusive bounds, siblings of ``$ref``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ..errors import ConfigurationError

Json = dict[str, Any]

# Keywords whose values are data, not schemas: nothing in them is upgraded.
_DATA_KEYWORDS = frozenset({"enum", "const", "default", "example", "examples", "required", "discriminator"})
# Keywords whose values are maps from names to schemas.
_SCHEMA_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


class Document:
    """An OpenAPI document.

    ``content`` is the document as written, ``base_path`` the path of its first server without a slash at the end,
    ``json_bytes`` and ``yaml_bytes`` what is served.
    """

    def __init__(self, content: Json, *, source: str = "document") -> None:
        version = str(content.get("openapi", ""))
        if not re.match(r"3\.[01](\.|$)", version):
            found = f"openapi: {version}" if version else "no openapi version"
            raise ConfigurationError(f"{source} has {found}; an OpenAPI document 3.0 or 3.1 is needed.")
        if not isinstance(content.get("paths"), dict):
            raise ConfigurationError(f"{source} has no paths, so there is nothing to serve.")
        self.content = content
        self.source = source
        self.version = version
        self.base_path = _base_path(content)
        self.json_bytes = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        # JSON is YAML 1.2 too, so a document that was never written as YAML can be served as it is.
        self.yaml_bytes = self.json_bytes

    @classmethod
    def load(cls, path: Path) -> Document:
        """Read a YAML or JSON file.

        Raises:
            ConfigurationError: the file cannot be read or is not an OpenAPI document.
        """
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(f"The document {path} cannot be read: {error.strerror}.") from None
        try:
            content = json.loads(raw) if path.suffix == ".json" else yaml.load(raw, Loader=_Loader)
        except ValueError as error:
            raise ConfigurationError(f"The document {path} is not valid JSON: {error}.") from None
        except yaml.YAMLError as error:
            raise ConfigurationError(f"The document {path} is not valid YAML: {error}") from None
        if not isinstance(content, dict):
            raise ConfigurationError(f"The document {path} is not an object at its top level.")
        document = cls(content, source=str(path))
        if path.suffix != ".json":
            document.yaml_bytes = raw
        return document

    def resolve(self, node: Any) -> tuple[Any, str | None]:
        """Follow ``$ref`` from a node: the node that is meant, and its JSON pointer if a reference was followed.

        Raises:
            ConfigurationError: the reference leaves the document or points nowhere.
        """
        pointer = None
        for _ in range(64):
            if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
                return node, pointer
            reference = node["$ref"]
            if not reference.startswith("#/"):
                raise ConfigurationError(f"{self.source}: the reference {reference} leaves the document.")
            pointer = reference[1:]
            node = self.content
            for token in pointer[1:].split("/"):
                try:
                    node = node[token.replace("~1", "/").replace("~0", "~")]
                except (KeyError, TypeError):
                    raise ConfigurationError(f"{self.source}: the reference {reference} points nowhere.") from None
        raise ConfigurationError(f"{self.source}: references go round in circles at {pointer}.")

    def schema_source(self) -> Json:
        """Paths and components with every schema in 2020-12 form, at the same pointers as in the document."""
        parts = {name: self.content[name] for name in ("paths", "components") if name in self.content}
        upgraded: Json = _upgrade(parts, self.version.startswith("3.0"))
        return upgraded


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML with the types of JSON only: a date in a document is a string, and so is ``on``."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


# PyYAML reads 010 as octal, as YAML 1.1 has it; JSON and YAML 1.2 do not.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))


def _base_path(content: Json) -> str:
    servers = content.get("servers") or [{}]
    url = str(servers[0].get("url", "/"))
    for name, rule in (servers[0].get("variables") or {}).items():
        url = url.replace(f"{{{name}}}", str(rule.get("default", "")))
    return "/" + path if (path := urlsplit(url).path.strip("/")) else ""


def _upgrade(node: Any, hides_siblings: bool) -> Any:
    if isinstance(node, list):
        return [_upgrade(item, hides_siblings) for item in node]
    if not isinstance(node, dict):
        return node
    if hides_siblings and isinstance(node.get("$ref"), str):
        return {"$ref": node["$ref"]}  # OpenAPI 3.0: what stands beside a $ref is ignored
    result: Json = {}
    for key, value in node.items():
        if key in _DATA_KEYWORDS or key.startswith("x-"):
            result[key] = value
        elif key in _SCHEMA_MAPS and isinstance(value, dict):
            result[key] = {name: _upgrade(schema, hides_siblings) for name, schema in value.items()}
        else:
            result[key] = _upgrade(value, hides_siblings)
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(result.get(exclusive), bool) and result.pop(exclusive) and limit in result:
            result[exclusive] = result.pop(limit)
    # Left over in many 3.1 documents too. Null is allowed even where an enum or a $ref says otherwise: that is
    # what every author of `nullable: true` means.
    if result.get("nullable") in (True, False) and result.pop("nullable"):
        return {"anyOf": [result, {"type": "null"}]}
    return result


def pointer_to(*tokens: str | int) -> str:
    """A JSON pointer (RFC 6901) from unescaped tokens."""
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def templates(path: str) -> Iterator[str]:
    """The names of the parameters in a path template, in order."""
    return (match.group(1) for match in re.finditer(r"\{([^}]*)\}", path))
