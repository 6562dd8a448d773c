"""Stored completions: reading, changing, deleting, in pages, by project, on both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, update

from app.errors import NotFound, StoreUnavailable
from app.keeping import Kept, Page
from app.settings import Settings
from app.store.address import Address, address_of
from app.store.completions import StoredCompletions, removes_expired
from app.store.database import Database
from app.store.maintenance import Maintenance
from app.store.tables import completion_metadata, completions
from app.store.writing import Writer

ODD = ["a\0b", "\\0", "\\", "\\\\0\0", "it's", '"', "'; DROP TABLE completions; --", "%", "_", "é😀", "", " "]


def kept(number: int, **fields: Any) -> Kept:
    usual: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "project": "p",
        "model": "m",
        "created": 1000 + number,
        "metadata": {},
        "messages": [{"id": f"chatcmpl-{number}-{index}", "content": str(index)} for index in range(3)],
    }
    found = {**usual, **fields}
    found.setdefault("completion", orjson.dumps({"id": found["id"], "n": number}))
    return Kept(**{**found, "completion": [found["completion"][:5], found["completion"][5:]]})


Work = Callable[[StoredCompletions, Database], Awaitable[Any]]


def run(address: Address, work: Work, *stored: Kept, days: int = 30) -> Any:
    """Store completions, and do some work with them."""

    async def inner() -> Any:
        database = Database(address)
        writer = Writer(database)
        store = StoredCompletions(database, writer, days)
        try:
            for each in stored:
                await store.keep(each)
            return await work(store, database)
        finally:
            await store.close()
            await writer.close()
            await database.close()

    return asyncio.run(inner())


def ids(body: Any) -> list[str]:
    return [each["id"] for each in body["data"]]


def test_a_completion_is_read_as_it_was_stored(address: Address) -> None:
    metadata = {name: name[::-1] for name in ODD}
    found = run(address, lambda store, _: store.get("p", "chatcmpl-1"), kept(1, metadata=metadata))
    assert found == {"id": "chatcmpl-1", "n": 1, "metadata": metadata}


def test_one_of_another_project_or_of_no_project_is_not_found(address: Address) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        for project, name in [("q", "chatcmpl-1"), ("p", "chatcmpl-2"), ("p", ""), *(("p", odd) for odd in ODD)]:
            calls: list[Awaitable[Any]] = [
                store.get(project, name),
                store.update(project, name, {}),
                store.delete(project, name),
                store.messages(project, name, Page()),
            ]
            for call in calls:
                with pytest.raises(NotFound) as caught:
                    await call
                assert caught.value.param == "completion_id"
        assert ids(await store.page("q", Page())) == []
        with pytest.raises(NotFound) as caught:
            await store.page("q", Page(after="chatcmpl-1"))
        assert caught.value.param == "after"
        assert await store.get("p", "chatcmpl-1") == {"id": "chatcmpl-1", "n": 1}

    run(address, work, kept(1))


def test_pages_follow_each_other_in_either_order_without_gap_or_repetition(address: Address) -> None:
    # Several were begun in the same second, and they were not stored in the order of their beginnings.
    stored = [kept(number, created=1000 + number * 7 % 5) for number in range(23)]

    async def work(store: StoredCompletions, _: Database) -> None:
        every = ids(await store.page("p", Page(limit=100)))
        wanted = sorted(range(23), key=lambda number: (1000 + number * 7 % 5, number))
        assert every == [f"chatcmpl-{number}" for number in wanted]
        for descending in (False, True):
            found: list[str] = []
            more, pages = True, 0
            while more:
                page = await store.page("p", Page(found[-1] if found else None, 5, descending))
                assert isinstance(page, dict)
                assert (page["first_id"], page["last_id"]) == (ids(page)[0], ids(page)[-1])
                found += ids(page)
                more, pages = page["has_more"], pages + 1
            assert found == (every[::-1] if descending else every)
            assert pages == 5

    run(address, work, *stored)


def test_a_page_stays_where_it_is_while_others_are_stored_and_deleted(address: Address) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        first = ids(await store.page("p", Page(limit=2)))
        await store.delete("p", "chatcmpl-1")
        await store.delete("p", "chatcmpl-3")
        await store.keep(kept(9))
        await store.keep(kept(0))
        assert first == ["chatcmpl-1", "chatcmpl-2"]
        assert ids(await store.page("p", Page("chatcmpl-2", 9))) == ["chatcmpl-4", "chatcmpl-5", "chatcmpl-9"]

    run(address, work, *map(kept, range(1, 6)))


def test_a_list_is_of_one_model_and_of_all_pairs_of_metadata(address: Address) -> None:
    stored = [
        kept(1, metadata={"a": "1", "b": "2"}),
        kept(2, metadata={"a": "1"}),
        kept(3, metadata={"a": "2", "b": "1"}),
        kept(4, model="o'n\0e"),
    ]

    async def work(store: StoredCompletions, _: Database) -> None:
        async def listed(model: str | None = None, **metadata: str) -> list[str]:
            return [name[-1] for name in ids(await store.page("p", Page(), model, metadata))]

        assert await listed() == ["1", "2", "3", "4"]
        assert await listed(a="1") == ["1", "2"]
        assert await listed(a="1", b="2") == ["1"]
        assert await listed(a="1", b="1") == []
        assert await listed("m", a="1") == ["1", "2"]
        assert await listed("o'n\0e") == ["4"]
        assert await listed("other") == []

    run(address, work, *stored)


@pytest.mark.parametrize("text", ODD)
def test_any_text_is_a_name_a_value_and_a_model_and_nothing_else(address: Address, text: str) -> None:
    stored = [kept(1, metadata={text: "x"}), kept(2, metadata={"x": text}), kept(3, model=text)]

    async def work(store: StoredCompletions, _: Database) -> None:
        assert ids(await store.page("p", Page(), None, {text: "x"})) == ["chatcmpl-1"]
        assert ids(await store.page("p", Page(), None, {"x": text})) == ["chatcmpl-2"]
        assert ids(await store.page("p", Page(), text)) == ["chatcmpl-3"]
        with pytest.raises(NotFound):
            await store.page("p", Page(text))

    run(address, work, *stored)


def test_names_and_values_may_be_as_long_as_the_contract_says_whatever_they_are_made_of(address: Address) -> None:
    metadata = {"\0" * 64: "\\" * 512, "😀" * 64: "😀" * 512}
    found = run(address, lambda store, _: store.get("p", "chatcmpl-1"), kept(1, metadata=metadata))
    assert found["metadata"] == metadata


def test_new_metadata_takes_the_place_of_the_old(address: Address) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        assert (await store.update("p", "chatcmpl-1", {"b": "2"})) == {
            "id": "chatcmpl-1",
            "n": 1,
            "metadata": {"b": "2"},
        }
        assert await store.get("p", "chatcmpl-1") == {"id": "chatcmpl-1", "n": 1, "metadata": {"b": "2"}}
        assert ids(await store.page("p", Page(), None, {"a": "1"})) == []
        assert "metadata" not in await store.update("p", "chatcmpl-1", {})

    run(address, work, kept(1, metadata={"a": "1"}))


def test_changes_of_one_completion_at_once_leave_the_metadata_of_one_of_them(address: Address) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        changes = [{str(number): "x", "same": str(number)} for number in range(8)]
        await asyncio.gather(*(store.update("p", "chatcmpl-1", each) for each in changes))
        found = await store.get("p", "chatcmpl-1")
        assert isinstance(found, dict)
        assert found["metadata"] in changes

    run(address, work, kept(1, metadata={"same": "0"}))


def test_what_is_deleted_is_gone_with_its_metadata(address: Address) -> None:
    async def work(store: StoredCompletions, database: Database) -> None:
        await store.delete("p", "chatcmpl-1")
        with pytest.raises(NotFound):
            await store.delete("p", "chatcmpl-1")
        async with database.reading() as connection:
            for table in (completions, completion_metadata):
                assert (await connection.execute(select(func.count()).select_from(table))).scalar() == 1

    run(address, work, kept(1, metadata={"a": "1"}), kept(2, metadata={"a": "1"}))


def test_an_expired_completion_is_not_seen_and_then_removed(address: Address) -> None:
    async def work(store: StoredCompletions, database: Database) -> None:
        async with database.writing() as connection:
            old = update(completions).where(completions.c.id != "chatcmpl-3").values(expires_at=int(time.time()))
            await connection.execute(old)
        with pytest.raises(NotFound):
            await store.get("p", "chatcmpl-1")
        with pytest.raises(NotFound):
            await store.update("p", "chatcmpl-1", {})
        with pytest.raises(NotFound):
            await store.messages("p", "chatcmpl-1", Page())
        assert ids(await store.page("p", Page())) == ["chatcmpl-3"]
        await Maintenance(database, [removes_expired()]).work()
        async with database.reading() as connection:
            assert (await connection.execute(select(completions.c.id))).scalars().all() == ["chatcmpl-3"]
            assert (await connection.execute(select(completion_metadata.c.completion))).scalars().all() == [
                "chatcmpl-3"
            ]

    run(address, work, *(kept(number, metadata={"a": "1"}) for number in (1, 2, 3)))


def test_it_is_kept_for_as_many_days_as_the_setting_says(address: Address) -> None:
    async def work(_: StoredCompletions, database: Database) -> int:
        async with database.reading() as connection:
            return int((await connection.execute(select(completions.c.expires_at))).scalar_one())

    before = int(time.time())
    expires = run(address, work, kept(1), days=7)
    assert before + 7 * 86_400 <= expires <= time.time() + 7 * 86_400


def test_messages_are_listed_in_pages_in_either_order(address: Address) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        async def listed(**page: Any) -> tuple[list[str], bool]:
            found = await store.messages("p", "chatcmpl-1", Page(**page))
            assert isinstance(found, dict)
            return [name[-1] for name in ids(found)], found["has_more"]

        assert await listed() == (["0", "1", "2"], False)
        assert await listed(limit=2) == (["0", "1"], True)
        assert await listed(limit=2, after="chatcmpl-1-1") == (["2"], False)
        assert await listed(limit=2, descending=True) == (["2", "1"], True)
        assert await listed(after="chatcmpl-1-1", descending=True) == (["0"], False)
        assert await listed(after="chatcmpl-1-2") == ([], False)
        with pytest.raises(NotFound) as caught:
            await listed(after="no\0such")
        assert caught.value.param == "after"

    run(address, work, kept(1))


def test_a_page_ends_where_its_completions_come_to_more_than_a_megabyte(address: Address) -> None:
    def large(number: int) -> Kept:
        body = orjson.dumps({"id": f"chatcmpl-{number}", "text": "x" * 400_000})
        return kept(number, completion=body)

    async def work(store: StoredCompletions, _: Database) -> None:
        first = await store.page("p", Page(limit=5))
        assert isinstance(first, dict)
        assert ids(first) == ["chatcmpl-1", "chatcmpl-2"]
        assert first["has_more"]
        last = await store.page("p", Page("chatcmpl-3", 5))
        assert isinstance(last, dict)
        assert (ids(last), last["has_more"]) == (["chatcmpl-4"], False)

    run(address, work, *map(large, range(1, 5)))


def test_a_large_completion_is_read_as_bytes_with_its_metadata(address: Address) -> None:
    text = "x\0" * 1_000_000
    metadata = {"a": "\0"}
    body = orjson.dumps({"id": "chatcmpl-1", "text": text})
    whole = {"id": "chatcmpl-1", "text": text, "metadata": metadata}

    async def work(store: StoredCompletions, _: Database) -> None:
        found = await store.get("p", "chatcmpl-1")
        assert isinstance(found, bytes)
        assert orjson.loads(found) == whole
        page = await store.page("p", Page())
        assert isinstance(page, bytes)
        listed = {"object": "list", "data": [whole], "first_id": "chatcmpl-1", "last_id": "chatcmpl-1"}
        assert orjson.loads(page) == {**listed, "has_more": False}
        changed = await store.update("p", "chatcmpl-1", {})
        assert isinstance(changed, bytes)
        assert orjson.loads(changed) == {"id": "chatcmpl-1", "text": text}

    run(address, work, kept(1, completion=body, metadata=metadata))


def test_many_completions_are_written_at_once_each_with_its_metadata(address: Address) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        await asyncio.gather(*(store.keep(kept(number, metadata={"a": str(number)})) for number in range(1200)))
        for number in (0, 700, 1199):
            assert ids(await store.page("p", Page(), None, {"a": str(number)})) == [f"chatcmpl-{number}"]

    run(address, work)


def test_a_completion_that_cannot_be_stored_is_an_error_and_one_of_a_client_that_has_left_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(store: StoredCompletions, _: Database) -> None:
        with pytest.raises(StoreUnavailable):
            await store.keep(kept(1))
        store.put(kept(2))
        # It is written after the one before it.
        with pytest.raises(StoreUnavailable):
            await store.keep(kept(3))
        assert any("that has left could not be stored" in line for line in caplog.messages)

    # There are no tables.
    run(address_of(Settings(database=f"sqlite:///{tmp_path}/empty.sqlite3")), work)
