"""A real llama.cpp server, and the whole application with an engine that relays to it or to a scripted one."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
from openai import AsyncOpenAI

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.engines.base import Model
from app.engines.dialects.dialect import UpstreamModel
from app.engines.transport.replicas import Replicas
from app.engines.upstream import UpstreamEngine, model_of
from app.jsontypes import Json
from app.settings import Settings
from app.wiring import wire
from tests.live import ROOT, free_port
from tests.patience import PATIENCE, wait_until

KEY = "sk-test"
BEARER = {"authorization": f"Bearer {KEY}"}
MODEL = ROOT / "app" / "model" / "tiny-q8_0.gguf"

SCHEMAS = Schemas(Document.load(ROOT / "openapi" / "openapi.yaml"))

_LLAMA_SERVER = """
import sys, time
import xllamacpp
p = xllamacpp.CommonParams()
p.model.path, port, key = sys.argv[1], int(sys.argv[2]), sys.argv[3]
p.n_parallel, p.kv_unified, p.n_ctx, p.fit_params = 4, False, 4 * 512, False
for cpu in (p.cpuparams, p.cpuparams_batch):
    cpu.n_threads, cpu.poll = 1, 0
p.cache_ram_mib, p.verbosity, p.ui = 0, -1, False
p.hostnames, p.port, p.api_keys = ["127.0.0.1"], port, [key]
server = xllamacpp.Server(p)
sys.stdin.read()
import os
os._exit(0)
"""


@contextlib.contextmanager
def llama_server() -> Iterator[str]:
    """The base URL of a llama.cpp server with the bundled model, 512 tokens of context and 4 slots."""
    port = free_port()
    command = [sys.executable, "-c", _LLAMA_SERVER, str(MODEL), str(port), KEY]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _is_healthy(process, port), "llama.cpp is not ready")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait(PATIENCE)


def _is_healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    assert process.poll() is None, "llama.cpp did not start"
    with contextlib.suppress(OSError), contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    return False


def ours(dialect: str = "openai", **fields: Any) -> Model:
    """The model under the name that we give it."""
    model = model_of("our-model", dialect, context_length=512)
    return Model(**{**{name: getattr(model, name) for name in Model.__slots__}, **fields})


class Front:
    """The whole application in this process, with an engine that relays to replicas. Close it in the end."""

    def __init__(self, replicas: Replicas, dialect: str = "openai", *, theirs: str = "theirs", **options: Any) -> None:
        settings = options.pop("settings", {})
        model = options.pop("model", ours(dialect))
        self.engine = UpstreamEngine(UpstreamModel(model, theirs, **options), dialect, replicas)
        app = wire(Settings(api_keys=(KEY,), **settings), self.engine)
        self._loop = asyncio.new_event_loop()
        self._http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://server")
        self.sdk = AsyncOpenAI(api_key=KEY, base_url="http://server/v1", http_client=self._http, max_retries=0)
        self.run(self.engine.start())

    def run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.engine.close())
        self.run(self._http.aclose())
        self._loop.close()

    def post(self, **body: Any) -> httpx2.Response:
        """The answer to a request that says hello, but for what is laid over it."""
        hello = {"model": "our-model", "messages": [{"role": "user", "content": "Hello!"}], **body}
        answer: httpx2.Response = self.run(self._http.post("/v1/chat/completions", json=hello, headers=BEARER))
        return answer

    def ask(self, **body: Any) -> Json:
        """A whole answer, which fits the contract."""
        answer = self.post(**body)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        _check("CreateChatCompletionResponse", found)
        return found

    def stream(self, **body: Any) -> list[Json]:
        """The chunks of a stream that ends well; each fits the contract."""
        chunks = self.events(**body)
        for each in chunks:
            _check("CreateChatCompletionStreamResponse", each)
        return chunks

    def events(self, **body: Any) -> list[Json]:
        """The data of the events of a stream, which ends with [DONE]."""
        answer = self.post(stream=True, **body)
        assert answer.status_code == 200, answer.text
        *events, done = [part for part in answer.text.split("\n\n") if part and not part.startswith(":")]
        assert done == "data: [DONE]"
        return [json.loads(event.removeprefix("data: ")) for event in events]


def _check(name: str, value: Json) -> None:
    faults = list(SCHEMAS.validator(f"/components/schemas/{name}").faults(value))
    assert not faults, faults
    _has_no_extras(value)


def _has_no_extras(value: Json) -> None:
    """The contract lets answers have more members than it lists; a client should not meet any all the same."""
    known = {"id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint", "metadata"}
    assert value.keys() <= known, value.keys() - known
    for choice in value["choices"]:
        assert choice.keys() <= {"index", "message", "delta", "logprobs", "finish_reason"}
        members = choice.get("message", choice.get("delta"))
        assert members.keys() <= {
            *("role", "content", "refusal", "annotations", "audio", "tool_calls", "function_call", "reasoning_content")
        }


def text_of(chunks: list[Json]) -> str:
    return "".join(c["delta"].get("content") or "" for each in chunks for c in each["choices"])


def error_of(answer: httpx2.Response, status: int) -> Json:
    assert answer.status_code == status, answer.text
    found: Json = answer.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found
