"""The commands of `parley config`: what would be served is told, or what is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Command
from ..engines.kinds import Server

TWO = """
[models.say]
engine = "echo"
aliases = ["gpt-4o-mini"]
fallbacks = ["tiny"]

[models.tiny]
engine = "llama"

[models.far]
engine = "upstream"
dialect = "vllm"
base_urls = ["http://192.0.2.1/v1", "http://192.0.2.2/v1"]
"""


def test_the_models_of_a_file_are_listed_with_what_answers_them(command: Command, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(TWO)
    done = command("config", "check", PARLEY_CONFIG=str(tmp_path / "p.toml"))
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "say  echo  also called gpt-4o-mini  falls back to tiny",
        "tiny  llama",
        "far  upstream  vllm, 2 replicas",
    ]


def test_a_mistake_in_a_file_is_told_with_its_place_and_the_status_is_1(command: Command, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(TWO.replace("aliases", "alias", 1))
    done = command("config", "check", PARLEY_CONFIG=str(tmp_path / "p.toml"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "models.say.alias is not a known key. Did you mean aliases?" in done.stderr


def test_without_a_file_that_of_the_settings_is_told(command: Command) -> None:
    assert command("config", "check", PARLEY_ENGINE="echo").stdout == "parley-echo  echo\n"
    url = {"PARLEY_UPSTREAM_URL": "http://192.0.2.1/v1"}
    assert command("config", "check", **url).stdout == "the models that the upstream lists\n"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v1", "http://localhost:8080/v1"])
def test_an_upstream_that_is_the_server_itself_is_told(command: Command, url: str) -> None:
    done = command("config", "check", PARLEY_UPSTREAM_URL=url)
    assert done.exit_code == 1
    assert "PARLEY_UPSTREAM_URL is this server's own address" in done.stderr


def test_every_key_of_a_file_is_printed(command: Command) -> None:
    done = command("config", "keys")
    assert done.exit_code == 0
    assert all(f"`{name}`" in done.stdout for name in ("engine", "base_urls", "dialect", "timeouts.total"))


@contextlib.contextmanager
def serving(*kinds: str) -> Iterator[list[str]]:
    """The base URLs of servers of some kinds, in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers = [Server(kind) for kind in kinds]
    try:
        for server in servers:
            asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        yield [server.base_url for server in servers]
    finally:
        for server in servers:
            asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.mark.live
def test_a_probe_says_what_each_replica_is_recognised_as(command: Command, tmp_path: Path) -> None:
    with serving("vllm", "unknown") as urls:
        file = tmp_path / "p.toml"
        file.write_text(f'[models.m]\nengine = "upstream"\nbase_urls = ["{urls[0]}", "{urls[1]}"]\n')
        done = command("config", "check", "--probe", PARLEY_CONFIG=str(file))
        assert done.exit_code == 0, done.output
        line, first, second = done.stdout.splitlines()
        assert line == "m  upstream  auto, 2 replicas"
        assert first.startswith(f"{file}: models.m.base_urls[0]: answers in ")
        assert first.endswith(" ms, is recognised as vllm, has the model")
        assert "is not recognised and is treated as OpenAI's API (`parley certify URL`" in second
        file.write_text(file.read_text() + 'dialect = "openai"')
        assert "recognised" not in command("config", "check", "--probe", PARLEY_CONFIG=str(file)).stdout


@pytest.mark.live
def test_the_table_of_a_model_is_that_of_the_server_that_is_recognised(command: Command) -> None:
    with serving("ollama") as (url,):
        table = command("models", "show", "m", PARLEY_UPSTREAM_URL=url).stdout
        assert "| `logit_bias` | refused" in table
        assert "| `seed` | honoured" in table


@pytest.mark.live
def test_the_table_of_a_configured_model_waits_for_its_server_to_be_recognised(
    command: Command, tmp_path: Path
) -> None:
    with serving("sglang") as (url,):
        file = tmp_path / "p.toml"
        file.write_text(f'[models.m]\nengine = "upstream"\nbase_urls = ["{url}"]\n')
        assert "| `seed` | refused" in command("models", "show", "m", PARLEY_CONFIG=str(file)).stdout
