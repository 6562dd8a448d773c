"""The scripted server with each vice, through one Parley: no vice reaches a client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.certify.rules import Rules
from app.certify.verdicts import Row
from app.configuration.document import contract_path
from app.contract.document import Document
from app.settings import Settings

from ..certify.scripted_server import serve
from .asking import Unasked, certify_through, names
from .front import Front, Upstream, front
from .vices import MODEL, OWN, SPOILT, scripted

# Requests to one model at a time, and models at a time.
_AT_ONCE = 2
# Failures that say so: the client knows that there is no answer.
_HONEST = ("status 502: ", "status 504: ", "a stream that failed: ")
HONEST = "none"


@dataclass(frozen=True)
class Outcome:
    """What became of a vice. ``reached`` are the rows by which a client would meet it, ``refused`` the parameters that
    it is told of, ``failed`` those whose requests fail, ``strays`` what Parley counted. ``unasked``: every request
    fails, as this says."""

    reached: tuple[Row, ...] = ()
    refused: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()
    unasked: str = ""


def ask(vices: tuple[str, ...] = (HONEST, *SPOILT, *OWN)) -> dict[str, Outcome]:
    """What becomes of each vice, by its name."""
    rules = Rules(Document.load(contract_path(Settings())))
    with contextlib.ExitStack() as stack:
        upstreams = {}
        for number, vice in enumerate(vices):
            url = stack.enter_context(serve(scripted(rules, "" if vice == HONEST else vice)))
            upstreams[f"vice-{number}"] = Upstream(url, MODEL, seconds=2 if vice == "hangs" else 20)
        with front(upstreams) as parley, ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda model: _ask(parley, model), upstreams))
        return {
            vice: _with_strays(outcome, parley, model)
            for vice, outcome, model in zip(vices, found, upstreams, strict=True)
        }


def _ask(parley: Front, model: str) -> Outcome:
    try:
        report = certify_through(parley, model, ("--concurrency", "8", "--operation", "chat"))
    except Unasked as why:
        return Outcome(unasked=str(why))
    wrong = report.having(["broken", "ignored"])
    failed = [row for row in wrong if row.fate == "broken" and row.seen.startswith(_HONEST)]
    refused = [row for row in report.having(["refused"]) if row.status != 400]
    return Outcome(
        tuple(row for row in wrong if row not in failed),
        tuple(names(refused)),
        tuple(names(failed)),
    )


def _with_strays(outcome: Outcome, parley: Front, model: str) -> Outcome:
    return Outcome(outcome.reached, outcome.refused, outcome.failed, tuple(parley.strays(model)), outcome.unasked)


def told(outcomes: dict[str, Outcome]) -> Iterator[str]:
    """A line for each that a client would meet."""
    for vice, outcome in outcomes.items():
        for row in outcome.reached:
            yield f"{vice}: {row.name}: {row.fate}: {row.seen}"
