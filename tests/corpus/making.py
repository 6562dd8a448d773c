"""Requests that Schemathesis makes of a document, valid ones and invalid ones, the same ones each time."""

from __future__ import annotations

import contextlib
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.internal.constants_ast import Constants
from schemathesis import GenerationMode

from .reading import read

_SEED = 1
# Seconds that making the requests of one operation may take: some schemas have no value that is found soon.
_PATIENCE = 20
# Hypothesis takes values from the source of all loaded modules; what is made is not to differ with ours.
_OF_MODULES = "hypothesis.internal.conjecture.providers._get_local_constants"
# Of Schemathesis, and of `requests`; they say nothing of the operation.
_FOREIGN = ("x-schemathesis-testcaseid", "accept-encoding", "connection")


@dataclass(frozen=True, slots=True)
class Made:
    """A request as it goes over the wire. ``path`` and ``query`` are encoded, names of headers in lower case."""

    valid: bool
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Maker:
    """Makes requests of one document.

    Raises:
        Exception: of any kind: Schemathesis cannot read the document.
    """

    def __init__(self, path: Path) -> None:
        with _quiet():
            try:
                self._schema = schemathesis.openapi.from_path(path)
            except schemathesis.errors.LoaderError:  # as of a file that begins with a byte order mark
                self._schema = schemathesis.openapi.from_dict(read(path))
        self._schema.config.generation.update(with_security_parameters=False)

    def make(self, path: str, method: str, base: str, *, valid: int, invalid: int) -> list[Made]:
        """Some requests of an operation, as many as there are. ``base`` is the path before its own.

        Raises:
            Exception: of any kind: Schemathesis cannot read the operation.
        """
        operation = self._schema[path][method.lower()]
        found = []
        for mode, most in ((GenerationMode.POSITIVE, valid), (GenerationMode.NEGATIVE, invalid)):
            for case in _cases(operation, mode, most) if most else ():
                made = _wire(case, base, mode.is_positive)
                if made is not None and made not in found:
                    found.append(made)
        return found


def _cases(operation: Any, mode: GenerationMode, most: int) -> list[Any]:
    cases: list[Any] = []

    @seed(_SEED)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        cases.append(case)

    # Where nothing can be made, as invalid requests of an operation without parameters, there is nothing to ask.
    with contextlib.suppress(Exception), _quiet(), _within(_PATIENCE), mock.patch(_OF_MODULES, Constants):
        collect()
    return cases[:most]


def _wire(case: Any, base: str, valid: bool) -> Made | None:
    """What goes over the wire; None: `requests` cannot send it."""
    try:
        options = case.as_transport_kwargs(base_url=f"http://127.0.0.1{base}")
        options = {name: value for name, value in options.items() if name in _OPTIONS}
        prepared = requests.Request(**options).prepare()
    except Exception:
        return None
    path, _, query = prepared.path_url.partition("?")
    body = prepared.body or b""
    if not isinstance(body, str | bytes):
        return None
    headers = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    return Made(
        valid,
        case.method.upper(),
        path,
        query,
        # A parameter called Accept is none (OpenAPI, "Parameter Object").
        {name: value for name, value in headers.items() if name not in _FOREIGN} | {"accept": "*/*"},
        body.encode() if isinstance(body, str) else body,
    )


_OPTIONS = ("method", "url", "headers", "params", "data", "json", "files", "cookies")


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _within(seconds: int) -> Iterator[None]:
    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
