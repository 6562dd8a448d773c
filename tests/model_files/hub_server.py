"""A hub on loopback: the few addresses of it that a download asks, with files in memory."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"

_INFO = re.compile(r"/api/models/([^/]+/[^/]+)/revision/([^/?]+)")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/([^?]+)")


@dataclass(slots=True)
class Hub:
    """``repositories`` are files by their paths, by repository. What it is asked stands in ``asked``, as method, path
    and the header Range."""

    url: str
    repositories: dict[str, dict[str, bytes]]
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    # Answers everything with this status, and with the hub's name for the error.
    status: int = 0
    error_code: str = ""
    # Breaks off after so many bytes of a file, and answers with 503 from then on.
    breaks_at: int | None = None
    # Says of each file that it has the checksum of nothing.
    lies: bool = False
    # Answers nothing until the hub ends.
    waits: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    # Where files really are, if elsewhere.
    elsewhere: str | None = None

    def environ(self, home: Path, **more: str) -> dict[str, str]:
        """Variables that make this the hub of a program whose home of caches and tokens is a folder."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", **more}

    @property
    def downloads(self) -> list[str | None]:
        """The ranges of the files that were fetched."""
        return [range_ for method, path, range_ in self.asked if method == "GET" and _FILE.match(path)]


@contextlib.contextmanager
def hub(repositories: Mapping[str, Mapping[str, bytes]]) -> Iterator[Hub]:
    """A running hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    made = Hub(f"http://127.0.0.1:{server.server_port}", {name: {**files} for name, files in repositories.items()})
    _Handler.hubs[server.server_port] = made
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hubs: dict[int, Hub] = {}  # noqa: RUF012
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at what was asked."""

    def _answer(self) -> None:
        made = self.hubs[self.server.server_address[1]]  # type: ignore[index]
        made.asked.append((self.command, self.path, self.headers["Range"]))
        made.tokens.append(self.headers["Authorization"])
        if made.waits:
            made.ended.wait()
            self.close_connection = True
        elif made.status:
            self._send(made.status, {"X-Error-Code": made.error_code} if made.error_code else {})
        elif match := _INFO.match(self.path):
            self._send_info(made, match[1], unquote(match[2]))
        elif match := _FILE.match(self.path):
            self._send_file(made, match[1], unquote(match[3]))
        else:
            self._send(404, {})

    def _send_info(self, made: Hub, repository: str, revision: str) -> None:
        if repository not in made.repositories:
            self._send(401, {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._send(404, {"X-Error-Code": "RevisionNotFound"})
        else:
            siblings = [{"rfilename": name} for name in made.repositories[repository]]
            content = json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()
            self._send(200, {"Content-Type": "application/json"}, content)

    def _send_file(self, made: Hub, repository: str, name: str) -> None:
        content = made.repositories[repository].get(name)
        if content is None:
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        if made.elsewhere is not None:
            etag, size = sha256(content).hexdigest(), str(len(content))
            headers = {"X-Repo-Commit": COMMIT, "X-Linked-ETag": f'"{etag}"', "X-Linked-Size": size}
            self._send(302, {**headers, "Location": f"{made.elsewhere}{self.path}"})
            return
        etag = sha256(b"" if made.lies else content).hexdigest()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        status, first = 200, 0
        if match := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or ""):
            status, first = 206, int(match[1])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        if self.command == "GET" and made.breaks_at is not None:
            self._send(status, headers, content[first:], stop=made.breaks_at - first)
            made.status, made.breaks_at = 503, None
            self.close_connection = True
        else:
            self._send(status, headers, content[first:])

    def _send(self, status: int, headers: Mapping[str, str], content: bytes = b"", stop: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[:stop])
