"""Keys, projects and limits in the database, on each kind of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import select, text

from app.errors import BadRequest, Conflict, NotFound
from app.limits.limits import Limits
from app.store import keys, limits, projects, tables
from app.store.address import Address
from app.store.database import Database

T = TypeVar("T")

# Texts that break a statement or a name where they are not taken as what they are.
ODD = ["", "a b", "x' OR '1'='1", "'; DROP TABLE keys; --", "%", "a\0b", "\ud800", "é", "a" * 65, "../x", "a\nb"]


def run(address: Address, work: Callable[[Database], Awaitable[T]]) -> T:
    async def with_database() -> T:
        database = Database(address)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(with_database())


def everything(address: Address) -> str:
    """All rows of all tables, as text."""
    with Database(address).blocking.connect() as connection:
        return "\n".join(
            str(row) for table in tables.metadata.sorted_tables for row in connection.execute(select(table))
        )


def audit_of(address: Address) -> list[tuple[str, str, str, Any]]:
    with Database(address).blocking.connect() as connection:
        rows = connection.execute(text("SELECT actor, action, subject, detail FROM audit ORDER BY id")).all()
    return [(actor, action, subject, json.loads(detail)) for actor, action, subject, detail in rows]


def test_a_key_is_created_with_all_that_it_is_to_have(address: Address) -> None:
    end = int(time.time()) + 100

    async def work(database: Database) -> None:
        made = await keys.create_key(
            database,
            "ann",
            "app.one",
            project="team@x",
            models=["b", "a", "b"],
            expires_at=end,
            measures={"requests_per_minute": 60, "money_per_month": 1 << 61},
        )
        assert made.secret.startswith("sk-parley-")
        assert len(made.secret) == len("sk-parley-") + 43  # 32 bytes in base64
        key = await keys.find_key(database, "app.one")
        assert key == made.key
        assert (key.project, key.models, key.expires_at, key.status) == ("team@x", ("b", "a"), end, "active")
        assert key.limits == Limits(requests_per_minute=60, money_per_month=1 << 61)
        assert [secret.prefix for secret in key.secrets] == [made.secret[:16]]
        assert [project.name for project in await projects.list_projects(database)] == ["default", "team@x"]
        assert made.secret not in repr(made)

    run(address, work)


def test_no_secret_is_in_the_database(address: Address) -> None:
    async def work(database: Database) -> list[str]:
        made = await keys.create_key(database, "ann", "one", measures={"tokens_per_day": 1})
        again = await keys.rotate_key(database, "ann", "one", grace=60)
        await keys.revoke_key(database, "ann", "one")
        return [made.secret, again.secret]

    found = run(address, work)
    rows = everything(address)
    for secret in found:
        assert secret[:16] in rows
        assert secret[16:] not in rows


def test_each_change_is_in_the_audit_log_and_a_refused_one_is_not(address: Address) -> None:
    async def work(database: Database) -> None:
        await keys.create_key(database, "ann", "one", project="p", measures={"tokens_per_day": 1})
        with pytest.raises(Conflict, match="already"):
            await keys.create_key(database, "ann", "one", project="q")
        await keys.rotate_key(database, "bob", "one")
        await keys.revoke_key(database, "bob", "one")
        await keys.revoke_key(database, "eve", "one")
        await limits.set_limits(database, "bob", "model", "m", {"tokens_per_day": 2})
        await limits.clear_limits(database, "bob", "model", "m")
        await limits.clear_limits(database, "eve", "model", "m")
        assert [project.name for project in await projects.list_projects(database)] == ["default", "p"]

    run(address, work)
    assert [row[:3] for row in audit_of(address)] == [
        ("ann", "projects.create", "p"),
        ("ann", "keys.create", "one"),
        ("ann", "limits.set", "key one"),
        ("bob", "keys.rotate", "one"),
        ("bob", "keys.revoke", "one"),
        ("bob", "limits.set", "model m"),
        ("bob", "limits.clear", "model m"),
    ]


def test_the_old_secret_of_a_rotated_key_is_shown_for_as_long_as_it_is_valid(address: Address) -> None:
    async def work(database: Database) -> None:
        first = await keys.create_key(database, "ann", "one")
        second = await keys.rotate_key(database, "ann", "one", grace=3600)
        assert [each.prefix for each in second.key.secrets] == [second.secret[:16], first.secret[:16]]
        assert second.key.secrets[0].expires_at is None
        assert abs((second.key.secrets[1].expires_at or 0) - time.time() - 3600) < 60
        third = await keys.rotate_key(database, "ann", "one")
        assert [each.prefix for each in third.key.secrets] == [third.secret[:16]]

    run(address, work)


def test_rotations_at_once_leave_one_secret(address: Address) -> None:
    async def work(database: Database) -> None:
        await keys.create_key(database, "ann", "one")
        made = await asyncio.gather(*(keys.rotate_key(database, "ann", "one") for _ in range(8)))
        (left,) = (await keys.find_key(database, "one")).secrets
        assert left.prefix in {each.secret[:16] for each in made}

    run(address, work)


def test_a_key_that_is_revoked_or_has_expired_is_not_rotated(address: Address) -> None:
    async def work(database: Database) -> None:
        await keys.create_key(database, "ann", "one")
        await keys.create_key(database, "ann", "two", expires_at=int(time.time()) + 100)
        await keys.revoke_key(database, "ann", "one")
        async with database.writing() as connection:
            await connection.execute(tables.keys.update().where(tables.keys.c.name == "two").values(expires_at=1))
        assert [key.status for key in await keys.list_keys(database)] == ["revoked", "expired"]
        for name, said in (("one", "been revoked"), ("two", "expired")):
            with pytest.raises(Conflict, match=said):
                await keys.rotate_key(database, "ann", name)

    run(address, work)


@pytest.mark.parametrize("odd", ODD)
def test_odd_texts_are_no_names_and_harm_nothing(odd: str, address: Address) -> None:
    async def work(database: Database) -> None:
        await keys.create_key(database, "ann", "one")
        for param, name, project in (("name", odd, "default"), ("project", "two", odd)):
            with pytest.raises(BadRequest) as caught:
                await keys.create_key(database, "ann", name, project=project)
            assert caught.value.param == param
            assert len(odd) < 4 or odd not in caught.value.message
        for call in (keys.find_key, projects.find_project):
            with pytest.raises(NotFound):
                await call(database, odd)
        for change in (keys.revoke_key, keys.rotate_key):
            with pytest.raises(NotFound):
                await change(database, "ann", odd)
        for kind in ("key", "project"):
            with pytest.raises(NotFound):
                await limits.set_limits(database, "ann", kind, odd, {"tokens_per_day": 1})
            assert not await limits.get_limits(database, kind, odd)
            assert not await limits.clear_limits(database, "ann", kind, odd)
        assert await keys.list_keys(database, after=odd) == await keys.list_keys(database, project=odd) == []
        assert await projects.list_projects(database, after=odd) == []
        assert [key.name for key in await keys.list_keys(database)] == ["one"]

    run(address, work)


@pytest.mark.parametrize("model", ["org/model:tag", "x' OR '1'='1", "ü", "%_"])
def test_a_model_may_be_called_anything_printable(model: str, address: Address) -> None:
    async def work(database: Database) -> None:
        assert (await keys.create_key(database, "ann", "one", models=[model])).key.models == (model,)
        await limits.set_limits(database, "ann", "model", model, {"tokens_per_day": 1})
        assert (await limits.get_limits(database, "model", model)).tokens_per_day == 1
        assert not await limits.get_limits(database, "model", "other")

    run(address, work)


@pytest.mark.parametrize("model", ["", "a\0", "\ud800", "a" * 257, "a\nb"])
def test_what_cannot_be_stored_is_no_model(model: str, address: Address) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(BadRequest, match="models"):
            await keys.create_key(database, "ann", "one", models=[model])
        with pytest.raises(BadRequest):
            await limits.set_limits(database, "ann", "model", model, {"tokens_per_day": 1})

    run(address, work)


def test_the_short_name_of_a_configured_key_is_no_name(address: Address) -> None:
    """Otherwise the two would share limits, usage and answers to repeat."""

    async def work(database: Database) -> None:
        with pytest.raises(BadRequest, match="short name"):
            await keys.create_key(database, "ann", "0123abcd")
        assert (await limits.set_limits(database, "ann", "key", "0123abcd", {"tokens_per_day": 1})).tokens_per_day == 1

    run(address, work)


@pytest.mark.parametrize("end", [0, 1, 1 << 60])
def test_a_key_expires_in_the_future(end: int, address: Address) -> None:
    with pytest.raises(BadRequest, match="in the future"):
        run(address, lambda database: keys.create_key(database, "ann", "one", expires_at=end))


def test_limits_are_set_one_by_one_and_removed(address: Address) -> None:
    async def work(database: Database) -> None:
        await projects.create_project(database, "ann", "p")
        change = limits.set_limits
        assert await change(database, "ann", "project", "p", {"tokens_per_day": 5}) == Limits(tokens_per_day=5)
        both = await change(database, "ann", "project", "p", {"requests_per_minute": 0, "tokens_per_day": 6})
        assert both == Limits(requests_per_minute=0, tokens_per_day=6)
        assert await change(database, "ann", "project", "p", {"tokens_per_day": None}) == Limits(requests_per_minute=0)
        assert (await projects.find_project(database, "p")).limits == Limits(requests_per_minute=0)
        assert [each.subject for each in await limits.list_limits(database)] == ["p"]
        assert await limits.list_limits(database, "key") == []
        assert not await change(database, "ann", "project", "p", {"requests_per_minute": None})
        assert await limits.list_limits(database) == []

    run(address, work)


@pytest.mark.parametrize(
    ("kind", "measures", "param"),
    [
        ("user", {"tokens_per_day": 1}, "kind"),
        ("model", {"tokens; DROP TABLE keys": 1}, "limits"),
        ("model", {"tokens_per_day": -1}, "limits.tokens_per_day"),
        ("model", {"tokens_per_day": 1 << 62}, "limits.tokens_per_day"),
    ],
)
def test_what_is_no_limit_is_refused(kind: str, measures: dict[str, int], param: str, address: Address) -> None:
    with pytest.raises(BadRequest) as caught:
        run(address, lambda database: limits.set_limits(database, "ann", kind, "m", measures))
    assert caught.value.param == param


def test_keys_are_listed_page_by_page(address: Address) -> None:
    async def work(database: Database) -> None:
        for number in range(5):
            await keys.create_key(database, "ann", f"k{number}", project="ab"[number % 2])
        first = await keys.list_keys(database, limit=2)
        assert [key.name for key in first] == ["k0", "k1"]
        assert all(key.secrets for key in first)
        assert [key.name for key in await keys.list_keys(database, after="k1", limit=2)] == ["k2", "k3"]
        assert [key.name for key in await keys.list_keys(database, project="b")] == ["k1", "k3"]

    run(address, work)
