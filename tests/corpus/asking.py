"""Serves a document with mocks, asks its operations, and tells what came of it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from ..live import KEY, Answer, Server, StartError, serve
from .judging import Fault, Judge, Unjudged
from .making import Made, Maker
from .reading import Node, Operation, Reader

_TIMEOUT = 30.0
# An operation that is never there: what cannot be used of a document is left out under PARLEY_LENIENT.
_LEFT_OUT = 501


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One thing that is not as it should be. ``what`` is one of `KINDS`, ``detail`` the place or the reason. Of a start
    there is no ``operation``."""

    operation: str
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.what}: {self.detail}"


REFUSED = "a valid request is refused"
UNFIT = "an answer does not fit"
ACCEPTED = "an invalid request is accepted"
UNNAMED = "the error does not name what is wrong"
OPEN = "it answers without a key"
FAILED = "it fails"
LEFT_OUT = "it is left out"
START = "the start is refused"
KINDS = (REFUSED, UNFIT, ACCEPTED, UNNAMED, OPEN, FAILED, LEFT_OUT, START)


@dataclass
class Found:
    """What came of a document. ``start`` is None, or why it is served only with what cannot be used left out.
    ``counts`` has pairs of what is right and what was judged, by the heads of the table."""

    version: str
    operations: int
    start: str | None = None
    served: bool = True
    asked: int = 0
    good: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)
    findings: set[Finding] = field(default_factory=set)
    examples: dict[Finding, str] = field(default_factory=dict)

    def count(self, name: str, well: bool) -> None:
        self.judged[name] += 1
        self.good[name] += well

    def tell(self, finding: Finding, made: Made, answer: Answer | None) -> None:
        self.findings.add(finding)
        sent = f"{made.method} {made.path}?{made.query} {made.headers} {made.body[:600]!r}"
        self.examples.setdefault(finding, f"{sent} -> {answer and (answer.status, answer.body[:600])}")


ACCEPTS, FITS, KEYLESS, REFUSES, NAMES = "valid accepted", "answers fit", "401 right", "invalid refused", "field named"
COUNTS = (ACCEPTS, FITS, KEYLESS, REFUSES, NAMES)


def ask(path: Path, *, operations: int, valid: int, invalid: int) -> Found:
    """Serve a document, and ask a number of its operations, spread over it, with so many requests each."""
    reader = Reader(path)
    listed = list(reader.operations())
    found = Found(reader.version, len(listed))
    few = min(operations, len(listed))
    chosen = [listed[number * len(listed) // few] for number in range(few)]
    with contextlib.ExitStack() as stack:
        server = _served(path, found, stack)
        if server is None:
            return found
        asking = _Asking(server, Judge(reader), Maker(path), found)
        for operation in chosen:
            asking.ask(operation, valid, invalid)
    return found


def _served(path: Path, found: Found, stack: contextlib.ExitStack) -> Server | None:
    env = {"PARLEY_SPEC": str(path), "PARLEY_MOCK": "all", "PARLEY_BASIC_AUTH": "1"}
    for lenient in ("0", "1"):
        try:
            return stack.enter_context(serve("echo", {**env, "PARLEY_LENIENT": lenient}))
        except StartError as error:
            found.start = found.start or _reason(error.log, path)
            found.findings.add(Finding("", START, found.start))
    found.served = False
    return None


def _reason(log: str, path: Path) -> str:
    """Why a start was refused, without what differs between machines."""
    lines = log.splitlines()
    lines = [line for line in lines if line.startswith(("Error: ", "parley: "))] or lines[-1:] or [""]
    reason = lines[0]
    for here, there in ((str(path), path.name), (f"{path.parent}/", ""), (f", {path.parent},", "")):
        reason = reason.replace(here, there)
    reason = reason.partition(" PARLEY_LENIENT=1 ")[0]
    return re.sub(r"\s+", " ", reason.removeprefix("parley: ").partition(" To see everything that is wrong")[0])[:300]


class _Asking:
    def __init__(self, server: Server, judge: Judge, maker: Maker, found: Found) -> None:
        self._server = server
        self._judge = judge
        self._maker = maker
        self._found = found

    def ask(self, operation: Operation, valid: int, invalid: int) -> None:
        found = self._found
        try:
            made = self._maker.make(operation.path, operation.method, operation.base, valid=valid, invalid=invalid)
        except Exception:
            return  # Schemathesis does not know it, or cannot read it
        if not made:
            return
        found.asked += 1
        keys = _keys(operation)
        if keys:
            self._without_a_key(made[0], operation, keys)
        for each in made:
            each = with_keys(each, keys)
            try:
                faults = self._judge.faults(each, operation)
            except Unjudged:
                continue
            if each.valid and not faults:
                self._valid(each, operation)
            elif faults and not each.valid:
                self._invalid(each, operation, faults)

    def _valid(self, made: Made, operation: Operation) -> None:
        found, answer = self._found, self._send(made)
        if answer.status == _LEFT_OUT and found.start:
            found.tell(Finding(operation.label, LEFT_OUT, ""), made, answer)
            return
        error = error_of(answer)
        found.count(ACCEPTS, error is None)
        if error is not None:
            what = FAILED if answer.status >= 500 else REFUSED
            detail = f"{answer.status} {error.get('code')} {plain(error.get('param')) or ''}".strip()
            found.tell(Finding(operation.label, what, detail), made, answer)
            return
        try:
            why = self._judge.unfit(answer.status, answer.headers, answer.body, operation)
        except Unjudged:
            return
        found.count(FITS, why is None)
        if why is not None:
            found.tell(Finding(operation.label, UNFIT, why), made, answer)

    def _invalid(self, made: Made, operation: Operation, faults: Sequence[Fault]) -> None:
        found, answer = self._found, self._send(made)
        # Of a request that is too long nothing is read that could be named.
        if (answer.status == _LEFT_OUT and found.start) or answer.status in (414, 431):
            return
        told = " or ".join(sorted({str(fault) for fault in faults}))[:200]
        error = error_of(answer)
        refused = error is not None and 400 <= answer.status < 500
        found.count(REFUSES, refused)
        if error is None or not refused:
            what = FAILED if answer.status >= 500 else ACCEPTED
            found.tell(Finding(operation.label, what, told), made, answer)
            return
        named = any(_names(error, fault) for fault in self._judge.faults(made, operation, formats=True))
        found.count(NAMES, named)
        if not named:
            detail = f"{error.get('code')} {plain(error.get('param')) or ''}, not {told}"
            found.tell(Finding(operation.label, UNNAMED, detail), made, answer)

    def _without_a_key(self, made: Made, operation: Operation, keys: Sequence[Mapping[str, str]]) -> None:
        made = without_keys(made, keys)
        answer = self._send(made)
        if answer.status == _LEFT_OUT and self._found.start:
            return
        well = answer.status == 401 and error_of(answer) is not None and bool(answer.headers.get("www-authenticate"))
        self._found.count(KEYLESS, well)
        if not well:
            self._found.tell(Finding(operation.label, OPEN, str(answer.status)), made, answer)

    def _send(self, made: Made) -> Answer:
        target = f"{made.path}?{made.query}" if made.query else made.path
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=_TIMEOUT)
        with contextlib.closing(connection):
            headers = {name: value.encode("latin-1", "replace") for name, value in made.headers.items()}
            connection.request(made.method, target, made.body or None, headers)
            response = connection.getresponse()
            return Answer(response.status, response.msg, response.read())


def error_of(answer: Answer) -> dict[str, Any] | None:
    """The error of an answer in the server's own shape; None: it has none, and is not such a failure."""
    with contextlib.suppress(ValueError, UnicodeDecodeError):
        content = json.loads(answer.body)
        error = content.get("error") if isinstance(content, dict) else None
        if isinstance(error, dict) and set(error) == {"message", "type", "param", "code"} and answer.status >= 400:
            return error
    return {} if answer.status >= 500 else None


def plain(param: str | None) -> str | None:
    """A path without the numbers of items, which differ with the request."""
    return param and re.sub(r"\[\d+\]", "[]", param)


def _names(error: Mapping[str, Any], fault: Fault) -> bool:
    """Whether an error names the place of a fault, one above it or one in it."""
    # Long names are cut.
    param = (error.get("param") or "").replace("…", "")
    path = ""
    for part in fault.path:
        name = f"[{part}]" if isinstance(part, int) else part or "['']"
        path += f".{name}" if path and not name.startswith("[") else name
    if fault.where == "body" and not path:
        return True
    return param == path or path.startswith((f"{param}.", f"{param}[")) or param.startswith((f"{path}.", f"{path}["))


def _keys(operation: Operation) -> list[dict[str, str]]:
    """How a key is sent that opens an operation, each scheme of the first requirement; empty: it needs none."""
    schemes = operation.item.reader.root.get("components", "securitySchemes")
    requirements = operation.security
    if not requirements or {} in requirements:
        return []
    for requirement in requirements:
        found = [_place(schemes.get(name) if schemes else None) for name in requirement]
        if all(found):
            return [place for place in found if place]
    return []


def _place(scheme: Node | None) -> dict[str, str] | None:
    value = scheme.value if scheme else {}
    kind, name = value.get("type"), str(value.get("scheme", "")).lower()
    if kind == "apiKey":
        return {"in": value["in"], "name": value["name"], "value": KEY}
    if kind in ("oauth2", "openIdConnect") or (kind == "http" and name == "bearer"):
        return {"in": "header", "name": "authorization", "value": f"Bearer {KEY}"}
    if kind == "http" and name == "basic":
        return {"in": "header", "name": "authorization", "value": _BASIC}
    return None


_BASIC = "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode()


def without_keys(made: Made, keys: Sequence[Mapping[str, str]]) -> Made:
    """A request without what stands where keys stand."""
    headers, query = dict(made.headers), made.query
    for key in keys:
        if key["in"] == "header":
            headers.pop(key["name"].lower(), None)
        elif key["in"] == "cookie":
            headers.pop("cookie", None)
        else:
            kept = [pair for pair in query.split("&") if pair and parse_qsl(pair, True)[0][0] != key["name"]]
            query = "&".join(kept)
    return Made(made.valid, made.method, made.path, query, headers, made.body)


def with_keys(made: Made, keys: Sequence[Mapping[str, str]]) -> Made:
    """A request that shows the server's key."""
    cookie = made.headers.get("cookie")
    bare = without_keys(made, keys)
    headers, query = bare.headers, bare.query
    if cookie:
        headers["cookie"] = cookie
    for key in keys:
        if key["in"] == "header":
            headers[key["name"].lower()] = key["value"]
        elif key["in"] == "cookie":
            pair = f"{key['name']}={quote(key['value'])}"
            headers["cookie"] = f"{headers['cookie']}; {pair}" if headers.get("cookie") else pair
        else:
            query = "&".join(filter(None, [query, urlencode({key["name"]: key["value"]})]))
    return Made(bare.valid, bare.method, bare.path, query, headers, bare.body)
