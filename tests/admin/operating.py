"""The operators' application without a process, on a database, and an operator who asks it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.admin.application import operators_application
from app.admin.keys import create_key
from app.settings import Settings
from app.store.address import Address
from app.store.database import Database

BASE = "/admin/v1"


class Operator:
    """Sends requests with an operator's key. ``database`` may be used in ``loop`` alone."""

    def __init__(self, app: Any, database: Database, loop: asyncio.AbstractEventLoop, key: str) -> None:
        self.database = database
        self.loop = loop
        self.key = key
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server")

    def send(self, method: str, path: str, *, key: str | None = None, **options: Any) -> httpx.Response:
        """Send a request to a path below the API's base; with another ``key``, or without one if it is empty."""
        key = self.key if key is None else key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return self.loop.run_until_complete(self._client.request(method, BASE + path, headers=headers, **options))

    def get(self, path: str, **options: Any) -> Any:
        """Return the body of an answer that must be 200."""
        return self._fine(self.send("GET", path, **options))

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self._fine(self.send("POST", path, **({} if body is None else {"json": body}), **options))

    def put(self, path: str, body: Any) -> Any:
        return self._fine(self.send("PUT", path, json=body))

    def patch(self, path: str, body: Any) -> Any:
        return self._fine(self.send("PATCH", path, json=body))

    def delete(self, path: str) -> Any:
        return self._fine(self.send("DELETE", path))

    def refused(self, status: int, method: str, path: str, **options: Any) -> Any:
        """Return the error of an answer that must have a status."""
        answer = self.send(method, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json()["error"]

    def run(self, work: Any) -> Any:
        """Return what a coroutine on the database results in."""
        return self.loop.run_until_complete(work)

    def _fine(self, answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def operating(address: Address, folder: Path, **settings: Any) -> Iterator[Operator]:
    """An operator, whose key is called ``olivia``, and the application on a database."""
    path = folder / "admin-keys"
    key = create_key(path, "olivia")
    loop = asyncio.new_event_loop()
    database = Database(address)
    all_settings = Settings(**{"engine": "echo", "admin_keys_file": path, "state_dir": folder, **settings})
    try:
        yield Operator(operators_application(all_settings, database), database, loop, key)
    finally:
        loop.run_until_complete(database.close())
        # Where a file could not be opened, aiosqlite's thread tells the loop once more, which nobody waits for.
        for thread in threading.enumerate():
            if thread.name.endswith("(_connection_worker_thread)"):
                thread.join(5)
        loop.close()
