"""A model whose servers are recognised has what their kind honours, and is asked in its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.chat.service import Chat
from app.configuration.building import build
from app.configuration.chosen import chosen
from app.configuration.loading import load
from app.engines import recognition
from app.engines.dialects.known import KINDS
from app.errors import EngineUnavailable, UnsupportedParameter
from app.settings import Settings
from tests.live import free_port
from tests.patience import until

from .kinds import Server
from .recognised import HELLO, ask, model_of, run, served, served_by, turned
from .upstream.peers import KEY, llama_server

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_FIRST_PAUSE", 0.02)


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"openai"}))
def test_a_model_has_the_capabilities_and_the_words_of_the_kind_that_is_recognised(tmp_path: Path, kind: str) -> None:
    async def test() -> None:
        async with Server(kind) as server, served(tmp_path, server) as chat:
            before = model_of(chat.engine)
            assert before.meet is not None
            assert before.capabilities == KINDS["unknown"].capabilities
            assert not await chat.engine.ready()
            # The first request waits until it is known.
            answer = await ask(chat, max_completion_tokens=7)
            assert answer["model"] == "m"
            model = model_of(chat.engine)
            assert (model.meet, model.variants, model.foreign) == (None, (), True)
            assert model.capabilities == KINDS[kind].capabilities
            assert model.makes_choices is KINDS[kind].makes_choices
            assert await chat.engine.ready()
            (body,) = server.asked
            limit = "max_completion_tokens" if KINDS[kind].keeps_limit else KINDS[kind].limit
            assert body["max_tokens" if kind == "llama.cpp" else limit] == 7

    run(test())


def test_an_unknown_server_gets_the_limit_by_the_name_that_the_client_used_and_no_other(tmp_path: Path) -> None:
    async def test() -> None:
        async with Server("unknown") as server, served(tmp_path, server) as chat:
            for name in ("max_tokens", "max_completion_tokens"):
                await ask(chat, **{name: 7})
                assert {n for n in server.asked[-1] if n.startswith("max")} == {name}

    run(test())


def test_an_unknown_server_is_not_given_addresses_to_fetch_unless_the_operator_says_so(tmp_path: Path) -> None:
    part = {"type": "image_url", "image_url": {"url": "http://10.0.0.1/x.png"}}
    messages = [{"role": "user", "content": [part]}]

    async def test() -> None:
        async with Server("unknown") as server:
            async with served(tmp_path, server) as chat:
                with pytest.raises(Exception, match="Pictures are not fetched"):
                    await ask(chat, messages=messages)
            async with served(tmp_path, server, more="remote_media = true") as chat:
                await ask(chat, messages=messages)

    run(test())


def test_the_length_of_the_context_is_what_the_server_says_unless_it_is_configured(tmp_path: Path) -> None:
    async def test() -> None:
        async with Server("vllm") as server:
            async with served(tmp_path, server) as chat:
                assert not model_of(chat.engine).knows_length
                model = await chat.meet("m")
                assert (model.context_length, model.knows_length) == (4096, True)
            async with served(tmp_path, server, more="context_length = 77") as chat:
                assert (await chat.meet("m")).context_length == 77
        async with Server("ollama") as server, served(tmp_path, server) as chat:
            assert not (await chat.meet("m")).knows_length

    run(test())


def test_what_a_configuration_says_of_capabilities_and_extra_parameters_holds_for_the_kind(tmp_path: Path) -> None:
    more = (
        'capabilities = { add = ["verbosity"], remove = ["images", "files"] }\nextra_parameters = ["top_k", "regex"]\n'
    )

    async def test() -> None:
        async with Server("vllm") as server, served(tmp_path, server, more=more) as chat:
            model = await chat.meet("m")
            assert model.capabilities == KINDS["vllm"].capabilities - {"images"} | {"verbosity"}
            assert model.extra_parameters == {"top_k"}, "regex is for SGLang"
            with pytest.raises(UnsupportedParameter) as caught:
                await ask(chat, regex="a+")
            assert caught.value.param == "regex"

    run(test())


def test_a_restart_as_another_kind_changes_the_capabilities_without_one_of_ours(tmp_path: Path) -> None:
    async def test() -> None:
        server = Server("vllm", free_port())
        async with served_by(server, tmp_path) as chat:
            await ask(chat, logit_bias={"1": 1})
            async with turned(server, chat, "ollama"):
                with pytest.raises(UnsupportedParameter):
                    await ask(chat, logit_bias={"1": 1})
                await ask(chat, max_completion_tokens=7)
                assert server.asked[-1]["max_tokens"] == 7

    run(test())


def test_a_request_that_was_found_honoured_by_the_server_before_is_not_asked_of_another_kind(tmp_path: Path) -> None:
    async def test() -> None:
        server = Server("vllm", free_port())
        async with served_by(server, tmp_path) as chat:
            call = await chat.begin({**HELLO, "logit_bias": {"1": 1}}, {})
            async with turned(server, chat, "ollama"):
                with pytest.raises(EngineUnavailable, match="has changed"):
                    await chat.complete(call)

    run(test())


def test_a_model_whose_server_is_away_is_as_if_of_an_unknown_kind_and_unavailable(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(tmp_path, Server("vllm", free_port())) as chat:
            with pytest.raises(EngineUnavailable):
                await ask(chat)
            assert model_of(chat.engine).meet is None
            assert not await chat.engine.ready()

    run(test())


def test_an_upstream_that_lists_its_models_is_recognised_and_asked_again_when_it_is_another(tmp_path: Path) -> None:
    async def test() -> None:
        server = Server("vllm", free_port())
        settings = Settings(upstream_url=server.base_url)
        engine = build(chosen(settings), settings).engine
        async with server:
            await engine.start()
            await until(lambda: bool(engine.models))
            model = model_of(engine)
            assert model.capabilities == KINDS["vllm"].capabilities
            assert (model.context_length, model.meet) == (4096, None)
        with pytest.raises(EngineUnavailable):
            await ask(Chat(engine))
        server.kind = "llama.cpp"
        async with server:
            await until(lambda: model_of(engine).capabilities == KINDS["llama.cpp"].capabilities)
            assert model_of(engine).context_length == 512
            await ask(Chat(engine))
        await engine.close()

    run(test())


def test_llama_cpp_s_own_server_is_recognised(tmp_path: Path) -> None:
    async def test(url: str) -> None:
        text = f'[models.m]\nengine = "upstream"\nbase_urls = ["{url}"]\nkey_env = "K"\n'
        (tmp_path / "p.toml").write_text(text)
        engine = build(load(tmp_path / "p.toml", {"K": KEY}), Settings()).engine
        await engine.start()
        chat = Chat(engine)
        model = await chat.meet("m")
        assert model.capabilities == KINDS["llama.cpp"].capabilities
        assert (await ask(chat, max_completion_tokens=3))["usage"]["completion_tokens"] <= 3
        await engine.close()

    with llama_server() as url:
        run(test(url))
