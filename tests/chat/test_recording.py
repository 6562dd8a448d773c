"""What is stored of a stream is what its chunks add up to; of one that was cut off, as far as it came."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from app.accounts import Account, Client
from app.chat.recording import Transcript, stored_messages
from app.chat.service import Chat
from app.engines.base import Delta, Logprobs, TokenLogprob, usage_of
from app.errors import ApiError, ContractViolation, EngineUnavailable, StoreUnavailable
from app.keeping import Answer, Body, Claim, Keeping, Kept, Page

from .scripted_engine import MODEL, ScriptedEngine, ScriptedPlan, Step

ABLE = replace(MODEL, capabilities=MODEL.capabilities | {"tools", "logprobs", "custom_tools", "reasoning"})


class Memory:
    """Keeps completions in memory. ``awaited`` are those whose storing was waited for."""

    def __init__(self, fails: bool = False) -> None:
        self.kept: list[Kept] = []
        self.awaited = 0
        self._fails = fails

    async def keep(self, kept: Kept) -> None:
        if self._fails:
            raise StoreUnavailable("No.")
        self.awaited += 1
        self.kept.append(kept)

    def put(self, kept: Kept) -> None:
        self.kept.append(kept)

    async def page(
        self, project: str, page: Page, model: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> Body:
        raise NotImplementedError

    async def get(self, project: str, completion_id: str) -> Body:
        raise NotImplementedError

    async def update(self, project: str, completion_id: str, metadata: Mapping[str, str]) -> Body:
        raise NotImplementedError

    async def delete(self, project: str, completion_id: str) -> None:
        raise NotImplementedError

    async def messages(self, project: str, completion_id: str, page: Page) -> Body:
        raise NotImplementedError


class NoRepeats:
    async def claim(self, owner: str, key: str, fingerprint: str) -> Claim | Answer:
        raise NotImplementedError


BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "store": True, "stream": True}


def token(text: str) -> TokenLogprob:
    return {"token": text, "logprob": -1.0, "bytes": None, "top_logprobs": []}


def logprobs(*texts: str) -> Logprobs:
    return {"content": [token(text) for text in texts], "refusal": None}


class Streaming:
    """A stream of a script. ``read`` is how many chunks its client reads before it leaves."""

    def __init__(self, *steps: Step, memory: Memory | None = None, accepts: Any = None, **fields: Any) -> None:
        self.memory = memory or Memory()
        keeping = Keeping(self.memory, NoRepeats(), accepts or (lambda _: True))
        self.chat = Chat(ScriptedEngine(ABLE, plan=ScriptedPlan(lambda _: steps)), keeping=keeping)
        self.body = {**BODY, **fields}
        self.log: dict[str, Any] = {}
        self.chunks: list[Any] = []

    def run(self, read: int | None = None, error: str | None = None) -> dict[str, Any]:
        async def inner() -> None:
            call = await self.chat.begin(self.body, self.log, Account(Client("k", "project")))
            async with aclosing(self.chat.stream(call)) as chunks:
                async for chunk in chunks:
                    if read is not None and len(self.chunks) >= read:
                        if error is not None:
                            self.log["error"] = error
                        return
                    self.chunks.append(chunk)

        asyncio.run(inner())
        return self.stored()

    def stored(self) -> dict[str, Any]:
        (kept,) = self.memory.kept
        assert kept.project == "project"
        found: dict[str, Any] = orjson.loads(b"".join(kept.completion))
        assert found["id"] == kept.id
        return found


TEXT: Sequence[Step] = [
    Delta(0, {"content": "Hel"}),
    Delta(0, {"content": "lo"}),
    Delta(0, {}, "stop"),
    {"usage": usage_of(3, 2)},
]


def test_a_stream_is_stored_before_it_ends_with_the_usage_that_nobody_asked_for() -> None:
    streaming = Streaming(*TEXT)
    found = streaming.run()
    first = streaming.chunks[0]
    assert found == {
        **{name: first[name] for name in ("id", "created", "model", "service_tier", "system_fingerprint")},
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage_of(3, 2),
    }
    assert streaming.memory.awaited == 1
    assert not any("usage" in chunk for chunk in streaming.chunks)


def test_reasoning_refusals_calls_and_log_probabilities_are_added_up() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "c"}}]
    steps: list[Step] = [
        Delta(0, {"reasoning_content": "Th"}),
        Delta(0, {"reasoning_content": "ink"}),
        Delta(0, {"refusal": "N"}, None, {"content": None, "refusal": [token("N")]}),
        Delta(0, {"refusal": "o"}, None, {"content": None, "refusal": [token("o")]}),
        Delta(
            0, {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}
        ),
        Delta(0, {"tool_calls": [{"index": 1, "id": "b", "type": "custom", "custom": {"name": "c", "input": "x"}}]}),
        Delta(0, {"tool_calls": [{"index": 0, "function": {"arguments": '{"a'}}]}),
        Delta(
            0, {"tool_calls": [{"index": 1, "custom": {"input": "y"}}, {"index": 0, "function": {"arguments": '":1}'}}]}
        ),
        Delta(0, {}, "tool_calls"),
    ]
    (choice,) = Streaming(*steps, tools=tools, logprobs=True).run()["choices"]
    assert choice == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": None,
            "refusal": "No",
            "annotations": [],
            "reasoning_content": "Think",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
                {"id": "b", "type": "custom", "custom": {"name": "c", "input": "xy"}},
            ],
        },
        "logprobs": {"content": None, "refusal": [token("N"), token("o")]},
        "finish_reason": "tool_calls",
    }


def test_each_choice_has_its_own_text_and_log_probabilities() -> None:
    steps: list[Step] = []
    for index in (1, 0):
        steps += [
            Delta(index, {"content": f"a{index}"}, None, logprobs(f"a{index}")),
            Delta(index, {"content": "b"}, None, logprobs("b")),
        ]
    steps += [Delta(0, {}, "stop"), Delta(1, {}, "length")]
    model = replace(ABLE, makes_choices=True)
    streaming = Streaming(*steps, n=2, logprobs=True)
    streaming.chat.engine = ScriptedEngine(model, plan=ScriptedPlan(lambda _: steps))
    choices = streaming.run()["choices"]
    assert [each["message"]["content"] for each in choices] == ["a0b", "a1b"]
    assert [each["finish_reason"] for each in choices] == ["stop", "length"]
    assert [each["logprobs"] for each in choices] == [
        {"content": [token("a0"), token("b")], "refusal": None},
        {"content": [token("a1"), token("b")], "refusal": None},
    ]


def test_padding_is_not_stored_and_metadata_is_stored_apart() -> None:
    streaming = Streaming(*TEXT, metadata={"a": "1"}, stream_options={"include_obfuscation": True})
    assert "obfuscation" not in streaming.run()
    assert streaming.memory.kept[0].metadata == {"a": "1"}


def test_a_client_that_leaves_has_stored_what_it_got_and_no_end_is_invented() -> None:
    streaming = Streaming(*TEXT)
    found = streaming.run(read=2)
    assert found["x_parley"] == {"incomplete": "disconnected"}
    assert found["choices"][0]["finish_reason"] is None
    assert found["choices"][0]["message"]["content"] == "Hel"
    assert "usage" not in found
    assert streaming.memory.awaited == 0


def test_a_client_whose_request_is_cancelled_while_the_model_works_has_stored_what_it_got() -> None:
    never = asyncio.Event()
    streaming = Streaming(Delta(0, {"content": "Hel"}), never)

    async def inner() -> None:
        call = await streaming.chat.begin(streaming.body, {}, Account(Client("k", "project")))

        async def read() -> None:
            async with aclosing(streaming.chat.stream(call)) as chunks:
                async for chunk in chunks:
                    streaming.chunks.append(chunk)

        task = asyncio.create_task(read())
        for _ in range(1000):
            if len(streaming.chunks) == 2:
                break
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(inner())
    found = streaming.stored()
    assert found["x_parley"] == {"incomplete": "disconnected"}
    assert found["choices"][0]["message"]["content"] == "Hel"


def test_a_client_that_leaves_before_the_first_chunk_has_nothing_stored() -> None:
    streaming = Streaming(*TEXT)
    with pytest.raises(ValueError, match="not enough values"):
        streaming.run(read=0)


def test_a_stream_that_fails_is_stored_as_failed_before_its_error_is_sent() -> None:
    streaming = Streaming(Delta(0, {"content": "Hel"}), EngineUnavailable("Gone."))
    with pytest.raises(EngineUnavailable, match="Gone"):
        streaming.run()
    assert streaming.stored()["x_parley"] == {"incomplete": "failed"}
    assert streaming.memory.awaited == 1


def test_a_stream_that_fails_before_its_first_chunk_is_an_error_and_nothing_is_stored() -> None:
    streaming = Streaming(EngineUnavailable("Gone."))
    with pytest.raises(EngineUnavailable):
        streaming.run()
    assert streaming.memory.kept == []


def test_a_chunk_that_breaks_the_contract_is_not_stored_and_the_answer_has_failed() -> None:
    # The layer that sends has recorded the error before it closes the stream.
    found = Streaming(*TEXT).run(read=2, error="contract_violation")
    assert found["x_parley"] == {"incomplete": "failed"}
    assert found["choices"][0]["message"]["content"] == "Hel"


def test_an_error_of_the_database_is_the_error_of_a_whole_stream_and_not_of_one_that_failed() -> None:
    with pytest.raises(StoreUnavailable):
        Streaming(*TEXT, memory=Memory(fails=True)).run()
    failing = Streaming(Delta(0, {"content": "x"}), EngineUnavailable("Gone."), memory=Memory(fails=True))
    with pytest.raises(EngineUnavailable, match="Gone"):
        failing.run()


def test_a_call_that_was_cut_off_is_left_out_if_it_breaks_the_contract() -> None:
    def accepts(completion: Any) -> bool:
        return all(
            "name" in call["function"]
            for each in completion["choices"]
            for call in each["message"].get("tool_calls", ())
        )

    call: Any = {"index": 0, "id": "a", "type": "function", "function": {}}
    steps: list[Step] = [Delta(0, {"content": "x"}), Delta(0, {"tool_calls": [call]}), EngineUnavailable("Gone.")]
    streaming = Streaming(*steps, accepts=accepts)
    with pytest.raises(EngineUnavailable):
        streaming.run()
    assert "tool_calls" not in streaming.stored()["choices"][0]["message"]
    whole = Streaming(*steps[:2], Delta(0, {}, "stop"), accepts=accepts)
    with pytest.raises(ContractViolation):
        whole.run()
    assert whole.memory.kept == []


def test_a_call_that_was_cut_off_before_its_arguments_has_none() -> None:
    call: Any = {"index": 0, "id": "a", "type": "function", "function": {"name": "f"}}
    streaming = Streaming(Delta(0, {"tool_calls": [call]}), EngineUnavailable("Gone."))
    with pytest.raises(EngineUnavailable):
        streaming.run()
    (made,) = streaming.stored()["choices"][0]["message"]["tool_calls"]
    assert made == {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}


def test_without_a_database_store_is_refused_with_a_hint_or_left_out_and_named() -> None:
    async def begin(**settings: str) -> Any:
        return await Chat(ScriptedEngine(), **settings).begin(BODY, {})  # type: ignore[arg-type]

    with pytest.raises(ApiError, match="`parley db init`") as caught:
        asyncio.run(begin())
    assert (caught.value.param, caught.value.code) == ("store", "unsupported_parameter")
    assert "PARLEY_DATABASE" in caught.value.message
    call = asyncio.run(begin(policy="warn"))
    assert call.headers() == {"x-unsupported-parameters": "store"}


def test_with_a_database_every_model_honours_store() -> None:
    chat = Chat(ScriptedEngine(), keeping=Keeping(Memory(), NoRepeats()))
    call = asyncio.run(chat.begin(BODY, {}))
    assert chat.stores(call)
    assert call.headers() == {}
    assert not chat.stores(asyncio.run(chat.begin({**BODY, "store": False}, {})))


def test_a_stored_message_has_its_text_or_its_parts_and_what_belongs_to_its_role() -> None:
    parts = [{"type": "text", "text": "Hi"}]
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages: list[Any] = [
        {"role": "developer", "content": "Be brief.", "name": "x"},
        {"role": "user", "content": parts, "unknown": 1},
        {"role": "assistant", "content": None, "tool_calls": calls, "annotations": "odd"},
        {"role": "tool", "content": "1", "tool_call_id": "a"},
    ]
    nothing = {"refusal": None, "content_parts": None}
    assert stored_messages("c", messages) == [
        {**nothing, "id": "c-0", "role": "developer", "content": "Be brief.", "name": "x"},
        {**nothing, "id": "c-1", "role": "user", "content": None, "content_parts": parts},
        {**nothing, "id": "c-2", "role": "assistant", "content": None, "tool_calls": calls},
        {**nothing, "id": "c-3", "role": "tool", "content": "1", "tool_call_id": "a"},
    ]


def test_a_long_stream_costs_no_more_at_its_end_than_at_its_beginning() -> None:
    transcript = Transcript()
    choice = {"index": 0, "delta": {"content": "word "}, "logprobs": logprobs("word "), "finish_reason": None}
    chunk = {"id": "c", "created": 1, "model": "m", "choices": [choice]}
    # With a text that grows by copies, and lists that do, this would take minutes.
    for _ in range(200_000):
        transcript.add(chunk)
    call: Any = SimpleNamespace(account=Account(), body={"messages": []}, request={}, usage=None)
    made = transcript.cut(call, Keeping(Memory(), NoRepeats()), "failed")
    assert made is not None
    assert orjson.loads(b"".join(made.completion))["choices"][0]["message"]["content"] == "word " * 200_000
