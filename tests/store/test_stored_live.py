"""Stored completions and answers to repeat with real servers, real databases and OpenAI's SDK."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from app.settings import Settings
from app.store.address import address_of
from app.store.database import Database
from app.store.keys import create_key
from app.store.migrating import upgrade
from tests.live import Server, serve
from tests.patience import PATIENCE, wait_until

pytestmark = [pytest.mark.live, pytest.mark.long]

MODEL = "parley-echo"
WORDS = " ".join(f"word{number}" for number in range(300))
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


@pytest.fixture
def server(url: str) -> Iterator[Server]:
    """A server with two workers on that database, which makes five words in a twentieth of a second."""
    with serve("echo", {"PARLEY_DATABASE": url, "PARLEY_ECHO_DELAY": "0.01"}, ["--workers", "2"]) as found:
        yield found
        assert "Traceback" not in found.log()


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base, api_key=server.key, max_retries=0) as found:
        yield found


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_the_sdk_stores_reads_lists_changes_and_deletes(client: OpenAI) -> None:
    stored = client.chat.completions
    made = [
        stored.create(model=MODEL, messages=user(f"Hello {number}"), store=True, metadata={"half": str(number % 2)})
        for number in range(5)
    ]
    assert stored.retrieve(made[0].id).to_dict() == made[0].to_dict()
    # The SDK asks for page after page.
    assert [each.id for each in stored.list(limit=2)] == [each.id for each in made]
    assert [each.id for each in stored.list(limit=1, order="desc")] == [each.id for each in reversed(made)]
    assert [each.id for each in stored.list(metadata={"half": "1"}, model=MODEL)] == [made[1].id, made[3].id]
    (message,) = stored.messages.list(made[2].id)
    assert (message.role, message.content, message.content_parts) == ("user", "Hello 2", None)
    assert stored.update(made[0].id, metadata={"new": "1"}).metadata == {"new": "1"}
    assert [each.id for each in stored.list(metadata={"half": "0"})] == [made[2].id, made[4].id]
    assert stored.delete(made[0].id).deleted
    for call in (stored.retrieve, stored.delete, lambda name: list(stored.messages.list(name))):
        with pytest.raises(openai.NotFoundError):
            call(made[0].id)


def test_the_sdk_streams_and_what_it_got_is_stored(client: OpenAI) -> None:
    text, name = "", ""
    for chunk in client.chat.completions.create(model=MODEL, messages=user(WORDS[:60]), store=True, stream=True, n=2):
        name = chunk.id
        text += "".join(each.delta.content or "" for each in chunk.choices if each.index == 1)
    found = client.chat.completions.retrieve(name)
    assert [each.message.content for each in found.choices] == [text, text]
    assert found.usage is not None
    assert found.usage.completion_tokens > 2
    assert "x_parley" not in found.to_dict()


def test_a_client_that_leaves_in_the_middle_has_stored_what_it_got(client: OpenAI) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=user(WORDS), store=True, stream=True)
    text, name = "", ""
    for chunk in stream:
        name, text = chunk.id, text + (chunk.choices[0].delta.content or "")
        if len(text) > 100:
            break
    stream.close()

    def stored() -> bool:
        return [each.id for each in client.chat.completions.list()] == [name]

    wait_until(stored, "the completion is not stored")
    found: Any = client.chat.completions.retrieve(name).to_dict()
    (choice,) = found["choices"]
    assert choice["message"]["content"].startswith(text)
    assert WORDS.startswith(choice["message"]["content"])
    assert choice["message"]["content"] != WORDS
    assert choice["finish_reason"] is None
    assert found["x_parley"] == {"incomplete": "disconnected"}


def test_what_a_client_saw_the_end_of_survives_the_death_of_all_workers(server: Server) -> None:
    seen: list[str] = []

    async def one(session: httpx.AsyncClient, number: int) -> None:
        body = {"model": MODEL, "messages": user("a b c"), "store": True, "stream": number % 2 == 0}
        try:
            answer = await session.post(f"{server.base}/chat/completions", json=body, headers=server.bearer)
        except httpx.HTTPError:
            return
        if answer.status_code == 200 and body["stream"] and answer.text.endswith("data: [DONE]\n\n"):
            seen.append(answer.text.partition('"id":"')[2].partition('"')[0])
        elif answer.status_code == 200 and not body["stream"]:
            seen.append(answer.json()["id"])

    async def load() -> None:
        async with httpx.AsyncClient(timeout=PATIENCE) as session:
            running: set[asyncio.Task[None]] = set()
            for number in range(400):
                running.add(asyncio.create_task(one(session, number)))
                while len(running) >= 16:
                    _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                if number in (150, 300):
                    for pid in server.workers:
                        os.kill(pid, signal.SIGKILL)
            await asyncio.wait(running)

    asyncio.run(load())
    assert len(seen) > 50
    wait_until(lambda: server.request("GET", "/livez").status == 200)
    with OpenAI(base_url=server.base, api_key=server.key) as client:
        found = {each.id for each in client.chat.completions.list(limit=100)}
    assert set(seen) - found == set()


def test_a_key_sees_the_completions_of_its_own_project_only(server: Server, url: str) -> None:
    async def make() -> tuple[str, str, str]:
        database = Database(address_of(Settings(database=url)))
        places = {"one": "a", "two": "a", "three": "b"}
        made = [await create_key(database, "test", name, project=project) for name, project in places.items()]
        await database.close()
        one, two, three = (each.secret for each in made)
        return one, two, three

    one, two, three = (OpenAI(base_url=server.base, api_key=each) for each in asyncio.run(make()))
    made = one.chat.completions.create(model=MODEL, messages=user("Hi"), store=True)
    assert two.chat.completions.retrieve(made.id).id == made.id
    stored = three.chat.completions
    assert list(stored.list()) == []
    calls: list[Any] = [
        stored.retrieve,
        stored.delete,
        lambda name: stored.update(name, metadata={}),
        stored.messages.list,
    ]
    for call in calls:
        with pytest.raises(openai.NotFoundError):
            call(made.id)
    with pytest.raises(openai.NotFoundError):
        stored.list(after=made.id)
    # A key of the settings belongs to the default project.
    with OpenAI(base_url=server.base, api_key=server.key) as other, pytest.raises(openai.NotFoundError):
        other.chat.completions.retrieve(made.id)
    assert one.chat.completions.delete(made.id).deleted
    for client in (one, two, three):
        client.close()


def test_of_many_requests_with_one_key_one_is_carried_out_and_all_get_its_answer(server: Server) -> None:
    def ask(_: int) -> str:
        # The SDK asks again while the first request runs.
        with OpenAI(base_url=server.base, api_key=server.key, max_retries=10) as client:
            completions = client.chat.completions.with_raw_response
            return completions.create(model=MODEL, messages=user(WORDS[:600]), store=True, extra_headers=KEY).text

    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(ask, range(8)))
    assert len(answers) == 1
    with OpenAI(base_url=server.base, api_key=server.key) as client:
        assert len(list(client.chat.completions.list())) == 1


def test_a_request_with_a_used_key_is_refused_and_the_sdk_does_not_retry(server: Server) -> None:
    with OpenAI(base_url=server.base, api_key=server.key, max_retries=5) as client:
        client.chat.completions.create(model=MODEL, messages=user("a"), extra_headers=KEY)
        with pytest.raises(openai.ConflictError) as caught:
            client.chat.completions.create(model=MODEL, messages=user("b"), extra_headers=KEY)
        assert caught.value.code == "idempotency_key_reused"
    # Its line is written once its answer is out.
    server.log_line("error=idempotency_key_reused")
    assert server.log().count("error=idempotency_key_reused") == 1


def test_a_key_is_free_again_when_its_client_has_left(server: Server) -> None:
    with OpenAI(base_url=server.base, api_key=server.key, max_retries=0) as client:
        completions = client.chat.completions
        with pytest.raises(openai.APITimeoutError):
            completions.create(model=MODEL, messages=user(WORDS * 10), extra_headers=KEY, timeout=0.5)

        def free() -> bool:
            try:
                completions.create(model=MODEL, messages=user("another"), extra_headers=KEY)
            except openai.ConflictError:
                return False
            return True

        begun = time.monotonic()
        wait_until(free, "the key is not free")
        # Long before the claim would have expired.
        assert time.monotonic() - begun < 20


def test_the_key_of_a_worker_that_was_killed_is_free_again_when_its_claim_expires(server: Server) -> None:
    with OpenAI(base_url=server.base, api_key=server.key, max_retries=0) as client:
        completions = client.chat.completions
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(completions.create, model=MODEL, messages=user(WORDS * 10), extra_headers=KEY)
            time.sleep(1)
            for pid in server.workers:
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(openai.APIConnectionError):
                running.result(PATIENCE)
        wait_until(lambda: server.request("GET", "/livez").status == 200)
        with pytest.raises(openai.ConflictError) as caught:
            completions.create(model=MODEL, messages=user("another"), extra_headers=KEY)
        assert caught.value.code == "idempotency_key_reused"

        def free() -> bool:
            try:
                completions.create(model=MODEL, messages=user("another"), extra_headers=KEY)
            except openai.ConflictError:
                return False
            return True

        wait_until(free, "the claim does not expire")


def test_while_the_database_is_away_what_needs_it_fails_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "parley.sqlite3"
    found = f"sqlite:///{path}"
    upgrade(address_of(Settings(database=found)))
    with (
        serve("echo", {"PARLEY_DATABASE": found}) as server,
        OpenAI(base_url=server.base, api_key=server.key, max_retries=0) as client,
    ):
        completions = client.chat.completions
        assert completions.create(model=MODEL, messages=user("a"), store=True)
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        try:
            assert completions.create(model=MODEL, messages=user("a")).choices[0].message.content == "a"
            with pytest.raises(openai.InternalServerError) as caught:
                completions.create(model=MODEL, messages=user("a"), store=True)
            assert (caught.value.status_code, caught.value.code) == (503, "store_unavailable")
            with pytest.raises(openai.APIError) as failed:
                for _ in completions.create(model=MODEL, messages=user("a"), store=True, stream=True):
                    pass
            assert failed.value.code == "store_unavailable"
            with pytest.raises(openai.InternalServerError):
                completions.create(model=MODEL, messages=user("a"), extra_headers=KEY)
        finally:
            holder.rollback()
            holder.close()

        def works() -> bool:
            try:
                return bool(completions.create(model=MODEL, messages=user("a"), store=True))
            except openai.InternalServerError:
                return False

        wait_until(works, "the database is not used again")
