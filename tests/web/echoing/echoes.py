"""Operations with the tag ``Echoes``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.web.uploads import Upload
from parley import Reply

# Where the files of the last request lay, for a test that looks whether they are gone.
seen: list[Path] = []


def _plain(value: Any) -> Any:
    if isinstance(value, Upload):
        seen.append(value.path)
        with value.open() as file:
            content = file.read()
        assert len(content) == value.size
        return {"filename": value.filename, "type": value.content_type, "content": content.decode("latin-1")}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode("latin-1") if isinstance(value, bytes) else value


async def get_thing(thing_id: int, ids: list[str], spot: dict[str, int]) -> Reply:
    return Reply({"thing_id": thing_id, "ids": ids, "spot": spot})


async def search(
    q: str,
    limit: Any = "absent",
    tags: Any = "absent",
    ids: Any = "absent",
    near: Any = "absent",
    flag: Any = "absent",
    filter: Any = "absent",
    x_count: Any = "absent",
    x_tags: Any = "absent",
    session: Any = "absent",
) -> Reply:
    given = {name: value for name, value in locals().items() if value != "absent"}
    return Reply(given)


async def send_form(body: Any) -> Reply:
    return Reply({"body": _plain(body)})


async def send_files(body: Any) -> Reply:
    return Reply({"body": _plain(body)})


async def send_anything(body: Any = None) -> Reply:
    return Reply({"body": _plain(body), "type": type(body).__name__})


async def delete_anything() -> Reply:
    return Reply({})


async def get_answer(path_kind: str, query_kind: int) -> Reply:
    return Reply({"x": 1}, query_kind, {"content-type": path_kind.replace("-", "/")} if path_kind != "none" else {})
