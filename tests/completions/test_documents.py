"""The other operations on models, by what the document says: mocked, and under another author's."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import httpx2

from app.engines.echo import DIMENSIONS, EchoEngine
from app.settings import Settings
from app.wiring import wire
from tests.openapi import component_accepts, contract

KEY = "sk-test"


def test_mocks_answer_completions_streams_and_embeddings_that_fit_the_document() -> None:
    async def run() -> list[httpx2.Response]:
        app = wire(Settings(api_keys=(KEY,), mock="all"))
        headers = {"authorization": f"Bearer {KEY}"}
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server/v1") as client:
            text: Any = {"model": "parley-tiny", "prompt": "a"}
            return [
                await client.post("/completions", json=text, headers=headers),
                await client.post("/completions", json={**text, "stream": True}, headers=headers),
                await client.post("/embeddings", json={"model": "parley-tiny", "input": "a"}, headers=headers),
                await client.post("/embeddings", json={"model": "parley-tiny"}, headers=headers),
            ]

    whole, stream, vectors, wrong = asyncio.run(run())
    assert component_accepts("CreateCompletionResponse", whole.json())
    assert whole.json()["choices"][0]["text"] == " Paris."
    *events, done = stream.text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]"
    assert all(component_accepts("CreateCompletionStreamResponse", json.loads(event[6:])) for event in events)
    assert vectors.json()["data"][0]["embedding"] == [0.48, -0.6, 0.64]
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "input")


def test_vectors_are_numbers_where_the_document_has_no_form_for_base64(tmp_path: Path) -> None:
    """As OpenAI's own has not, whose SDKs ask for it unasked."""
    content = contract() | {"components": copy.deepcopy(contract()["components"])}
    content["components"]["schemas"]["Embedding"]["properties"]["embedding"] = {"type": "array"}
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps(content))

    async def ask(**options: Any) -> httpx2.Response:
        app = wire(Settings(api_keys=(KEY,), **options), EchoEngine())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server/v1") as client:
            body = {"model": "parley-echo", "input": "a", "encoding_format": "base64"}
            return await client.post("/embeddings", json=body, headers={"authorization": f"Bearer {KEY}"})

    theirs = asyncio.run(ask(spec=file))
    assert len(theirs.json()["data"][0]["embedding"]) == DIMENSIONS
    assert theirs.headers["x-unsupported-parameters"] == "encoding_format"
    ours = asyncio.run(ask())
    assert isinstance(ours.json()["data"][0]["embedding"], str)
    assert "x-unsupported-parameters" not in ours.headers
