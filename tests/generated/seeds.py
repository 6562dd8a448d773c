"""What generated clients and servers are known to say about the chat operation.

The known documents were made by openapi-generator 7.26 from OpenAI's description. Only the address of the server, the
sentences, the codes of failures, headers of answers and the stream's media type may differ.
"""

from __future__ import annotations

import re

import pytest

from ..openapi import SHARED, contract

SEEDS = SHARED / "seeds"


def seed(words: str) -> str:
    """The one known document with these words in it; the test skips where there are none."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SEEDS.glob("*.txt"))]
    if not texts:
        pytest.skip("the known documents are not beside the checkout (../shared/seeds)")
    found = [text for text in texts if words in text]
    assert len(found) == 1
    return found[0]


def essence(text: str) -> list[str]:
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
