"""Clients and servers generated from the contract have the operation that generated clients already know, and so have
those generated from its form in OpenAPI 3.0."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.contract.document import Document
from app.contract.loading import to_json
from app.documents.convert.document import to_3_0
from app.jsontypes import Json

from ..openapi import CONTRACT
from .generating import FOLDER, generate
from .seeds import essence, seed

_CHAT = "/chat/completions"

# generator -> (its options, the document of the chat operation, words that only its seed has)
GENERATORS: dict[str, tuple[list[str], str, str]] = {
    "java": (["--library", "resttemplate"], "docs/ChatApi.md", "import org.openapitools.client.api.ChatApi;"),
    "typescript-fetch": ([], "docs/ChatApi.md", "CreateChatCompletionOperationRequest"),
    "java-micronaut-server": ([], "docs/controllers/ChatController.md", "ChatController.java"),
    "rust-server": ([], "docs/chat_api.md", "# chat_api"),
    "php-symfony": ([], "docs/Api/ChatApiInterface.md", "ChatApiInterface"),
}


def _known(content: Json, name: str) -> Path:
    """A form of the contract as a file, without what the known clients are older than: other operations with the tag,
    and the optional header of the known one."""
    content = copy.deepcopy(content)
    content["paths"] = {path: item for path, item in content["paths"].items() if not path.startswith(f"{_CHAT}/")}
    chat = content["paths"][_CHAT]
    chat.pop("get")
    assert [each["required"] for each in map(partial(_resolved, content), chat["post"].pop("parameters"))] == [False]
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_json(content, CONTRACT))
    return path


def _resolved(content: Json, parameter: Json) -> Json:
    name = parameter.get("$ref", "").rpartition("/")[2]
    return {"required": False, **(content["components"]["parameters"][name] if name else parameter)}


FORMS: dict[str, Callable[[], Path]] = {
    "3.1": lambda: _known(Document.load(CONTRACT).content, "openapi-known.json"),
    "3.0": lambda: _known(to_3_0(Document.load(CONTRACT)).content, "openapi-known-3.0.json"),
}


@pytest.mark.live
@pytest.mark.clients
@pytest.mark.parametrize("form", ["3.1", "3.0"])
@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generated_client_has_the_known_operation(generator: str, form: str) -> None:
    options, document, words = GENERATORS[generator]
    known = essence(seed(words))
    folder = generate(generator, options, name=f"seeds/{form}/{generator}", document=FORMS[form]())
    generated = (folder / document).read_text(encoding="utf-8")
    assert any("POST" in line for line in known)
    assert any("CreateChatCompletionResponse" in line for line in known)
    assert essence(generated) == known
    # Nothing that the generator had to invent a name for.
    assert [path.name for path in folder.rglob("*") if re.match(r"(?i)inline_?object", path.name)] == []
