"""A body in chunks is read strictly, as gunicorn reads it."""

from __future__ import annotations

import random
import re

import pytest
from gunicorn.asgi.parser import LimitRequestHeaders, ParseError, PythonProtocol

from app.http1.chunked import ChunkedBody
from app.http1.head import Limits, Refused

from .test_head import bytewise, split

HEAD = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"

# The body and what is left behind it; whether it is complete or refused.
Read = tuple[bytes, bytes, bool] | int

BODIES = {
    b"0\r\n\r\n": b"",
    b"5\r\nhello\r\n0\r\n\r\n": b"hello",
    b"5\r\nhello\r\nA\r\n, everyone\r\n00\r\n\r\n": b"hello, everyone",
    b'006 \t;a;b=c ; d = "e;\\""\r\n\r\n\r\n\r\n\r\n0;x\r\n\r\n': b"\r\n\r\n\r\n",
    b"1\r\nx\r\n0\r\nx-sum: 1\r\nx-other:\r\n\r\n": b"x",
}

REFUSED = {
    b"g\r\n": 400,
    b"\r\n": 400,
    b"5\nhello\r\n": 400,
    b" 5\r\nhello\r\n": 400,
    b"5 \r\nhello\r\n": 400,
    b"0x5\r\nhello\r\n": 400,
    b"+5\r\nhello\r\n": 400,
    b"-1\r\n": 400,
    b"5;\r\nhello\r\n": 400,
    b'5;a="\r\nhello\r\n': 400,
    b"5;a\rb\r\nhello\r\n": 400,
    b"5\r\nhelloo\r\n": 400,
    b"5\r\nhello\n0\r\n\r\n": 400,
    b"5\r\nhello0\r\n\r\n": 400,
    b"0\r\ncontent-length: 5\r\n\r\n": 400,
    b"0\r\nTransfer-Encoding: chunked\r\n\r\n": 400,
    b"0\r\na: b\n\r\n": 400,
    b"1" * 9000: 400,
    b"5;" + b"a" * 9000: 400,
    b"0\r\na: " + b"b" * 9000: 431,
    b"0\r\n" + b"a: b\r\n" * 101: 431,
}


def ours(pieces: list[bytes]) -> Read:
    body, found = ChunkedBody(Limits()), b""
    for number, piece in enumerate(pieces):
        try:
            part, rest = body.feed(piece)
            found += part
        except Refused as refused:
            return refused.status
        if body.complete:
            return found, rest + b"".join(pieces[number + 1 :]), True
    return found, b"", False


def theirs(data: bytes) -> Read:
    found: list[bytes] = []
    parser = PythonProtocol(on_body=found.append)
    try:
        parser.feed(HEAD + data)
    except LimitRequestHeaders:
        return 431
    except ParseError:
        return 400
    return b"".join(found), parser.remaining(), parser.is_complete


@pytest.mark.parametrize(("data", "body"), BODIES.items())
def test_chunks_are_put_together_however_they_arrive(data: bytes, body: bytes) -> None:
    expected = body, b"GET /", True
    data += b"GET /"
    assert theirs(data) == ours([data]) == ours(bytewise(data)) == expected


@pytest.mark.parametrize(("data", "status"), REFUSED.items(), ids=lambda each: str(each)[:60])
def test_what_others_could_read_otherwise_is_refused(data: bytes, status: int) -> None:
    assert theirs(data) == ours([data]) == ours(bytewise(data)) == status


def test_fields_behind_a_body_are_held_to_the_rules_for_fields() -> None:
    for field in (b"no colon", b"a : b", b" a: b", b"a: \0"):
        assert ours([b"0\r\n" + field + b"\r\n\r\n"]) == 400
    field = b"a: " + b"b" * 5000 + b"\r\n"
    assert ours([b"0\r\n", *[field] * 13, b"\r\n"]) == (b"", b"", True)
    assert ours([b"0\r\n", *[field] * 14]) == 431


def test_thousands_of_damaged_bodies_are_read_and_refused_as_by_gunicorn() -> None:
    parts = [b"\r", b"\n", b"\r\n", b" ", b";", b"=", b'"', b"\\", b"0", b"5", b"a", b"\0", b"\x80", b":"]
    complete = 0
    for seed in range(20_000):
        chance = random.Random(seed)
        data = bytearray(chance.choice(list(BODIES)))
        for _ in range(chance.randrange(1, 3)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.choice((0, 0, 1, 3))] = chance.choice(parts) if chance.random() < 0.8 else b""
        expected = theirs(bytes(data))
        whole, pieces = ours([bytes(data)]), ours(split(bytes(data), chance))
        assert whole == pieces, data
        if whole == 400 and isinstance(expected, tuple):
            # gunicorn hardly looks at fields behind a body, and waits for a second byte after a chunk if the first one
            # is wrong.
            assert not expected[2] or re.search(rb"(^|\n)0+(;[^\n]*)?\r\n", data), data
        else:
            assert whole == expected, data
        complete += isinstance(whole, tuple) and whole[2]
    assert complete > 2_000
