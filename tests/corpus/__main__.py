"""``python -m tests.corpus [--write] [NAME ...]``: serves every document of the corpus, or those of these names, and
asks it. With ``--write`` the rows of ``docs/documents.md`` are written anew for what was asked. The exit status is 1
where something is found that ``known.toml`` does not list, or no longer what it lists."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from . import table
from .asking import COUNTS, Finding, Found, ask
from .documents import DOCUMENTS, Document, known
from .packages import Unavailable

WRITE = "--write"
# Of each document, spread over it; what Schemathesis makes takes longer than to ask it.
OPERATIONS, VALID, INVALID = 16, 3, 4
# Documents at a time.
_SIDE_BY_SIDE = 2


def ask_document(document: Document) -> tuple[Found | str, float]:
    """What came of a document, or why it cannot be had; and the seconds it took."""
    begin = time.monotonic()
    found: Found | str
    try:
        found = ask(document.fetch(), operations=OPERATIONS, valid=VALID, invalid=INVALID)
    except Unavailable as why:
        found = str(why)
    return found, time.monotonic() - begin


def wrong(document: Document, found: Found) -> Iterator[str]:
    """What is new, and what is listed and was not found again."""
    listed = {each.finding for each in known() if each.document == document.name}
    for finding in sorted(found.findings - listed):
        yield f"{finding}\n    {found.examples.get(finding, '')}"
    for finding in sorted(listed - found.findings):
        yield f"no longer found, so take it out of known.toml: {finding}"


def main(arguments: Sequence[str]) -> int:
    names = [name for name in arguments if name != WRITE]
    if unknown := [name for name in names if name not in DOCUMENTS]:
        print(f"There is no {unknown[0]!r} among {', '.join(DOCUMENTS)}.", file=sys.stderr)
        return 2
    if os.environ.get("PYTHONHASHSEED") != "0":
        # What Schemathesis makes is to be the same each time.
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.corpus", *arguments], {**os.environ, "PYTHONHASHSEED": "0"}
        )
    begin = time.monotonic()
    documents = [document for name, document in DOCUMENTS.items() if not names or name in names]
    fetched = {document.package for document in documents if document.package}
    for package in fetched:
        try:
            package.fetch()
        except Unavailable as why:
            print(f"not had: {why}", flush=True)
    well, rows = [], {}
    with ProcessPoolExecutor(_SIDE_BY_SIDE) as pool:
        for document, (found, seconds) in zip(documents, pool.map(ask_document, documents), strict=True):
            if isinstance(found, str):
                print(f"{document.name}: not asked: {found}", flush=True)
                continue
            told = list(wrong(document, found))
            for each in told:
                print(f"{document.name}: {each}", flush=True)
            counted = ", ".join(f"{name} {found.good[name]} of {found.judged[name]}" for name in COUNTS)
            print(f"{document.name}: {counted}, in {seconds:.0f} s", flush=True)
            well.append(not told)
            rows[document.name] = table.row(document, found)
    if WRITE in arguments:
        table.write(rows)
    print(f"in {time.monotonic() - begin:.0f} s")
    print(f"{sum(well)} passed, {len(well) - sum(well)} failed")
    return not all(well)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

__all__ = ["Finding", "main"]
