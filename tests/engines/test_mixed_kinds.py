"""A model on servers of several kinds: a request goes to one that honours all of it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from app.chat.support import support_rows
from app.engines import recognition
from app.engines.dialects.known import KINDS
from app.errors import EngineUnavailable, UnsupportedParameter

from .kinds import Server
from .recognised import HELLO, ask, ask_for_text, ask_for_vector, run, served

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_FIRST_PAUSE", 0.02)


def test_a_request_goes_to_the_kind_of_server_that_honours_all_of_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            Server("vllm") as vllm,
            Server("ollama") as ollama,
            Server("sglang") as sglang,
            served(tmp_path, vllm, ollama, sglang) as chat,
        ):
            model = await chat.meet("m")
            assert [variant.capabilities for variant in model.variants] == [
                KINDS[kind].capabilities for kind in ("vllm", "ollama", "sglang")
            ]
            for _ in range(6):
                await ask(chat, logit_bias={"1": 1}, max_completion_tokens=7)  # not Ollama
                await ask(chat, prompt_cache_key="k")  # vLLM alone
            assert (len(vllm.asked) >= 6, ollama.asked) == (True, [])
            assert all("prompt_cache_key" not in body and "cache_salt" not in body for body in sglang.asked)
            # Ollama and vLLM; each choice is asked for by itself.
            for _ in range(12):
                await ask(chat, seed=1, n=2)
            assert {body["seed"] for body in ollama.asked} == {1, 2}
            assert all("n" not in body for body in (*vllm.asked, *ollama.asked))
            # A value that one of them cannot be told goes to the others.
            asked = len(ollama.asked)
            tool = {"type": "function", "function": {"name": "f"}}
            for _ in range(6):
                with contextlib.suppress(Exception):  # the servers here call nothing
                    await ask(chat, tools=[tool], tool_choice="required")
            assert len(ollama.asked) == asked

    run(test())


def test_so_does_a_request_for_a_text_or_a_vector(tmp_path: Path) -> None:
    async def test() -> None:
        async with Server("vllm") as vllm, Server("ollama") as ollama, served(tmp_path, vllm, ollama) as chat:
            await chat.meet("m")
            for _ in range(6):
                await ask_for_text(chat, prompt=[1, 2])  # not Ollama, and so is a vector of tokens
                await ask_for_vector(chat, input=[1, 2])
            assert (len(vllm.asked), ollama.asked) == (12, [])
            for _ in range(6):
                await ask_for_text(chat, suffix="z")
            assert [body["suffix"] for body in ollama.asked] == ["z"] * 6
            # What one cannot do for the moment, the other does.
            for away in (vllm, ollama):
                away.status = 503
                assert (await ask_for_text(chat))["choices"][0]["text"] == "a"
                assert (await ask_for_vector(chat))["data"][0]["embedding"] == [0.5, 1.0]
                away.status = 200

    run(test())


def test_what_no_kind_honours_is_refused_by_the_name_that_the_best_one_lacks(tmp_path: Path) -> None:
    async def test() -> None:
        async with Server("vllm") as vllm, Server("ollama") as ollama, served(tmp_path, ollama, vllm) as chat:
            with pytest.raises(UnsupportedParameter) as caught:
                await ask(chat, logit_bias={"1": 1}, prompt_cache_key="k", verbosity="low")
            assert caught.value.param == "verbosity"
            assert (vllm.asked, ollama.asked) == ([], [])

    run(test())


def test_under_warn_the_kind_that_honours_most_answers_without_the_rest(tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            Server("vllm") as vllm,
            Server("ollama") as ollama,
            served(tmp_path, ollama, vllm, more='unsupported = "warn"') as chat,
        ):
            call = await chat.begin({**HELLO, "logit_bias": {"1": 1}, "verbosity": "low"}, {})
            await chat.complete(call)
            assert call.ignored == ["verbosity"]
            (body,) = vllm.asked
            assert body["logit_bias"] == {"1": 1}
            assert ollama.asked == []

    run(test())


@pytest.mark.parametrize("stream", [False, True])
def test_a_kind_that_cannot_answer_for_the_moment_leaves_it_to_another_that_honours_the_request(
    tmp_path: Path, stream: bool
) -> None:
    async def test() -> None:
        async with Server("vllm") as vllm, Server("ollama") as ollama, served(tmp_path, vllm, ollama) as chat:
            await chat.meet("m")
            vllm.status = 503
            for _ in range(4):
                if stream:
                    call = await chat.begin({**HELLO, "stream": True}, {})
                    assert [chunk async for chunk in chat.stream(call)]
                else:
                    await ask(chat)
            assert len(ollama.asked) == 4
            ollama.status = 503
            with pytest.raises(EngineUnavailable):
                await ask(chat)

    run(test())


def test_the_table_says_where_only_some_of_the_servers_honour_a_parameter(tmp_path: Path) -> None:
    async def test() -> None:
        async with Server("vllm") as vllm, Server("ollama") as ollama, served(tmp_path, ollama, vllm) as chat:
            rows = {row["name"]: row for row in support_rows(await chat.meet("m"))}
            assert rows["logit_bias"] == {
                "name": "logit_bias",
                "verdict": "honoured",
                "note": "by only some of the model's servers",
            }
            assert rows["seed"] == {"name": "seed", "verdict": "honoured"}
            assert rows["verbosity"] == {"name": "verbosity", "verdict": "refused", "values": ['"medium"']}

    run(test())
