"""What the server makes of what llama.cpp says, word for word: through the whole application, with a llama.cpp that
says what the test tells it to."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engines.llama.engine import CAPABILITIES
from app.jsontypes import Json
from app.settings import Settings
from app.wiring import wire

from ..patience import PATIENCE, until
from .scripted_llama import MODEL, PROMPT_TOKENS, Answer, Refusal, ScriptedLlama, called, said

pytestmark = pytest.mark.live

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Near enough to the root for the path of a socket."""
    with tempfile.TemporaryDirectory(prefix="parley-test-") as made:
        yield Path(made)


class Asked:
    """The answers to a request, whole and streamed, and what llama.cpp was asked for them."""

    def __init__(self, whole: httpx.Response, streamed: httpx.Response, llama: ScriptedLlama) -> None:
        self.whole, self.streamed, self.llama = whole, streamed, llama

    @property
    def message(self) -> Json:
        """The message of the whole answer, without what is empty and ids of calls; that of the stream is the same."""
        assert self.whole.status_code == 200, self.whole.text
        (choice,) = self.whole.json()["choices"]
        message: Json = {name: value for name, value in choice["message"].items() if value}
        for call in message.get("tool_calls", ()):
            del call["id"]
        assert _joined(self.chunks) == (message, choice["finish_reason"])
        return message

    @property
    def chunks(self) -> list[Json]:
        *events, done = [part for part in self.streamed.text.split("\n\n") if part]
        assert done == "data: [DONE]"
        return [json.loads(event.removeprefix("data: ")) for event in events]


def _joined(chunks: list[Json]) -> tuple[Json, str | None]:
    """The message that a stream tells in pieces, as `Asked.message` has it, and the reason of its end."""
    message: Json = {}
    reason = None
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        reason = choice["finish_reason"] or reason
        for name, value in choice["delta"].items():
            if name == "tool_calls":
                for call in value:
                    if "id" in call:
                        made = {"type": call["type"], "function": {**call["function"]}}
                        message.setdefault(name, []).append(made)
                    else:
                        message[name][call["index"]]["function"]["arguments"] += call["function"]["arguments"]
            elif value:
                message[name] = message.get(name, "") + value
    return message, reason


def ask(folder: Path, answer: Answer | Refusal, *, loading: bool = False, thinks: bool = False, **fields: Any) -> Asked:
    """What a client gets for a request, asked whole and then as a stream."""

    async def run() -> Asked:
        async with ScriptedLlama(folder, answer) as llama:
            llama.loading = loading
            engine = llama.engine(capabilities=CAPABILITIES | {"reasoning"} if thinks else CAPABILITIES)
            await engine.start()
            transport = httpx.ASGITransport(wire(Settings(api_keys=("k",)), engine))
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:

                async def post(stream: bool) -> httpx.Response:
                    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "stream": stream}
                    return await client.post(
                        "/v1/chat/completions", json={**body, **fields}, headers={"authorization": "Bearer k"}
                    )

                first = asyncio.ensure_future(post(False))
                if loading:
                    await until(lambda: llama.turned_away)
                    llama.loading = False
                found = Asked(await first, await post(True), llama)
            await engine.close()
            return found

    return asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_words_are_passed_on_as_they_are_under_our_names(folder: Path) -> None:
    found = ask(folder, said("Hello", " there", "!"))
    assert found.message == {"role": "assistant", "content": "Hello there!"}
    assert [chunk["choices"][0]["delta"].get("content") for chunk in found.chunks] == ["", "Hello", " there", "!", None]
    for answer in (found.whole.json(), *found.chunks):
        assert (answer["model"], answer["system_fingerprint"]) == (MODEL, "fp_scripted")
        assert answer["id"].startswith("chatcmpl-")
        assert "timings" not in answer
    assert found.whole.json()["usage"]["prompt_tokens"] == PROMPT_TOKENS
    assert found.whole.json()["usage"]["completion_tokens"] == 3


def test_whether_it_is_streamed_or_not_llama_cpp_is_asked_the_same(folder: Path) -> None:
    whole, streamed = ask(folder, said("x"), temperature=0.3, max_tokens=7, seed=5).llama.chats
    assert whole == streamed
    assert (whole["temperature"], whole["max_tokens"], whole["seed"]) == (0.3, 7, 5)
    assert whole["stream"], "an answer that is not streamed goes on when nobody waits for it any more"


@pytest.mark.parametrize("more", [{}, {"logprobs": True}])
def test_stop_sequences_end_the_answer_and_not_the_thoughts(folder: Path, more: Json) -> None:
    answer = said("It", " is", " Par", "is", " now", thoughts=["Is", " it Paris", "?"])
    found = ask(folder, answer, thinks=True, stop=["Paris"], **more)
    assert found.message == {"role": "assistant", "reasoning_content": "Is it Paris?", "content": "It is "}
    assert found.whole.json()["choices"][0]["finish_reason"] == "stop"


def test_log_probabilities_are_of_the_words_that_are_told_and_of_as_many_others_as_were_asked_for(folder: Path) -> None:
    answer = said("Hello", " there", "!", thoughts=["Hm"])
    for fields, others in ((dict[str, Any](), 0), (dict[str, Any](top_logprobs=1), 1)):
        found = ask(folder, answer, logprobs=True, stop=[" there"], **fields)
        whole = found.whole.json()["choices"][0]["logprobs"]["content"]
        choices = [choice for chunk in found.chunks for choice in chunk["choices"]]
        told = [entry for choice in choices for entry in (choice["logprobs"] or {}).get("content", ())]
        assert whole == told
        assert [entry["token"] for entry in whole] == ["Hello"]
        assert all(entry.keys() == {"token", "bytes", "logprob", "top_logprobs"} for entry in whole)
        assert all(len(entry["top_logprobs"]) == others for entry in whole)


def test_calls_are_passed_on_piece_by_piece(folder: Path) -> None:
    deltas = [*called("get_weather", "{", '"city"', ': "Paris"}'), *called("get_time", "{", "}", index=1)]
    found = ask(folder, Answer(deltas, "tool_calls"), tools=[WEATHER, TIME])
    functions = [call["function"] for call in found.message["tool_calls"]]
    assert functions == [
        {"name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"name": "get_time", "arguments": "{}"},
    ]
    assert found.whole.json()["choices"][0]["finish_reason"] == "tool_calls"


def test_a_request_that_is_too_long_is_told_as_the_api_tells_it(folder: Path) -> None:
    counts = {"n_prompt_tokens": 14003, "n_ctx": 2048}
    found = ask(folder, Refusal(400, "request (14003 tokens) exceeds", "exceed_context_size_error", counts))
    for answer in (found.whole, found.streamed):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")


def test_an_answer_that_is_cut_off_is_an_error_and_what_came_is_told(folder: Path) -> None:
    found = ask(folder, said("Hello", " th", cut=True))
    assert (found.whole.status_code, found.whole.json()["error"]["code"]) == (503, "engine_unavailable")
    *chunks, last = found.chunks
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks).startswith("Hello")
    assert last["error"]["code"] == "engine_unavailable"


def test_a_model_that_loads_is_waited_for(folder: Path) -> None:
    assert ask(folder, said("Hello"), loading=True).message["content"] == "Hello"
