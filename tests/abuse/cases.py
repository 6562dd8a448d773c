"""The table: one line for each attack. Add yours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from . import attacks, families
from .families import MiB, branching, called, chat, formatted, nested, recursive, values
from .target import Attack


@dataclass(frozen=True, slots=True)
class Setup:
    """What is attacked. ``document``: a file in ``documents/``; without it, our contract. ``plain`` is a plain large
    request, to compare with."""

    engine: Literal["echo", "llama"] = "echo"
    document: str | None = None
    plain: Callable[[], Attack] = lambda: attacks.post(lambda: families.conversation(1000, 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An attack, which ``make`` makes beforehand, and the statuses that may answer it; 0: closed without an answer.
    Without ``needs_key`` it comes from somebody who has none. ``long``: not in CI."""

    name: str
    make: Callable[[], Attack]
    setup: Setup = Setup()
    needs_key: bool = True
    answers: frozenset[int] = frozenset({200, 400})
    long: bool = False


ECHO, LLAMA = Setup(), Setup("llama")
TREES = Setup(
    document="recursive.yaml",
    plain=lambda: attacks.post(lambda: json.dumps("word " * MiB).encode(), "/v1/trees"),
)
REFUSED = frozenset({400, 413, 0})
# What is no HTTP.
NO_HTTP = frozenset({400, 431, 501, 0})
UNANSWERED: frozenset[int] = frozenset()
ASSETS = "/v1/ui/swagger-ui-bundle.js"


def body(name: str, make: Callable[[], bytes], setup: Setup = ECHO, answers: frozenset[int] | None = None) -> Case:
    """A case of one request with a body."""
    return Case(name=name, make=lambda: attacks.post(make), setup=setup, answers=answers or frozenset({200, 400, 413}))


def wire(
    name: str, attack: Callable[[], Attack], answers: frozenset[int], needs_key: bool = False, long: bool = False
) -> Case:
    """A case on bare connections, from somebody without a key unless told."""
    return Case(name=name, make=attack, answers=answers, needs_key=needs_key, long=long)


def _branching(keyword: str) -> Case:
    return body(f"schema {keyword} 2^60", lambda: formatted(branching(60, keyword)), LLAMA)


def _tree(levels: int) -> Case:
    data = b'{"left":' * levels + b"1" + b"}" * levels
    return Case(name=f"a tree of {levels} levels", make=lambda: attacks.post(lambda: data, "/v1/trees"), setup=TREES)


def _form(name: str, fields: Callable[[], bytes]) -> Case:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Case(
        name=f"a form: {name}",
        make=lambda: attacks.post(fields, "/v1/forms", headers),
        setup=TREES,
        answers=frozenset({200, 400, 413}),
    )


def _coding(name: str, *lines: str) -> Case:
    return wire(f"where it ends: {name}", lambda: attacks.raw(*lines, body=b"0\r\n\r\n"), NO_HTTP)


_CASES: tuple[Case, ...] = (
    # Schemas of a client's own, by which its answer is bound and checked.
    *map(_branching, ("anyOf",)),
    *map(_branching, ("oneOf", "allOf")),
    body("schema oneOf 3^24", lambda: formatted(branching(24, width=3)), LLAMA),
    # Two branches fit, which is found out at the end.
    body("schema oneOf 2^14", lambda: formatted(branching(14)), LLAMA, frozenset({400, 500})),
    body("schema oneOf 2^60, strict", lambda: formatted(branching(60), strict=True), LLAMA),
    body("schema of trees that fit twice", lambda: formatted(recursive()), LLAMA),
    body("schema of 400 properties", lambda: formatted(families.wide(400)), LLAMA),
    body("schema of 100,000 properties", lambda: formatted(families.wide(100_000)), LLAMA),
    body("schema 90 levels deep", lambda: formatted(families.deep(90)), LLAMA),
    body("schema with a pattern of nested repeats", lambda: formatted(families.pattern("^(((a+)+)+)+$")), LLAMA),
    body("schema with a pattern repeated 1000^3", lambda: formatted(families.pattern("((a{1000}){1000}){1000}")), LLAMA),
    # Classes of characters, which take long to compile.
    body("schema with 20 patterns of 240 words", lambda: formatted(families.texts([r"\w" * 240 + str(n) for n in range(20)])), LLAMA),
    body("schema with 20 patterns of 100 letters", lambda: formatted(families.texts([r"\p{L}" * 100 + str(n) for n in range(20)])), LLAMA),
    body("schema with 30 patternProperties", lambda: formatted(families.matching([r"\w" * 240 + str(n) for n in range(30)])), LLAMA),
    body("schema with a pattern at the limit", lambda: formatted(families.pattern(r"\p{L}{97}")), LLAMA),
    body("tools with patterns, 64 of them", lambda: called(families.pattern(r"\p{L}{97}"), 64), LLAMA),
    body("tool oneOf 2^60", lambda: called(branching(60)), LLAMA),
    body("tools oneOf 2^10, 64 of them", lambda: called(branching(10), 64), LLAMA),
    # Choices and tools.
    body("n=128 with 128 tools", lambda: chat(n=128, tools=families.tools(128, 800)), LLAMA),
    body("n=128 with 20 tools", lambda: chat(n=128, tools=families.tools(20, 40)), LLAMA),
    body("n=128 with 20 tools, one of which must be called", lambda: chat(n=128, tools=families.tools(20, 40), tool_choice="required"), LLAMA),
    body("n=128 with a schema", lambda: chat(n=128, response_format=families.form(families.wide(20))), LLAMA),
    body("n=128 with 128 tools, long", lambda: chat(n=128, tools=families.tools(128, 6800)), LLAMA),
    body("n=128 on echo", lambda: chat("word " * 20_000, n=128, max_tokens=1000), ECHO),
    # What a template renders beside the texts.
    body("a call with 14 MiB of arguments", lambda: families.with_calls(1, f'{{"a":"{"x" * 14 * MiB}"}}'), LLAMA),
    body("thoughts of 14 MiB", lambda: families.with_thoughts("word " * (14 * MiB // 5)), LLAMA),
    body("a name of 14 MiB", lambda: chat(messages=[{"role": "user", "content": "Hello!", "name": "n" * 14 * MiB}]), LLAMA),
    body("a call with 2 MiB of arguments", lambda: families.with_calls(1, f'{{"a":"{"x" * 2 * MiB}"}}'), LLAMA),
    body("20,000 calls", lambda: families.with_calls(20_000, "{}"), LLAMA),
    body("a text of 19 MiB", lambda: chat("word " * (19 * MiB // 5)), LLAMA),
    body("a text of 19 MiB on echo", lambda: chat("word " * (19 * MiB // 5))),
    body("a text of 19 MiB of escapes", lambda: chat("\u20ac" * (3 * MiB))),
    body("a name of a model of 19 MiB", lambda: chat(model="m" * 19 * MiB), answers=frozenset({400, 404, 413})),
    # Values.
    body("messages: {}", lambda: values("{}")),
    body("messages: []", lambda: values("[]")),
    body("messages: 1", lambda: values("1")),
    body("messages: null", lambda: values("null")),
    body("messages: 1e999", lambda: values("1e999")),
    body("messages: integers of 4,000 digits", lambda: values("9" * 4000)),
    body("messages: plain ones", lambda: values('{"role":"user","content":"a"}')),
    body("content: parts", lambda: families.filled(f'{{"model":"{families.MODEL}","messages":[{{"role":"user","content":[', '{"type":"text","text":"a"}', "]}]}")),
    body("stop: texts", lambda: families.member("stop", '"a"')),
    body("unknown parameter: numbers", lambda: families.member("x", "1")),
    body("logit_bias: names", lambda: families.names("logit_bias", "1")),
    body("metadata: names", lambda: families.names("metadata", '"a"')),
    body("unknown parameter: names", lambda: families.names("x", "1")),
    body("a name 1,000,000 times", lambda: b"{" + b",".join([b'"a":1'] * MiB) + b"}"),
    body("brackets 9,000,000 deep", lambda: nested(9 * MiB)),
    body("brackets 199 deep", lambda: nested(199)),
    body("objects 3,000,000 deep", lambda: nested(3 * MiB, '{"a":', "}")),
    body("19 MiB of spaces", lambda: b" " * (19 * MiB)),
    body("more than a body may have", lambda: b" " * (21 * MiB), answers=REFUSED),
    # Under a document of one's own.
    *map(_tree, (13, 60, 190)),
    _form("a field of quotes", lambda: b"list=[" + b'"' * (19 * MiB)),
    _form("a field of texts", lambda: b"list=[" + b'"ab",' * (4 * MiB - 1000)),
    _form("a field of numbers behind half a text", lambda: b'other={"&list=[' + b"1," * (9 * MiB) + b"1]"),
    _form("percent-encoded bytes", lambda: b"text=" + b"%41" * (6 * MiB)),
    _form("500,000 percent-encoded bytes", lambda: b"text=" + b"%41" * 499_000),
    _form("numbers with commas between them", lambda: b"ids=" + b"1," * (9 * MiB)),
    # Bytes on the way.
    wire("chunks of a byte", lambda: attacks.in_chunks(1, lambda: chat("word " * 100_000)), frozenset({200, 400, 408, 413}), needs_key=True),
    wire("chunks of a byte, no key", lambda: attacks.in_chunks(1, lambda: chat("word " * 100_000)), frozenset({401, 0})),
    wire("chunks with long extensions", lambda: attacks.in_chunks(1, chat, ";" + "a" * 4000), frozenset({401, 400, 0})),
    wire("a byte each time, 20 bodies", lambda: attacks.trickle(20, lambda: iter([b"1\r\na\r\n"] * 1_000_000), "Transfer-Encoding: chunked", "Content-Type: application/json"), UNANSWERED, needs_key=True),
    wire("a byte each time, 20 heads", lambda: attacks.trickle(20, lambda: iter([b"a"] * 1_000_000)), UNANSWERED),
    wire("many lines in a head", lambda: attacks.raw(*(f"X-{number}: a" for number in range(100_000))), NO_HTTP),
    wire("a long line in a head", lambda: attacks.raw(f"X-A: {'a' * 4 * MiB}"), NO_HTTP),
    wire("a long address", lambda: attacks.raw(path="/" + "a" * 4 * MiB, method="GET"), NO_HTTP | {414}),
    wire("a long key", lambda: attacks.raw(f"Authorization: Bearer {'a' * 60_000}", method="GET", path="/v1/models"), NO_HTTP | {401}),
    wire("many parameters in the query", lambda: attacks.raw(path="/v1/models?" + "a=1&" * 1900, method="GET"), NO_HTTP | {401, 414}),
    wire("no HTTP at all", lambda: attacks.garbage(bytes(range(256)) * 16_384), NO_HTTP),
    wire("one line without an end", lambda: attacks.garbage(b"A" * 8 * MiB), NO_HTTP | {414}),
    # Transfer codings, by which two servers may disagree where a request ends.
    _coding("chunked, chunked", "Transfer-Encoding: chunked, chunked"),
    _coding("chunked twice", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    _coding("chunked with a length", "Transfer-Encoding: chunked", "Content-Length: 3"),
    _coding("xchunked", "Transfer-Encoding: xchunked"),
    _coding("a space before the colon", "Transfer-Encoding : chunked"),
    _coding("chunked, gzip", "Transfer-Encoding: chunked, gzip"),
    _coding("gzip, chunked", "Transfer-Encoding: gzip, chunked"),
    _coding("folded", "Transfer-Encoding:", " chunked"),
    _coding("two lengths", "Content-Length: 3", "Content-Length: 4"),
    _coding("a length with a sign", "Content-Length: +3"),
    wire("a chunk of 2^64 bytes", lambda: attacks.raw("Transfer-Encoding: chunked", body=b"ffffffffffffffff\r\n"), NO_HTTP | {401, 413}),
    wire("a size of 100,000 zeros", lambda: attacks.raw("Transfer-Encoding: chunked", body=b"0" * 100_000), NO_HTTP | {401}),
    # Connections.
    wire("1,000 idle connections", lambda: attacks.idle(1000), UNANSWERED),
    wire("1,000 heads begun", lambda: attacks.idle(1000, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-A: "), UNANSWERED),
    wire("100 connections, 8 pages each, unread", lambda: attacks.unread(100, ASSETS, 8), UNANSWERED),
    wire("100 connections, 300 pipelined requests each, unread", lambda: attacks.unread(100, "/livez", 300), UNANSWERED),
    wire("50 streams, unread", lambda: attacks.unread_answers(50, lambda: chat("word " * 20_000, stream=True, max_tokens=20_000)), UNANSWERED, needs_key=True),
    # The first have the most characters that are answered, of six bytes each; the others would be 128 MiB each.
    wire("36 answers of 24 MiB, unread", lambda: attacks.unread_answers(36, lambda: chat("\x01" * MiB, n=4)), UNANSWERED, needs_key=True),
    wire("12 answers of a long word 128 times, unread", lambda: attacks.unread_answers(12, lambda: chat("a" * MiB, n=128)), UNANSWERED, needs_key=True),
    wire("300 clients that leave at once", lambda: attacks.leaving(300, lambda: chat("word " * 1000, stream=True, max_tokens=1000)), UNANSWERED, needs_key=True),
    Case(name="16 plain large requests at once", make=lambda: attacks.side_by_side(16, lambda: families.conversation(200, 5000)), long=True),
    wire("15,000 idle connections", lambda: attacks.idle(15_000), UNANSWERED, long=True),
    wire("250 connections, 8 pages each, unread", lambda: attacks.unread(250, ASSETS, 8), UNANSWERED, long=True),
)  # fmt: skip

# By setup, so that each is started once.
CASES = sorted(_CASES, key=lambda case: (case.setup.engine, case.setup.document or ""))
