"""Mocks answer the other operations on models too, with what the document says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

from app.settings import Settings
from app.wiring import wire
from tests.openapi import component_accepts

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
