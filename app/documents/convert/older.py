"""Converts a document of OpenAPI 3.2 to 3.1.

Features that 3.1 cannot express are left out and reported as losses. Streams keep the schemas of their items: in 3.1,
by convention, the schema of a sequence describes the data of each event, or each item.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ...contract.document import Document
from ...contract.event_schemas import is_json_text
from ...contract.events import item_data
from ...contract.media import FORM, is_json, split_type
from ...contract.methods import ADDITIONAL, QUERY, described_methods
from ...contract.pointers import component_named, pointer_to
from ...contract.sequences import framing_of
from ...jsontypes import Json
from .losses import Loss
from .newer import SENTINEL
from .walking import walked, walked_part

# Fields that 3.1 does not have, by the kind of object, with their descriptions for losses.
_UNKNOWN: dict[str, dict[str, str]] = {
    "document": {"$self": "the URI of the document"},
    "server": {"name": "the name of a server"},
    "tag": {name: f"the {name} of a tag" for name in ("summary", "parent", "kind")},
    "security scheme": {
        "deprecated": "that a key is deprecated",
        "oauth2MetadataUrl": "the address of the authorization server's metadata",
    },
    "media type": {
        "description": "the description of a media type",
        "prefixEncoding": "how parts are encoded by position",
        "itemEncoding": "how parts are encoded by position",
    },
    "encoding": dict.fromkeys(("encoding", "prefixEncoding", "itemEncoding"), "how parts inside a part are encoded"),
}
# The depth limit for circular references and unions.
_DEEPEST = 4
_CONTENTS = ("request body", "response", "parameter", "header")


def to_3_1(document: Document, losses: list[Loss]) -> Json:
    """Convert a document of OpenAPI 3.2 to 3.1, and add what is lost to ``losses``.

    Raises:
        DocumentError: a reference is broken.
    """
    return walked(document, _Older(document, losses).visit)


class _Older:
    def __init__(self, document: Document, losses: list[Loss]) -> None:
        self._document = document
        self._losses = losses
        components = document.content.get("components") or {}
        self._schemes = components.get("securitySchemes") or {}
        self._changes: dict[str, Callable[[Json, str], Json | None]] = {
            "components": self._components,
            "path item": self._path_item,
            "operation": self._operation,
            "parameter": self._parameter,
            "response": self._response,
            "security scheme": self._security_scheme,
            "example": self._example,
            "schema": self._schema,
        }

    def visit(self, kind: str, node: Json, at: str) -> Any:
        if kind == "document":
            node["openapi"] = "3.1.0"
        for name, what in _UNKNOWN.get(kind, {}).items():
            if name in node:
                del node[name]
                self._lose(at + pointer_to(name), what)
        if "content" in node and kind in _CONTENTS:
            node["content"] = dict(self._content(node["content"], at + "/content"))
        if "security" in node and isinstance(node["security"], list):
            node["security"] = [
                {component_named(name, "securitySchemes", self._schemes): scopes for name, scopes in way.items()}
                for way in node["security"]
            ]
        change = self._changes.get(kind)
        return change(node, at) if change else node

    def _components(self, node: Json, at: str) -> Json:
        node.pop("mediaTypes", None)  # each is inlined where it is referenced
        if "parameters" in node:
            node["parameters"] = {name: each for name, each in node["parameters"].items() if each is not None}
        return node

    def _path_item(self, node: Json, at: str) -> Json:
        for method, below in described_methods(node, "3.2"):
            if method == QUERY or below.startswith(pointer_to(ADDITIONAL)):
                self._lose(at + below, "the operation, as 3.1 has no field for its method")
        node.pop(QUERY, None)
        node.pop(ADDITIONAL, None)
        return self._operation(node, at)

    def _operation(self, node: Json, at: str) -> Json:
        if isinstance(node.get("parameters"), list):
            node["parameters"] = [each for each in node["parameters"] if self._can_be_said(each)]
        return node

    def _can_be_said(self, parameter: Any) -> bool:
        """Whether 3.1 can express a parameter or the target of its reference."""
        if not (isinstance(parameter, dict) and isinstance(parameter.get("$ref"), str)):
            return parameter is not None
        node, _ = self._document.resolve(parameter)
        return not isinstance(node, dict) or node.get("in") != "querystring" or _is_form(node)

    def _parameter(self, node: Json, at: str) -> Json | None:
        if node.get("in") == "querystring":
            return self._query(node, at)
        if node.get("style") == "cookie":
            del node["style"]
            self._lose(at + "/style", "that a cookie is written without escapes")
        if "allowReserved" in node and node.get("in") != "query":
            del node["allowReserved"]
            self._lose(at + "/allowReserved", "that reserved characters are not escaped")
        return node

    def _query(self, node: Json, at: str) -> Json | None:
        """Convert a ``querystring`` parameter: the fields of a form become those of an exploded object."""
        rest = {name: value for name, value in node.items() if name not in ("content", "in")}
        if _is_form(node):
            media_type, media = next(iter(node["content"].items()))
            if media.get("encoding"):
                self._lose(
                    at + pointer_to("content", media_type, "encoding"), "how the fields of the query are encoded"
                )
            return {**rest, "in": "query", "style": "form", "explode": True, "schema": media["schema"]}
        self._lose(at, "the query as one parameter", looser=True)
        return None

    def _response(self, node: Json, at: str) -> Json:
        if "summary" in node:
            summary = node.pop("summary")
            if "description" in node:
                self._lose(at + "/summary", "the summary of an answer")
            node.setdefault("description", summary)
        node.setdefault("description", "")
        return node

    def _security_scheme(self, node: Json, at: str) -> Json:
        flows = node.get("flows")
        if isinstance(flows, dict) and "deviceAuthorization" in flows:
            node["flows"] = {name: flow for name, flow in flows.items() if name != "deviceAuthorization"}
            self._lose(at + "/flows/deviceAuthorization", "the flow for devices")
        return node

    def _example(self, node: Json, at: str) -> Json:
        text = node.pop("serializedValue", None)
        if "dataValue" in node:
            node["value"] = node.pop("dataValue")
            if text is not None:
                self._lose(at + "/serializedValue", "how an example is sent")
        elif text is not None:
            node["value"] = _Sent(text)
        return node

    def _schema(self, node: Json, at: str) -> Json:
        discriminator = node.get("discriminator")
        if isinstance(discriminator, dict) and "defaultMapping" in discriminator:
            # Without `defaultMapping`, readers would require the property and one of the values.
            del node["discriminator"]
            self._lose(at + "/discriminator", "the discriminator, as its property may be absent")
        xml = node.get("xml")
        if isinstance(xml, dict) and "nodeType" in xml:
            kind = xml["nodeType"]
            rest = {name: value for name, value in xml.items() if name != "nodeType"}
            if kind == "attribute":
                rest["attribute"] = True
            elif kind == "element" and node.get("type") == "array":
                rest["wrapped"] = True
            elif kind != "element":
                self._lose(at + "/xml/nodeType", "the kind of XML node")
            node["xml"] = rest
        return node

    def _content(self, content: Any, at: str) -> Iterator[tuple[str, Any]]:
        for name, media in content.items() if isinstance(content, dict) else ():
            place = at + pointer_to(name)
            if isinstance(media, dict) and isinstance(media.get("$ref"), str):
                _, pointer = self._document.resolve(media)
                place = pointer or place
                media = walked_part(self._document, "media type", place, self.visit)
            yield name, self._media_type(split_type(name)[0], dict(media), place)

    def _media_type(self, media_type: str, media: Json, at: str) -> Json:
        if is_json(media_type):
            media["examples"] = {name: _parsed(each) for name, each in (media.get("examples") or {}).items()}
            if not media["examples"]:
                del media["examples"]
        if "itemSchema" not in media:
            return media
        item = media.pop("itemSchema")
        if framing_of(media_type) == "events" and (sentinel := _sentinel(item)) is not None:
            media[SENTINEL] = sentinel
        if "schema" in media:
            self._lose(at + "/itemSchema", "what each item of a sequence is", looser=True)
            return media
        self._lose(at + "/itemSchema", "that the schema describes each item of a sequence")
        if framing_of(media_type) == "events":
            pointer, is_whole = item_data(self._document, at + "/itemSchema")
            if pointer != at + "/itemSchema":
                item = walked_part(self._document, "schema", pointer, self.visit)
            elif is_whole and (data := self._data_of(item, 0)) is not None:
                self._lose(at + "/itemSchema", "the names and other fields of events")
                item = data
        return {**media, "schema": item}

    def _data_of(self, item: Any, depth: int) -> Any:
        """Return the rules for the data from the schema of an event; None if they cannot be separated."""
        if isinstance(item, dict) and isinstance(item.get("$ref"), str):
            item, pointer = self._document.resolve(item)
            item = walked_part(self._document, "schema", str(pointer), self.visit)
        if not isinstance(item, dict) or depth > _DEEPEST:
            return None
        properties = item.get("properties")
        if isinstance(properties, dict):
            data = properties.get("data", {})
            is_value = isinstance(data, dict) and is_json_text(data) and "contentSchema" in data
            return data["contentSchema"] if is_value else data
        for union in ("oneOf", "anyOf"):
            if isinstance(item.get(union), list):
                branches = [self._data_of(branch, depth + 1) for branch in item[union]]
                return None if None in branches else {"anyOf": branches}
        return None

    def _lose(self, pointer: str, what: str, *, looser: bool = False) -> None:
        loss = Loss(pointer, what, looser)
        if loss not in self._losses:
            self._losses.append(loss)


class _Sent(str):
    """A serialized example."""


def _sentinel(item: Any) -> str | None:
    """Return the text of the event that ends a stream if its schema has a branch for it; else None."""
    for branch in [*(item.get("oneOf") or ()), *(item.get("anyOf") or ())] if isinstance(item, dict) else ():
        properties = branch.get("properties") if isinstance(branch, dict) else None
        data = properties.get("data") if isinstance(properties, dict) and len(properties) == 1 else None
        texts = [data["const"]] if isinstance(data, dict) and "const" in data else (data or {}).get("enum") or []
        if len(texts) == 1 and isinstance(texts[0], str):
            return texts[0]
    return None


def _is_form(parameter: Json) -> bool:
    """Whether a ``querystring`` parameter is a form with a schema."""
    media_type, media = next(iter((parameter.get("content") or {"": {}}).items()))
    return split_type(media_type)[0] == FORM and isinstance(media, dict) and "schema" in media


def _parsed(example: Any) -> Any:
    """Return a JSON example with its serialized value parsed, if possible."""
    if isinstance(example, dict) and isinstance(example.get("value"), _Sent):
        try:
            return {**example, "value": json.loads(example["value"])}
        except ValueError:
            return example
    return example
