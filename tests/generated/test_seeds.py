"""Clients and servers generated from the contract have the operation that generated clients already know.

The known ones are documents made by openapi-generator 7.26 from OpenAI's description. Only the address of the
server, the sentences, the codes of failures, headers of answers and the stream's media type may differ. The contract's
form in OpenAPI 3.0 gives the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.contract.document import Document
from app.contract.loading import to_json
from app.documents.convert.document import to_3_0

from ..openapi import CONTRACT, SHARED, contract
from .generating import FOLDER, generate

SEEDS = SHARED / "seeds"

# generator -> (its options, the document of the chat operation, words that only its seed has)
GENERATORS: dict[str, tuple[list[str], str, str]] = {
    "java": (["--library", "resttemplate"], "docs/ChatApi.md", "import org.openapitools.client.api.ChatApi;"),
    "typescript-fetch": ([], "docs/ChatApi.md", "CreateChatCompletionOperationRequest"),
    "java-micronaut-server": ([], "docs/controllers/ChatController.md", "ChatController.java"),
    "rust-server": ([], "docs/chat_api.md", "# chat_api"),
    "php-symfony": ([], "docs/Api/ChatApiInterface.md", "ChatApiInterface"),
}


def _older() -> Path:
    """The contract in OpenAPI 3.0, as a file."""
    path = FOLDER / "openapi-3.0.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_json(to_3_0(Document.load(CONTRACT)).content, CONTRACT))
    return path


FORMS: dict[str, Callable[[], Path]] = {"3.1": lambda: CONTRACT, "3.0": _older}


def _seed(words: str) -> str:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt"))]
    if not texts:
        pytest.skip("the known documents are not beside the checkout (../shared/seeds)")
    found = [text for text in texts if words in text]
    assert len(found) == 1
    return found[0]


def _essence(text: str) -> list[str]:
    """The lines of a generated document, without what may differ."""
    operation = contract()["paths"]["/chat/completions"]["post"]
    sentences = ("Creates a model response", operation["summary"], operation["description"].split()[0])
    lines = []
    for line in text.splitlines():
        if line.startswith(("All URIs are relative", *sentences)):
            continue
        if "setBasePath" in line or "console.log" in line:
            continue
        if re.match(r"\| \*\*[345]\d\d\*\* ", line):
            continue
        line = re.sub(r"^(\| \*\*200\*\* \| OK \|).*", r"\1", line)
        line = re.sub(r"(\*\*POST\*\* /chat/completions \|).*", r"\1", line)
        line = re.sub(r"(createChatCompletionRequest: ).*", r"\1", line)
        line = re.sub(r", `?text/event-stream`?", "", line)
        if line.strip():
            lines.append(line.rstrip())
    return lines


@pytest.mark.live
@pytest.mark.clients
@pytest.mark.parametrize("form", ["3.1", "3.0"])
@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generated_client_has_the_known_operation(generator: str, form: str) -> None:
    options, document, words = GENERATORS[generator]
    seed = _seed(words)
    folder = generate(generator, options, name=f"seeds/{form}/{generator}", document=FORMS[form]())
    generated = (folder / document).read_text(encoding="utf-8")
    known = _essence(seed)
    assert any("POST" in line for line in known)
    assert any("CreateChatCompletionResponse" in line for line in known)
    assert _essence(generated) == known
    # Nothing that the generator had to invent a name for.
    assert [path.name for path in folder.rglob("*") if re.match(r"(?i)inline_?object", path.name)] == []
