"""Asks a server by the command ``certify``, by itself and through Parley, and through Parley with OpenAI's SDK."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from openai import OpenAI

from app.certify.operations import CHAT
from app.certify.report import Report, score
from app.certify.verdicts import Row

from ..clients import sdk
from ..live import ROOT
from .front import Front, Upstream, front
from .servers import Started

# Seconds that asking for everything may take, and one answer.
_MOST_SECONDS, _TIMEOUT = 600, 30
_WRONG = ("broken", "ignored")
_KEY = "UPSTREAMS_KEY"
# What counts a mend that is none: the upstream's failure, or a field that is left out.
_NO_MENDS = ("not_honoured.", "extra_field.")


class Unasked(Exception):
    """A server does not answer a plain request. The message says how it was refused."""


@dataclass(frozen=True)
class Found:
    """What came of asking a server: the reports, what Parley takes it for, which strays it met, and what the SDK's
    checks found wrong."""

    directly: Report
    through: Report
    kind: str
    strays: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def scores(self) -> tuple[int | None, int | None]:
        """Of chats."""
        return self.score_of(CHAT.name)

    def score_of(self, operation: str) -> tuple[int | None, int | None]:
        """The scores of an operation, by itself and through Parley; None where it is not offered."""
        first, second = (score(report.operations.get(operation, ())) for report in (self.directly, self.through))
        return first, second

    @property
    def wrong(self) -> list[Row]:
        """What is broken or ignored through Parley, of any operation."""
        return self.through.having(_WRONG)

    @property
    def honoured(self) -> list[str]:
        """The parameters of chats that are honoured through Parley, and are broken or ignored without it."""
        before = {row.key for row in self.directly.having(_WRONG)}
        return names(row for row in _of_chats(self.through, "honoured") if row.key in before)

    @property
    def mends(self) -> list[str]:
        """The strays of its answers that were mended."""
        return [stray for stray in self.strays if not stray.startswith(_NO_MENDS)]

    @property
    def refused(self) -> list[str]:
        """The parameters of chats that are refused through Parley."""
        return names(_of_chats(self.through, "refused"))


def _of_chats(report: Report, fate: str) -> list[Row]:
    return [row for row in report.having([fate]) if row.operation == CHAT.name]


def names(rows: Iterable[Row]) -> list[str]:
    """The parameters that rows are about, without those inside of others among them."""
    paths = dict.fromkeys(row.path for row in rows if row.side == "request" and row.group != "bounds" and row.path)
    return [path for path in paths if not any(path.startswith((f"{other}.", f"{other}[]")) for other in paths)]


def ask(name: str, started: Started) -> Found:
    """Ask a running server for everything."""
    directly = certify(started.base_url, started.key)
    model = name.replace(" ", "-")
    with front({model: Upstream(started.base_url, directly.model, started.key)}) as parley:
        through = certify_through(parley, model)
        failed = tuple(f"{check}: {why}" for check, why in sdk.verdicts(client_of(parley), model) if why)
    return Found(directly, through, parley.kind(model), tuple(parley.strays(model)), failed)


def client_of(parley: Front) -> OpenAI:
    return OpenAI(base_url=parley.server.base, api_key=parley.server.key, max_retries=0, timeout=_TIMEOUT)


def certify_through(parley: Front, model: str, options: Sequence[str] = ()) -> Report:
    """As `certify`, of a model of Parley's."""
    return certify(parley.server.base, parley.server.key, model, options)


def certify(url: str, key: str | None = None, model: str | None = None, options: Sequence[str] = ()) -> Report:
    """The report of the command ``certify``.

    Raises:
        Unasked: the server does not answer a plain request.
    """
    with tempfile.TemporaryDirectory(prefix="parley-upstreams-") as folder:
        file = Path(folder, "report.json")
        command = [sys.executable, "-m", "parley", "certify", url, "--json", str(file), "--fail-on", ""]
        command += ["--max-time", str(_MOST_SECONDS), "--timeout", str(_TIMEOUT), *options]
        command += ["--key-env", _KEY] if key else []
        command += ["--model", model] if model else []
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**environ, _KEY: key} if key else environ,
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS + 5 * _TIMEOUT,
        )
        if done.returncode:
            raise Unasked(done.stderr.strip().splitlines()[-1])
        return Report.read(file)
