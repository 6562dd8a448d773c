"""What takes the place of what, and when, as files change: the files are a table, and each look at them is counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from connexion import FlaskApp
from starlette.types import Message, Receive, Scope, Send

from app.errors import ConfigurationError, DocumentError
from app.web import reloading
from app.web.reloading import Reloading

from ..patience import PATIENCE, until

DOCUMENT, PART = Path("api.yaml"), Path("part.yaml")


class Named:
    """An application that notes what is asked of it."""

    def __init__(self, name: str) -> None:
        self.app = name
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["type"])
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                pass


class World:
    """Files with their stamps, and what is built of them."""

    def __init__(self) -> None:
        self.stamps: dict[Path, int | None] = {DOCUMENT: 1}
        self.watched = [DOCUMENT]
        self.looks = 0
        self.built: list[Named] = []
        self.failure: Exception | None = None

    def stamp(self, path: Path) -> int | None:
        self.looks += path == DOCUMENT
        return self.stamps.get(path)

    def build(self) -> FlaskApp:
        if self.failure is not None:
            raise self.failure
        self.built.append(Named(f"{len(self.built)}"))
        return cast(FlaskApp, self.built[-1])

    def follow(self, use: Callable[[Reloading], Awaitable[None]]) -> None:
        """Follow the files while ``use`` runs."""

        async def run() -> None:
            following = Reloading(self.build, self.build, lambda: self.watched, shown="api.yaml")
            over = asyncio.Event()

            async def receive() -> Message:
                await over.wait()
                return {"type": "lifespan.shutdown"}

            async def send(_message: Message) -> None:
                pass

            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
                tasks.create_task(following({"type": "lifespan"}, receive, send))
                await use(following)
                over.set()

        asyncio.run(run())

    async def look_again(self) -> None:
        """Wait until the files have been looked at, from the first to the last, since now."""
        before = self.looks
        await until(lambda: self.looks > before + 1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(reloading, "_stamp", made.stamp)
    monkeypatch.setattr(reloading, "_SECONDS", 0.001)
    monkeypatch.setattr("gc.collect", lambda: 0)  # of all that other tests left it would take long
    return made


def in_force(following: Reloading) -> Any:
    return following.app


def is_in_force(following: Reloading, name: str) -> bool:
    return bool(in_force(following) == name)


async def ask(following: Reloading) -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        pass

    await following({"type": "http"}, receive, send)


def test_as_long_as_nothing_changes_nothing_is_built(world: World) -> None:
    async def use(following: Reloading) -> None:
        for _ in range(5):
            await world.look_again()
        assert in_force(following) == "0"

    world.follow(use)
    assert len(world.built) == 1


def test_a_change_is_built_and_asked_from_then_on_and_the_first_ends_with_the_worker(world: World) -> None:
    async def use(following: Reloading) -> None:
        await ask(following)
        world.stamps[DOCUMENT] = 2
        await until(lambda: in_force(following) == "1")
        await ask(following)

    world.follow(use)
    first, second = world.built
    assert first.asked.count("lifespan") == 1, "what all share is opened and closed once"
    assert "lifespan" not in second.asked
    assert first.asked.count("http") == 1
    assert second.asked[-1] == "http"


def test_a_file_that_is_away_for_a_moment_is_a_change_and_so_is_its_return(world: World) -> None:
    async def use(following: Reloading) -> None:
        for number, stamp in enumerate((None, 1, 7)):
            world.stamps[DOCUMENT] = stamp
            await until(partial(is_in_force, following, f"{number + 1}"))

    world.follow(use)


def test_a_file_that_comes_to_the_document_is_watched_from_then_on_and_one_that_left_is_not(world: World) -> None:
    async def use(following: Reloading) -> None:
        world.stamps |= {DOCUMENT: 2, PART: 1}
        world.watched = [DOCUMENT, PART]
        await until(lambda: in_force(following) == "1")
        world.stamps[PART] = 2
        await until(lambda: in_force(following) == "2")
        world.stamps[DOCUMENT] = 3
        world.watched = [DOCUMENT]
        await until(lambda: in_force(following) == "3")
        world.stamps[PART] = 3
        for _ in range(3):
            await world.look_again()
        assert in_force(following) == "3"

    world.follow(use)


def test_what_cannot_be_served_changes_nothing_and_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def use(following: Reloading) -> None:
        world.failure = ConfigurationError("It has no paths.")
        world.stamps[DOCUMENT] = 2
        await until(lambda: caplog.messages)
        for _ in range(3):
            await world.look_again()
        assert in_force(following) == "0"
        world.failure = None
        world.stamps[DOCUMENT] = 3
        await until(lambda: len(caplog.messages) == 2)
        assert in_force(following) == "1"

    with caplog.at_level(logging.INFO, "parley"):
        world.follow(use)
    refused, taken = caplog.messages
    assert refused.endswith("not into one that can be served: It has no paths.")
    assert taken == "the document api.yaml has changed and is in force"


def test_the_files_that_keep_a_document_from_being_read_are_watched_too(world: World) -> None:
    async def use(following: Reloading) -> None:
        world.failure = DocumentError("part.yaml cannot be read.")
        world.failure.files = (DOCUMENT, PART)
        world.stamps[DOCUMENT] = 2
        await world.look_again()
        await world.look_again()
        world.failure = None
        world.stamps[PART] = 1
        await until(lambda: in_force(following) == "1")

    world.follow(use)


def test_a_mistake_of_our_own_changes_nothing_and_is_logged_with_its_place(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(following: Reloading) -> None:
        world.failure = ZeroDivisionError()
        world.stamps[DOCUMENT] = 2
        await until(lambda: caplog.records)
        assert in_force(following) == "0"

    world.follow(use)
    assert caplog.records[0].exc_info is not None
