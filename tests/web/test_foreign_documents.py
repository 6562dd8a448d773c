"""Documents of others, all their operations: each is reached, secured, and answered in our one shape of failures."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from app.configuration.document import OWN_HANDLERS
from app.contract.document import Document
from app.contract.handlers import Handlers
from app.contract.operations import operations
from app.engines.echo import EchoEngine
from app.settings import Settings
from app.wiring import wire

from ..foreign import FOREIGN, OURS, foreign


@pytest.mark.long
@pytest.mark.parametrize("name", FOREIGN)
def test_every_operation_answers_in_the_envelope(name: str) -> None:
    path = foreign(name)
    document = Document.load(path)
    app = wire(Settings(api_keys=("k",), spec=path), EchoEngine())

    async def run() -> Counter[int]:
        seen: Counter[int] = Counter()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            for operation in operations(document):
                url = document.base_path + operation.path.replace("{", "a-").replace("}", "")
                unknown = await client.request(operation.method, url, headers={"authorization": "Bearer x"})
                assert unknown.status_code == 401, operation.id
                answer = await client.request(
                    operation.method,
                    url,
                    headers={"authorization": "Bearer k", "content-type": next(iter(operation.request), "text/plain")},
                )
                seen[answer.status_code] += 1
                if answer.status_code >= 400:
                    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}, operation.id
                if Handlers([OWN_HANDLERS]).find(operation) is None:
                    assert answer.status_code in (400, 501), (operation.id, answer.text)
            request = {"model": "parley-echo", "messages": [{"role": "user", "content": "hi"}], "store": False}
            chat = await client.post(
                f"{document.base_path}/chat/completions", json=request, headers={"authorization": "Bearer k"}
            )
            assert chat.status_code == 200, chat.text
        return seen

    seen = asyncio.run(run())
    assert set(seen) <= {200, 400, 404, 501}
    assert seen[501] > (2 if name in OURS else 50)
