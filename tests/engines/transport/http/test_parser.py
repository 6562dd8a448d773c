"""What arrives on a connection is taken apart into answers, within bounds."""

from __future__ import annotations

import pytest

from app.engines.transport.http.errors import Malformed
from app.engines.transport.http.parser import LARGEST_FIELD, LARGEST_HEAD, MOST_FIELDS, Parser

OK = b"HTTP/1.1 200 OK\r\n"


def fed(*pieces: bytes) -> Parser:
    parser = Parser()
    for piece in pieces:
        parser.feed(piece)
    return parser


def body(parser: Parser) -> bytes:
    return b"".join(parser.pieces)


WHOLE = [
    (OK + b"Content-Length: 5\r\n\r\nHello", b"Hello"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nHe\r\n3\r\nllo\r\n0\r\nx-after: 1\r\n\r\n", b"Hello"),
    (OK + b"Transfer-Encoding: Chunked \r\n\r\n5 \r\nHello\r\n0\r\n\r\n", b"Hello"),
    (OK + b"content-length: 0\r\n\r\n", b""),
    (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    (
        b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
        b"a",
    ),
]


@pytest.mark.parametrize(("sent", "expected"), WHOLE, ids=range(len(WHOLE)))
def test_an_answer_is_read_to_its_end_however_it_is_split(sent: bytes, expected: bytes) -> None:
    for pieces in ([sent], [sent[number : number + 1] for number in range(len(sent))]):
        parser = fed(*pieces)
        assert (parser.complete, parser.reusable, body(parser)) == (True, True, expected)
        assert parser.status in (200, 204)
        assert b"x" not in parser.fields, "those of an interim answer are no part of it"
        assert b"x-after" not in parser.fields


def test_one_answer_follows_the_other() -> None:
    parser = fed(OK + b"Content-Length: 1\r\n\r\na")
    parser.pieces.clear()
    parser.expect()
    assert (parser.status, parser.fields, parser.complete) == (0, {}, False)
    parser.feed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nb")
    assert (parser.status, body(parser), parser.complete) == (404, b"b", True)


@pytest.mark.parametrize(
    "head",
    [
        OK + b"\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        OK + b"Connection: close\r\n\r\n",
    ],
)
def test_an_answer_that_does_not_say_where_it_ends_ends_with_its_connection(head: bytes) -> None:
    parser = fed(head, b"Hel", b"lo")
    assert not parser.complete
    assert parser.ends()
    assert (parser.complete, parser.reusable, body(parser)) == (True, False, b"Hello")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"Content-Length: 5\r\n\r\nHell",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_answer_that_says_where_it_ends_does_not_end_with_its_connection(sent: bytes) -> None:
    assert not fed(sent).ends()


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"<html>",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(sent: bytes) -> None:
    with pytest.raises(Malformed):
        fed(sent)


ENDLESS = {
    "one field": (OK + b"x: ", b"y" * 1024),
    "many fields": (OK, b"x: y\r\n"),
    "a long name": (OK, b"x" * 1024),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "fields after the body": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"x: y\r\n"),
    "one field after the body": (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: ", b"y" * 1024),
    "the extension of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 1024),
    "a reason": (b"HTTP/1.1 200 ", b"x" * 1024),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_and_is_no_body_is_refused_within_bounds(name: str) -> None:
    begin, piece = ENDLESS[name]
    parser = fed(begin)
    parser.pieces.clear()
    for _ in range(LARGEST_HEAD // len(piece) + 1):
        try:
            parser.feed(piece)
        except Malformed:
            return
    pytest.fail("it goes on for ever")


def test_a_head_has_so_many_fields_of_such_a_size_and_no_more() -> None:
    fields = b"".join(b"x%d: y\r\n" % number for number in range(MOST_FIELDS))
    assert len(fed(OK + fields + b"\r\n").fields) == MOST_FIELDS
    assert fed(OK + b"x: " + b"y" * (LARGEST_FIELD - 1) + b"\r\n\r\n").status == 200
    for head in (fields + b"z: y\r\n", b"x: " + b"y" * LARGEST_FIELD + b"\r\n"):
        with pytest.raises(Malformed):
            fed(OK + head + b"\r\n")


@pytest.mark.parametrize("more", [OK + b"Content-Length: 1\r\n\r\nb", b"x", b"\r\n" + OK])
def test_after_more_than_the_answer_the_connection_is_not_used_again(more: bytes) -> None:
    whole = OK + b"Content-Length: 1\r\n\r\na"
    for parser in (fed(whole + more), fed(whole, more)):
        assert (parser.complete, parser.reusable, body(parser)) == (True, False, b"a")


def test_a_server_that_closes_says_so() -> None:
    parser = fed(OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na")
    assert (parser.complete, parser.reusable) == (True, False)
    assert not fed(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").reusable
