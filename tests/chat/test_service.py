"""The domain answers a request by the model that it names, within its limits, and tells what it did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from app.accounts import Account, Client
from app.chat.limiter import Bounds, Limiters
from app.chat.limits import Limits
from app.chat.service import Chat
from app.engines.base import Delta, Refuse, usage_of
from app.engines.registry import Registry
from app.errors import ApiError, BadRequest, EngineUnavailable, Overloaded, UnsupportedParameter
from app.jsontypes import Json

from .scripted_engine import MODEL, ScriptedEngine, ScriptedPlan, answer

Ask = Callable[[Chat, Json, Json], Coroutine[Any, Any, Any]]
SECOND = replace(MODEL, id="second")
FIRST = replace(MODEL, fallbacks=("second",))


async def whole(chat: Chat, body: Json, log: Json) -> Json:
    return await chat.complete(chat.prepare(body, log))


async def streamed(chat: Chat, body: Json, log: Json) -> list[Json]:
    return [chunk async for chunk in chat.stream(chat.prepare({**body, "stream": True}, log))]


def body(**fields: Any) -> Json:
    return {"model": "m", "messages": [{"role": "user", "content": "Hello!"}], **fields}


def asked(engine: ScriptedEngine, **fields: Any) -> Json:
    """What the engine gets of a request."""
    asyncio.run(whole(Chat(engine), body(**fields), {}))
    return engine.asked[-1]


def test_a_model_is_found_by_its_id_and_its_aliases_and_answers_under_its_id() -> None:
    chat = Chat(ScriptedEngine(replace(MODEL, aliases=("gpt",))))
    assert list(chat.models) == ["m", "gpt"]
    log: Json = {}
    made = asyncio.run(whole(chat, body(model="gpt"), log))
    assert (made["model"], log["model"]) == ("m", "m")
    assert chat.engine.asked[0]["model"] == "m"  # type: ignore[attr-defined]


def test_a_model_that_the_engine_learned_of_later_is_found() -> None:
    engine = ScriptedEngine()
    chat = Chat(engine)
    assert chat.model("m") == MODEL
    engine.models = (MODEL, SECOND)
    assert chat.model("second") == SECOND


def test_what_is_null_or_a_whole_number_in_disguise_reaches_the_engine_as_what_it_means() -> None:
    request = asked(ScriptedEngine(), temperature=1.0, max_completion_tokens=5.0, seed=None, stop=None)
    assert request == {"model": "m", "messages": body()["messages"], "temperature": 1, "max_completion_tokens": 5}
    assert isinstance(request["max_completion_tokens"], int)


def test_of_two_limits_the_lower_one_holds() -> None:
    engine = ScriptedEngine(replace(MODEL, capabilities=MODEL.capabilities | {"max_tokens"}))
    assert asked(engine, max_tokens=5, max_completion_tokens=7)["max_completion_tokens"] == 5
    assert "max_tokens" not in engine.asked[-1]


def test_the_key_of_a_cache_is_another_one_for_each_client() -> None:
    model = replace(MODEL, capabilities=frozenset({"prompt_cache_key"}))
    chat = Chat(ScriptedEngine(model))
    keys = {
        chat.prepare(body(prompt_cache_key="k"), {}, Account(Client(client))).request["prompt_cache_key"]
        for client in ("a", "b", "a")
    }
    assert len(keys) == 2
    assert "k" not in keys


def test_users_are_in_the_log_by_a_digest() -> None:
    log: Json = {}
    Chat(ScriptedEngine()).prepare(body(user="ann@example.com", safety_identifier="ann"), log)
    assert log == {
        "model": "m",
        "user": sha256(b"ann@example.com").hexdigest()[:8],
        "safety_identifier": sha256(b"ann").hexdigest()[:8],
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 4}, "n"),
        ({"n": 3, "max_completion_tokens": 40}, "n"),
        ({"n": 3}, "n"),
        ({"functions": [{"name": "f"}] * 3}, "functions"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"messages": [{"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"top_logprobs": 1}, "top_logprobs"),
    ],
    ids=str,
)
def test_what_is_beyond_a_limit_or_makes_no_sense_is_refused_before_the_engine_is_asked(
    fields: Json, param: str
) -> None:
    engine = ScriptedEngine(replace(MODEL, capabilities=MODEL.capabilities | {"functions", "logprobs"}))
    chat = Chat(engine, limits=Limits(choices=3, tokens=100, tools=2))
    with pytest.raises(BadRequest) as caught:
        chat.prepare(body(**fields), {})
    assert caught.value.param == param
    assert engine.asked == []
    chat.prepare(body(n=3, max_completion_tokens=33, functions=[{"name": "f"}] * 2), {})


@pytest.mark.parametrize("makes_choices", [False, True])
@pytest.mark.parametrize("ask", [whole, streamed])
def test_a_request_is_prepared_once_and_its_plan_asked_for_each_choice(ask: Ask, makes_choices: bool) -> None:
    plan = ScriptedPlan()
    engine = ScriptedEngine(replace(MODEL, makes_choices=makes_choices), plan=plan)
    asyncio.run(ask(Chat(engine), body(n=3), {}))
    (request,) = engine.asked
    assert request.get("n") == (3 if makes_choices else None)
    assert sorted(plan.begun) == ([0] if makes_choices else [0, 1, 2])


@pytest.mark.parametrize("ask", [whole, streamed])
def test_the_tokens_of_an_answer_are_in_the_log_where_they_are_known(ask: Ask) -> None:
    log: Json = {}
    asyncio.run(ask(Chat(ScriptedEngine()), body(n=2), log))
    assert log["tokens"] == 3 + 1 + 2
    log = {}
    silent = ScriptedPlan(lambda choice: answer()[:-1])
    asyncio.run(ask(Chat(ScriptedEngine(plan=silent)), body(), log))
    assert "tokens" not in log


def test_metadata_comes_back_and_the_options_of_a_stream_are_obeyed() -> None:
    chat = Chat(ScriptedEngine())
    assert asyncio.run(whole(chat, body(metadata={"a": "b"}), {}))["metadata"] == {"a": "b"}
    options = {"include_usage": True, "include_obfuscation": True}
    chunks = asyncio.run(streamed(chat, body(stream_options=options), {}))
    assert chunks[-1]["usage"] == usage_of(3, 1)
    assert all(each["obfuscation"] for each in chunks[:-1])


@pytest.mark.parametrize("ask", [whole, streamed])
def test_under_the_policy_warn_what_is_left_out_is_named_in_the_log(ask: Ask) -> None:
    engine = ScriptedEngine(replace(MODEL, capabilities=MODEL.capabilities | {"reasoning"}), lacks=["reasoning_effort"])
    request = body(store=True, reasoning_effort="high")
    log: Json = {}
    asyncio.run(ask(Chat(engine, policy="warn"), request, log))
    assert log["ignored"] == "store,reasoning_effort"
    with pytest.raises(UnsupportedParameter) as caught:
        asyncio.run(ask(Chat(engine), body(reasoning_effort="high"), {}))
    assert caught.value.param == "reasoning_effort"


def test_what_an_answer_shows_not_to_have_been_honoured_is_named_once_under_the_policy_warn() -> None:
    log: Json = {}
    call = Chat(ScriptedEngine(), policy="warn").prepare(body(n=2), log)
    for name in ("n", "tools[].function.strict", "n", "logprobs"):
        call.refuse(UnsupportedParameter("It was not.", param=name))
    assert log["ignored"] == "n,tools[].function.strict,logprobs"
    strict = Chat(ScriptedEngine()).prepare(body(n=2), {})
    with pytest.raises(UnsupportedParameter):
        strict.refuse(UnsupportedParameter("It was not.", param="n"))


def test_names_that_are_not_plain_are_written_plainly() -> None:
    log: Json = {}
    call = Chat(ScriptedEngine(), policy="warn").prepare(body(**{"a,\r\nb": 1, "c[0].d": 2}), log)
    assert call.ignored == ["a%2C%0D%0Ab", "c[0].d"]
    assert log["ignored"] == "a%2C%0D%0Ab,c[0].d"


@pytest.mark.parametrize("ask", [whole, streamed])
def test_when_another_model_answers_the_log_and_the_call_are_about_that_one(ask: Ask) -> None:
    first = ScriptedEngine(FIRST, plan=EngineUnavailable("away"), lacks=["temperature"])
    second = ScriptedEngine(SECOND)
    chat, log = Chat(Registry([first, second]), policy="warn"), {"kept": 1}
    made = asyncio.run(ask(chat, body(temperature=0.5, store=True), log))
    assert {each["model"] for each in (made if isinstance(made, list) else [made])} == {"second"}
    assert second.asked[0]["temperature"] == 0.5
    assert log == {
        "kept": 1,
        "model": "second",
        "instead_of": "m",
        "because": "engine_unavailable",
        "ignored": "store",
        "tokens": 4,
    }


def test_another_model_answers_before_the_first_chunk_only() -> None:
    for steps, stands_in in (([], True), ([{"system_fingerprint": "fp"}], True), ([Delta(0, {})], False)):
        plan = ScriptedPlan(lambda choice, steps=steps: [*steps, EngineUnavailable("away")])  # type: ignore[misc]
        second = ScriptedEngine(SECOND)
        chat = Chat(Registry([ScriptedEngine(FIRST, plan=plan), second]))
        if stands_in:
            assert {each["model"] for each in asyncio.run(streamed(chat, body(), {}))} == {"second"}
        else:
            with pytest.raises(EngineUnavailable):
                asyncio.run(streamed(chat, body(), {}))
        assert bool(second.asked) is stands_in


def limited(plan: ScriptedPlan | ApiError) -> Chat:
    """One whose model takes one request at a time, and lets none wait."""
    return Chat(ScriptedEngine(plan=plan), limiters=Limiters(Bounds(in_flight=1)))


async def begun(chunks: AsyncGenerator[Json, None]) -> None:
    assert (await anext(chunks))["choices"]


def test_a_stream_holds_its_permit_to_its_end() -> None:
    async def test() -> None:
        go_on = asyncio.Event()
        chat = limited(ScriptedPlan(lambda choice: [*answer()[:1], go_on, *answer()[1:]]))
        async with aclosing(chat.stream(chat.prepare(body(stream=True), {}))) as chunks:
            await begun(chunks)
            with pytest.raises(Overloaded):
                await whole(chat, body(), {})
            go_on.set()
            assert [chunk async for chunk in chunks]
        assert chat.limiters.of("m").taken == 0
        assert await whole(chat, body(), {})

    asyncio.run(test())


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_that_is_closed_gives_its_permit_back_and_ends_the_engines_work(n: int) -> None:
    async def test() -> None:
        plan = ScriptedPlan(lambda choice: [*answer()[:1], asyncio.Event()])
        chat = limited(plan)
        chunks = chat.stream(chat.prepare(body(stream=True, n=n), {}))
        await begun(chunks)
        assert chat.limiters.of("m").taken == 1
        await chunks.aclose()
        assert chat.limiters.of("m").taken == 0
        assert not plan.open

    asyncio.run(test())


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize(
    "plan",
    [
        EngineUnavailable("away"),
        ScriptedPlan(lambda choice: [EngineUnavailable("away")]),
        ScriptedPlan(lambda choice: [*answer()[:1], EngineUnavailable("gone")]),
    ],
    ids=["prepare", "at once", "in the middle"],
)
def test_a_request_that_fails_gives_its_permit_back(ask: Ask, plan: Any) -> None:
    chat = limited(plan)
    with pytest.raises(EngineUnavailable):
        asyncio.run(ask(chat, body(), {}))
    assert chat.limiters.of("m").taken == 0


class Counting(ScriptedEngine):
    """Notes how many permits are taken when it is asked."""

    def __init__(self, makes_choices: bool) -> None:
        super().__init__(replace(MODEL, makes_choices=makes_choices))
        self.limiters = Limiters(Bounds(in_flight=8))
        self.taken: list[int] = []

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> ScriptedPlan:
        self.taken.append(self.limiters.of("m").taken)
        return await super().prepare(request, refuse, client)


@pytest.mark.parametrize("makes_choices", [False, True])
@pytest.mark.parametrize("ask", [whole, streamed])
def test_a_request_holds_a_permit_for_each_choice_whoever_makes_them(ask: Ask, makes_choices: bool) -> None:
    engine = Counting(makes_choices)
    asyncio.run(ask(Chat(engine, limiters=engine.limiters), body(n=3), {}))
    assert engine.taken == [3]
    assert engine.limiters.of("m").taken == 0


class Clients(ScriptedEngine):
    """Notes whose requests it is asked to prepare, and lets others come before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.clients: list[str | None] = []

    async def prepare(self, request: Json, refuse: Refuse, client: str | None = None) -> ScriptedPlan:
        self.clients.append(client)
        await asyncio.sleep(0)
        return await super().prepare(request, refuse, client)


@pytest.mark.parametrize("stream", [False, True])
def test_clients_take_turns_at_a_model_and_the_engine_is_told_whose_request_it_is(stream: bool) -> None:
    engine = Clients()
    chat = Chat(engine, limiters=Limiters(Bounds(in_flight=1, waiting=9, wait=60)))

    async def ask(client: str) -> None:
        call = chat.prepare(body(), {}, Account(Client(client)))
        if not stream:
            await chat.complete(call)
            return
        async for _ in chat.stream(call):
            pass

    async def all_at_once() -> None:
        await asyncio.gather(*(ask(client) for client in ("greedy", "greedy", "greedy", "modest")))

    asyncio.run(all_at_once())
    assert engine.clients == ["greedy", "greedy", "modest", "greedy"]


def test_an_answer_may_be_another_servers_where_the_model_or_one_that_stands_in_is_foreign() -> None:
    chat = Chat(Registry([ScriptedEngine(FIRST), ScriptedEngine(replace(SECOND, foreign=True))]))
    assert chat.may_be_foreign(chat.prepare(body(), {}))
    assert chat.may_be_foreign(chat.prepare(body(model="second"), {}))
    ours = Chat(Registry([ScriptedEngine(FIRST), ScriptedEngine(SECOND)]))
    assert not ours.may_be_foreign(ours.prepare(body(), {}))


def test_a_request_under_another_contract_is_read_first() -> None:
    engine = ScriptedEngine()
    chat = Chat(engine, read=lambda given: body(temperature=given["heat"]))
    asyncio.run(whole(chat, {"heat": 0.5}, {}))
    assert engine.asked[0]["temperature"] == 0.5


class CountingAccount(Account):
    """An account whose requests are estimated."""

    counts = True
    __slots__ = ()


def test_tools_and_schemas_are_a_part_of_the_estimated_prompt() -> None:
    able = replace(MODEL, capabilities=MODEL.capabilities | {"tools", "response_format"})
    words = {f"word_{number}": {"type": "string"} for number in range(400)}
    function = {"name": "f", "parameters": {"type": "object", "properties": words}}

    def estimate(**fields: Any) -> int:
        account = CountingAccount()
        Chat(ScriptedEngine(able)).prepare(body(**fields), {}, account)
        return account.tally.prompt

    assert estimate() < 20
    assert estimate(tools=[{"type": "function", "function": function}]) > 2000
    schema = {"name": "s", "schema": {"type": "object", "properties": words}}
    assert estimate(response_format={"type": "json_schema", "json_schema": schema}) > 2000
