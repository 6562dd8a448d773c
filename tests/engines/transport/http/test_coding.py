"""A body that comes compressed although nobody asked for it is decompressed piece by piece."""

from __future__ import annotations

import gzip
import zlib

import pytest

from app.engines.transport.http.coding import Decoder
from app.engines.transport.http.errors import Malformed

TEXT = b"Hello there! " * 50


def raw(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush()


def decoded(coding: str, *pieces: bytes) -> bytes:
    decoder, made = Decoder(coding), b""
    for piece in pieces:
        decoder.feed(piece)
        while data := decoder.read():
            made += data
    decoder.end()
    return made


CODED = [
    ("gzip", gzip.compress(TEXT)),
    ("x-gzip", gzip.compress(TEXT)),
    ("gzip", gzip.compress(TEXT[:20]) + gzip.compress(TEXT[20:])),
    ("deflate", zlib.compress(TEXT)),
    ("deflate", raw(TEXT)),
]


@pytest.mark.parametrize(("coding", "data"), CODED, ids=range(len(CODED)))
def test_it_is_decompressed_however_it_is_split(coding: str, data: bytes) -> None:
    assert decoded(coding, data) == TEXT
    assert decoded(coding, *[data[number : number + 1] for number in range(len(data))]) == TEXT


def test_an_empty_body_is_empty() -> None:
    assert decoded("gzip") == b""


def test_what_is_small_and_becomes_large_comes_in_pieces() -> None:
    decoder = Decoder("gzip")
    decoder.feed(gzip.compress(bytes(64 << 20)))
    assert len(decoder.read()) <= 1 << 18


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "nonsense"])
def test_another_coding_is_refused(coding: str) -> None:
    with pytest.raises(Malformed):
        Decoder(coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_what_is_not_in_its_coding_or_incomplete_is_refused(coding: str) -> None:
    for data in (b"\x07not compressed", gzip.compress(TEXT)[:-1] if coding == "gzip" else zlib.compress(TEXT)[:-1]):
        with pytest.raises(Malformed):
            decoded(coding, data)
