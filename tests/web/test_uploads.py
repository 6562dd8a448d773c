"""Files on their way through a real server: never in memory as a whole, and gone with their request."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from ..foreign import FOREIGN, NEWEST, OLDER, foreign
from ..live import Server, serve
from ..patience import PATIENCE, wait_until
from .test_requests import raw
from .twins import VERSIONS, write_twin

pytestmark = pytest.mark.live

MIB = 1024 * 1024
START = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
END = b"\r\n--b--\r\n"


@contextmanager
def twin_server(folder: Path, version: str = VERSIONS[-1], **env: str) -> Iterator[Server]:
    """A server of a twin document, without handlers: what passes the check gets 501. Its files lie in the folder."""
    spec = write_twin(version, folder)
    (folder / "uploads").mkdir()
    with serve("echo", {"PARLEY_SPEC": str(spec), "TMPDIR": str(folder / "uploads"), **env}) as server:
        yield server


def files(folder: Path) -> list[Path]:
    """What lies in the folder of uploads, but for the empty folder of the moment."""
    return [path for path in (folder / "uploads").rglob("*") if path.is_file() and "upload" in path.parent.name]


def peak(pid: int) -> int:
    """The most memory that a process has had so far, in bytes; Linux only."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def head(length: int, path: str = "/api/files") -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\n"
        f"content-length: {length}\r\nconnection: close\r\n\r\n"
    ).encode()


def first_line(server: Server, data: bytes) -> bytes:
    """What the server says first, whether it has read everything or not."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(data)
        received = b""
        while b"}}" not in received and (piece := connection.recv(65536)):
            received += piece
    return received


def wait_until_gone(folder: Path) -> None:
    wait_until(lambda: not any((folder / "uploads").glob("parley-upload-*")), "a file is left behind")


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the memory of processes from /proc")
def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    with twin_server(tmp_path) as server:
        assert raw(server, head(len(START + END)) + START + END)[0] == 501
        before = max(map(peak, server.workers))
        size = 64 * MIB
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(head(len(START) + size + len(END)) + START)
            block = os.urandom(MIB)
            for _ in range(size // MIB):
                connection.sendall(block)
            connection.sendall(END)
            assert b" 501 " in connection.recv(65536)
        assert max(map(peak, server.workers)) - before < 16 * MIB
        wait_until_gone(tmp_path)


def test_a_client_that_goes_leaves_no_file_behind(tmp_path: Path) -> None:
    with twin_server(tmp_path) as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        connection.sendall(head(10 * MIB) + START + b"x" * MIB)
        wait_until(lambda: any(path.stat().st_size for path in files(tmp_path)), "no file has arrived")
        connection.close()
        wait_until_gone(tmp_path)
        assert raw(server, head(len(START + END)) + START + END)[0] == 501


def test_a_form_that_stops_coming_is_a_408_and_a_refused_one_leaves_no_file(tmp_path: Path) -> None:
    with twin_server(tmp_path, PARLEY_BODY_TIMEOUT="0.2", PARLEY_MAX_UPLOAD="1000000") as server:
        stalled = first_line(server, head(10_000) + START + b"x" * 5_000)
        assert stalled.startswith(b"HTTP/1.1 408 ")
        assert b'"request_timeout"' in stalled
        whole = START + b"x" * 500_000 + b'\r\n--b\r\ncontent-disposition: form-data; name="no"\r\n\r\nx' + END
        refused = first_line(server, head(len(whole)) + whole)
        assert refused.startswith(b"HTTP/1.1 400 ")
        assert b'"param":"no"' in refused
        assert first_line(server, head(2_000_000) + START).startswith(b"HTTP/1.1 413 ")
        wait_until_gone(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_body_that_nobody_asked_for_does_not_get_into_the_next_request(tmp_path: Path, version: str) -> None:
    with twin_server(tmp_path, version) as server:
        for method, path in (("DELETE", "/api/any"), ("GET", "/api/search?q=x"), ("HEAD", "/api/search?q=x")):
            sent = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n".encode() + b"x" * 100_000
            last = b"GET /api/search HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
                connection.sendall(sent + last)
                received = b""
                while piece := connection.recv(65536):
                    received += piece
            assert received.startswith(b"HTTP/1.1 501 ")
            assert received.count(b"HTTP/1.1 ") == 2, received
            assert b"HTTP/1.1 400 " in received
            assert b"'q' in the query" in received


@pytest.mark.parametrize("name", FOREIGN)
def test_what_the_official_sdk_sends_fits_the_official_document_and_one_like_it(name: str) -> None:
    path = foreign(name)
    file = ("a.jsonl", b"{}\n")
    sound = ("a.wav", b"RIFF")
    picture = ("a.png", b"\x89PNG", "image/png")
    with serve("echo", {"PARLEY_SPEC": str(path)}) as server:
        client = openai.OpenAI(base_url=server.base, api_key=server.key, max_retries=0)
        calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (client.files.create, {"file": file, "purpose": "batch"}),
            (client.audio.transcriptions.create, {"file": sound, "model": "whisper-1", "temperature": 0.5}),
            (
                client.audio.transcriptions.create,
                {
                    "file": sound,
                    "model": "whisper-1",
                    "response_format": "verbose_json",
                    "timestamp_granularities": ["word", "segment"],
                },
            ),
            (client.images.edit, {"image": picture, "prompt": "x", "n": 2}),
            (client.uploads.parts.create, {"upload_id": "upload_1", "data": b"x"}),
        ]
        if name != OLDER:
            expiry = {"anchor": "created_at", "seconds": 3600}
            calls += [
                (client.files.create, {"file": file, "purpose": "batch", "expires_after": expiry}),
                (client.images.edit, {"image": [picture, picture], "prompt": "x"}),
            ]
        if name == NEWEST:
            included = {"response_id": "resp_1", "include": ["file_search_call.results"]}
            calls.append((client.responses.retrieve, included))
        for call, arguments in calls:
            with pytest.raises(openai.InternalServerError) as caught:
                call(**arguments)
            assert caught.value.status_code == 501
        if name != OLDER:
            # This one has a handler, which has no database here.
            with pytest.raises(openai.NotFoundError, match="No completions are stored"):
                client.chat.completions.list(metadata={"a": "b"}, limit=3)
        wrong: Any = "nonsense"
        with pytest.raises(openai.BadRequestError) as refused:
            client.files.create(file=file, purpose=wrong)
        assert refused.value.param == "purpose"
