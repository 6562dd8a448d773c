"""Clients and servers generated from the contract have the operation that generated clients already know."""

from __future__ import annotations

import re

import pytest

from .generating import generate
from .seeds import essence, seed

# generator -> (its options, the document of the chat operation, words that only its seed has)
GENERATORS: dict[str, tuple[list[str], str, str]] = {
    "java": (["--library", "resttemplate"], "docs/ChatApi.md", "import org.openapitools.client.api.ChatApi;"),
    "typescript-fetch": ([], "docs/ChatApi.md", "CreateChatCompletionOperationRequest"),
    "java-micronaut-server": ([], "docs/controllers/ChatController.md", "ChatController.java"),
    "rust-server": ([], "docs/chat_api.md", "# chat_api"),
    "php-symfony": ([], "docs/Api/ChatApiInterface.md", "ChatApiInterface"),
}


@pytest.mark.live
@pytest.mark.clients
@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generated_client_has_the_known_operation(generator: str) -> None:
    options, document, words = GENERATORS[generator]
    known = essence(seed(words))
    folder = generate(generator, options, name=f"seeds/{generator}")
    generated = (folder / document).read_text(encoding="utf-8")
    assert any("POST" in line for line in known)
    assert any("CreateChatCompletionResponse" in line for line in known)
    assert essence(generated) == known
    # Nothing that the generator had to invent a name for.
    assert [path.name for path in folder.rglob("*") if re.match(r"(?i)inline_?object", path.name)] == []
