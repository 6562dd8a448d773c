"""One client cannot hurt another by its connections: without a key they cost a server little, and are not many."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..live import Server, serve
from ..patience import PATIENCE, wait_until

pytestmark = pytest.mark.live

BUNDLE = "/v1/ui/swagger-ui-bundle.js"


def memory(pid: int) -> int:
    """What a process has in memory, in bytes."""
    found = re.search(r"^VmRSS:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def sockets(pid: int) -> int:
    """How many sockets a process has open."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(entry.readlink()).startswith("socket:")
    return found


def get(path: str, key: str = "") -> bytes:
    more = f"authorization: Bearer {key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n".encode()


@contextlib.contextmanager
def connected(server: Server, number: int, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(number):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), PATIENCE))
            one.sendall(sent)
            made.append(one)
        yield made


def test_answers_that_nobody_reads_take_little_memory_and_are_dropped_in_time() -> None:
    with serve("echo", {"PARLEY_WRITE_TIMEOUT": "3"}) as server:
        (worker,) = server.workers
        server.request("GET", BUNDLE)
        before, open_before = memory(worker), sockets(worker)
        with connected(server, 60, get(BUNDLE) * 8):
            # Behind all of them.
            assert server.request("GET", "/livez").status == 200
            most = memory(worker)
            wait_until(lambda: sockets(worker) <= open_before, "they are not dropped")
        assert max(most, memory(worker)) - before < 25 << 20  # with an answer kept for each it was 150 MB


def test_a_client_that_reads_slowly_gets_all_of_its_answers() -> None:
    with serve("echo", {"PARLEY_WRITE_TIMEOUT": "20"}) as server:
        whole = server.request("GET", BUNDLE).body
        with connected(server, 1, get(BUNDLE) * 2 + get("/livez")) as (client,):
            received = bytearray()
            while not received.endswith(b'{"status":"ok"}\n'):
                piece = client.recv(50_000)
                assert piece
                received += piece
                time.sleep(0.001)
        assert received.count(whole) == 2


def test_beyond_the_bound_idle_connections_are_closed_and_new_ones_answered() -> None:
    with (
        serve("echo", {"PARLEY_MAX_CONNECTIONS": "5"}) as server,
        connected(server, 5) as idle,
        connected(server, 3, get("/livez")) as new,
    ):
        for one in new:
            assert one.recv(100).startswith(b"HTTP/1.1 200 ")
        assert [one.recv(1) for one in idle[:3]] == [b""] * 3
        for one in (*idle[3:], *new):
            one.sendall(get("/livez"))
            assert one.recv(10_000)


def test_while_all_are_busy_a_new_one_gets_503() -> None:
    body = json.dumps(
        {"model": "parley-echo", "stream": True, "messages": [{"role": "user", "content": "word " * 500}]}
    )
    with serve("echo", {"PARLEY_MAX_CONNECTIONS": "3", "PARLEY_ECHO_DELAY": "1"}) as server:
        ask = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {server.key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        )
        with connected(server, 3, ask.encode()) as streams:
            for stream in streams:
                assert stream.recv(100).startswith(b"HTTP/1.1 200 ")
            for _ in range(2):
                answer = server.request("POST", "/v1/chat/completions", body=b"x" * 3_000_000, headers=server.bearer)
                assert (answer.status, answer.json()["error"]["code"]) == (503, "overloaded")
                assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
            streams[0].close()
            server.log_line("error=client_gone")
            assert server.request("GET", "/livez").status == 200


def test_without_a_descriptor_left_a_line_a_second_is_logged_at_most() -> None:
    with serve("echo") as server:
        (worker,) = server.workers
        had = sockets(worker)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (had + 30, had + 30))
        begin = time.monotonic()
        # These have asked, and do not get their answer: none of them is idle.
        with connected(server, 60, b"POST /v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n"):
            server.log_line("no connection can be taken for the moment: Too many open files")
            time.sleep(1.5)
            lines = server.log().count("no connection can be taken")
            assert lines <= time.monotonic() - begin + 1
            assert "Traceback" not in server.log()
        assert server.request("GET", "/livez").status == 200


def test_a_transfer_coding_that_is_not_supported_is_501_whatever_is_sent_behind_it(echo_server: Server) -> None:
    chunk = b"1e8480\r\n" + b"x" * 2_000_000 + b"\r\n0\r\n\r\n"
    for path in ("/livez", "/v1/chat/completions"):
        headers = {**echo_server.bearer, "transfer-encoding": "gzip, chunked", "content-type": "application/json"}
        answer = echo_server.request("POST", path, body=chunk, headers=headers)
        assert (answer.status, answer.json()["error"]["code"]) == (501, "unsupported_transfer_coding"), path
