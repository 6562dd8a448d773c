"""Runs all probes on a server and judges the results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import aiohttp

from ..jsontypes import Json
from .asking import Asking, Left, Spent
from .exchange import Ask, Seen
from .preparing import prepare
from .probe import Base, Probe, verdict_of
from .probes.every import every
from .produced import rows as produced
from .report import Report
from .rules import Rules
from .verdicts import Fate, Row, Verdict, honoured, ignored, not_seen

# Called with the number of finished probes and their total.
Progress = Callable[[int, int], None]

_STREAMS = 4
_LONG = "Write a very long story, and do not end it."
# A request must take this many times as long beside others before it proves that those are running.
_SLOWER = 2.5
# It must also take this many seconds longer: less may be chance.
_LONGER = 0.1


async def certify(
    asking: Asking,
    contract: Sequence[Rules],
    url: str,
    model: str | None,
    *,
    has_key: bool,
    progress: Progress,
) -> Report:
    """Report how a server handles each property of the contract. ``contract`` has the rules of each operation to probe.

    Raises:
        Unreachable: the server answers no plain request.
    """
    prepared = await prepare(asking, model, has_key=has_key, operations=[rules.operation for rules in contract])
    offered = [rules for rules in contract if rules.operation.name in prepared.bases]
    probes = [probe for rules in offered for probe in every(rules)]
    done = 0

    async def run(probe: Probe) -> list[Row]:
        nonlocal done
        found = await _run(asking, prepared.bases[probe.operation.name], probe)
        done += 1
        progress(done, len(probes))
        return found

    together = await asyncio.gather(*(run(probe) for probe in probes if not probe.alone))
    after = [await run(probe) for probe in probes if probe.alone]
    rows = [row for found in (*together, *after) for row in found]
    streaming = [rules.operation.name for rules in offered if rules.operation.streams]
    if streaming:
        # How abandoned streams are handled depends on the server and not on the operation, so it is probed once.
        rows.append(await _cancellation(asking, prepared.bases[streaming[0]]))
    for rules in offered:
        mine = [seen for seen in asking.answers if _whose(seen.ask.path, offered) is rules]
        rows += produced(rules, mine, _fates(rows, rules.operation.name))
    rows += prepared.rows
    named = [rules.operation.name for rules in contract]
    rows.sort(key=lambda row: named.index(row.operation))
    titles = list(dict.fromkeys(row.title for row in rows))
    rows.sort(key=lambda row: titles.index(row.title))
    # Values read from an answer may contain the key in another form than its text, such as the bytes of tokens.
    told = tuple(replace(row, seen=asking.clean(row.seen)) for row in rows)
    models = {name: base.model for name, base in prepared.bases.items()}
    return Report(
        url,
        next(iter(models.values())),
        prepared.owner,
        told,
        asking.requests,
        asking.tokens,
        round(asking.seconds, 1),
        models,
    )


def _whose(path: str, offered: Sequence[Rules]) -> Rules:
    """The rules for answers from a path: those of the operation at the path or at a parent of it, or else the first."""
    return next((rules for rules in offered if f"{path}/".startswith(f"{rules.operation.path}/")), offered[0])


async def _run(asking: Asking, base: Base, probe: Probe) -> list[Row]:
    answers: dict[str, Seen] = {}
    try:
        for step in probe.steps:
            ask = step.make(base, answers)
            if ask is not None:
                answers[step.name] = await asking.ask(ask)
                if step.role in ("asked", "compare") and not answers[step.name].accepted:
                    break  # later steps would add no information
    except Spent as spent:
        return list(rows_of(probe, Verdict("not probed", str(spent)), {}))
    return list(rows_of(probe, verdict_of(probe, answers), answers))


def rows_of(probe: Probe, verdict: Verdict, answers: dict[str, Seen]) -> Iterator[Row]:
    """The rows of a report for a verdict: one for each property."""
    roles = {step.name: step.role for step in probe.steps}
    shown = next((seen for name, seen in answers.items() if roles[name] == "asked"), None)
    shown = shown or next(iter(answers.values()), None)
    row = Row(
        probe.group,
        "request",
        "",
        probe.check,
        verdict.fate,
        verdict.seen,
        str(shown.ask) if shown is not None else "",
        tuple(seen.number for seen in answers.values()),
        operation=probe.operation.name,
    )
    if verdict.refusal is not None:
        row = replace(row, status=verdict.refusal.status, code=verdict.refusal.code, named=verdict.named)
    if not probe.paths:
        yield replace(row, side="behaviour")
    for path in probe.paths:
        yield replace(row, path=path)
    for path in probe.parts:
        if verdict.fate == "honoured":
            yield replace(row, path=path, fate="not seen", seen="it is accepted; no effect of its own is looked for")
        else:
            yield replace(row, path=path)


def _fates(rows: list[Row], operation: str) -> dict[str, Fate]:
    """The outcome of each property of an operation's request, by the first row about it."""
    found: dict[str, Fate] = {}
    for row in rows:
        if row.operation == operation and row.side == "request" and row.group != "bounds":
            found.setdefault(row.path, row.fate)
    return found


async def _cancellation(asking: Asking, base: Base) -> Row:
    warm: Json = {"stream": True, "temperature": 1} if base.cold else {"stream": True}
    long, short = (
        Ask(base.body(prompt, tokens, fields), path=base.operation.path)
        for prompt, tokens, fields in ((_LONG, 2000, warm), ("Hello!", 8, {}))
    )
    row = Row(
        "streams",
        "behaviour",
        "",
        "a stream that is left is ended",
        "not seen",
        asked=str(long),
        operation=base.operation.name,
    )
    try:
        left = await asking.leave(long, short, _STREAMS)
    except Spent as spent:
        return replace(row, fate="not probed", seen=str(spent))
    except (TimeoutError, aiohttp.ClientError, OSError):
        left = None
    verdict = cancelled(left)
    return replace(row, fate=verdict.fate, seen=verdict.seen, requests=(left.number,) if left is not None else ())


def cancelled(left: Left | None) -> Verdict:
    """Whether a server continues abandoned streams, judged by how long another request takes meanwhile."""
    if left is None:
        return not_seen("the streams ended before they could be left")
    times = f"{left.alone:.2f} s alone, {left.beside:.2f} s beside {left.streams} streams, {left.after:.2f} s after"
    if left.beside < max(_SLOWER * left.alone, left.alone + _LONGER):
        return not_seen(f"a short request takes {times}: streams do not slow it")
    if left.after < left.beside / _SLOWER:
        return honoured(f"a short request takes {times} they were left")
    if left.after > left.beside / 1.2:
        return ignored(f"a short request takes {times} they were left")
    return not_seen(f"a short request takes {times} they were left")
