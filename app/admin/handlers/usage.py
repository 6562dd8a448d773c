"""Operations with the tag ``Usage``."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...errors import BadRequest
from ...jsontypes import Json
from ...store.database import Database
from ...store.names import is_model
from ...store.usage import By, Period, Sums, records, report
from ...web.exchange import Request
from ..showing import money, page

_SUMS = (
    *("requests", "failed", "left", "prompt_tokens", "completion_tokens"),
    *("reasoning_tokens", "cached_tokens", "cost"),
)


async def report_usage(
    request: Request,
    by: By = "day",
    since: str | None = None,
    until: str | None = None,
    key: str | None = None,
    project: str | None = None,
    model: str | None = None,
) -> Json:
    """``GET /usage``: return the sums of a period."""
    period = Period(_day("since", since), _day("until", until))
    only = _only(key=key, project=project, model=model)
    rows = await report(request.service(Database), by, period, only) if only is not None else []
    total = {name: sum(getattr(row, name) for row in rows) for name in _SUMS}
    return {
        "object": "usage.report",
        "by": by,
        "since": since,
        "until": until,
        "data": [_shown_sums(row) for row in rows],
        "total": _shown_sums(Sums(of="", **total)),
    }


async def list_usage_records(
    request: Request,
    after: str | None = None,
    limit: int = 20,
    key: str | None = None,
    project: str | None = None,
    model: str | None = None,
    request_id: str | None = None,
) -> Json:
    """``GET /usage/records``: return a page of the records of requests."""
    only = _only(key=key, project=project, model=model, request_id=request_id)
    database = request.service(Database)
    found = await records(database, limit=limit + 1, before=after, only=only) if only is not None else []
    return page(found, limit, _shown_record, lambda record: str(record["id"]))


def _only(**filters: str | None) -> dict[str, str] | None:
    """Return the filters that are given; None: nothing can pass them."""
    given = {name: value for name, value in filters.items() if value is not None}
    # A database could not even be asked for some texts.
    return given if all(map(is_model, given.values())) else None


def _day(name: str, text: str | None) -> datetime.date | None:
    if text is None:
        return None
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        message = f"Invalid '{name}': it must be a day such as 2026-08-31."
        raise BadRequest(message, param=name, code="invalid_value") from None


def _shown_sums(sums: Sums) -> Json:
    shown = asdict(sums)
    return {"object": "usage.sum", "group": shown.pop("of") or None, **shown, "cost": money(sums.cost)}


def _shown_record(record: Mapping[str, Any]) -> Json:
    return {
        "object": "usage.record",
        # SQLAlchemy's names of columns are of a type that JSON does not have.
        **{str(name): value for name, value in record.items()},
        "time": record["time"] / 1000,
        "cost": money(record["cost"]),
    }
