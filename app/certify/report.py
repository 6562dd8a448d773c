"""The result of probing a server: rows, counts, and the scores of operations and groups. It can be written to a file
and read back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from ..errors import ConfigurationError
from ..jsontypes import Json
from .verdicts import FATES, Fate, Row


@dataclass(frozen=True, slots=True)
class Report:
    """The report. ``url`` and ``model`` are what was probed, ``owner`` is the owner that the server reports for the
    model; ``requests``, ``tokens`` and ``seconds`` are the cost of probing. ``models`` are the probed models by
    operation."""

    url: str
    model: str
    owner: str
    rows: tuple[Row, ...]
    requests: int = 0
    tokens: int = 0
    seconds: float = 0.0
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def groups(self) -> dict[str, list[Row]]:
        """The rows by the title of their operation and group, in order."""
        return _by(self.rows, lambda row: row.title)

    @property
    def operations(self) -> dict[str, list[Row]]:
        """The rows by operation, in order."""
        return _by(self.rows, lambda row: row.operation)

    def having(self, fates: Iterable[str]) -> list[Row]:
        wanted = set(fates)
        return [row for row in self.rows if row.fate in wanted]

    def to_json(self) -> str:
        record = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "rows"}
        return json.dumps(
            {
                **record,
                "counts": counts(self.rows),
                "score": score(self.rows),
                "operations": {name: _told(rows) for name, rows in self.operations.items()},
                "groups": {name: _told(rows) for name, rows in self.groups.items()},
                "rows": [asdict(row) for row in self.rows],
            },
            indent=1,
            ensure_ascii=False,
        )

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read a report that was written as JSON.

        Raises:
            ConfigurationError: the file does not hold a report.
        """
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            rows = tuple(_row(row) for row in record["rows"])
            models = dict(record.get("models", {}))
            return cls(record["url"], record["model"], record["owner"], rows, models=models)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(f"{path} is no report of certify --json ({type(error).__name__}).") from None


def _row(record: Json) -> Row:
    row = Row(**{**record, "requests": tuple(record["requests"])})
    if row.fate not in FATES:
        raise ValueError(row.fate)
    return row


def _by(rows: Iterable[Row], name: Callable[[Row], str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    return found


def _told(rows: list[Row]) -> Json:
    return {**{fate: number for fate, number in counts(rows).items() if number}, "score": score(rows)}


def counts(rows: Iterable[Row]) -> dict[Fate, int]:
    """How many rows have each fate."""
    found = Counter(row.fate for row in rows)
    return {fate: found[fate] for fate in FATES}


def score(rows: Iterable[Row]) -> int | None:
    """The percentage, rounded down, of properties that are honoured or refused by name among all that were decided.
    None: none were decided."""
    decided = [row for row in rows if row.fate not in ("not seen", "not probed", "not offered")]
    if not decided:
        return None
    good = sum(row.fate == "honoured" or (row.fate == "refused" and row.named != "no") for row in decided)
    return 100 * good // len(decided)
