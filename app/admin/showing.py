"""What the operators' API shows of keys, projects, limits, usage and changes, and how it reads limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from ..jsontypes import Json
from ..limits.limits import BILLION, Limits
from ..store.audit import Entry
from ..store.keys import Key, Made
from ..store.limits import Defined
from ..store.projects import Project
from ..web.exchange import Request

T = TypeVar("T")

_MONEY = "money_per_month"


def page(found: Sequence[T], limit: int, show: Callable[[T], Json], id_of: Callable[[T], str]) -> Json:
    """Return a page of at most ``limit`` entries. One more was looked for: whether it is there tells whether another
    page follows."""
    shown = found[:limit]
    return {
        "object": "list",
        "data": [show(each) for each in shown],
        "last_id": id_of(shown[-1]) if shown else None,
        "has_more": len(found) > limit,
    }


def actor_of(request: Request) -> str:
    """Return the name of the operator's key of a request."""
    assert request.key_name is not None
    return request.key_name


def shown_key(key: Key) -> Json:
    """Return a key as the document describes it."""
    return {
        "object": "key",
        "name": key.name,
        "project": key.project,
        "status": key.status,
        "models": None if key.models is None else list(key.models),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "limits": shown_limits(key.limits),
        "secrets": [asdict(secret) for secret in key.secrets],
    }


def shown_secret(made: Made) -> Json:
    """Return a key with its new secret."""
    return {"object": "key.secret", "secret": made.secret, "key": shown_key(made.key)}


def shown_project(project: Project) -> Json:
    """Return a project as the document describes it."""
    return {
        "object": "project",
        "name": project.name,
        "created_at": project.created_at,
        "limits": shown_limits(project.limits),
    }


def shown_defined(defined: Defined) -> Json:
    """Return the limits of a subject as the document describes them."""
    return {
        "object": "limits",
        "id": limits_id(defined.kind, defined.subject),
        "kind": defined.kind,
        "subject": defined.subject,
        "limits": shown_limits(defined.limits),
    }


def limits_id(kind: str, subject: str) -> str:
    """Return the id of the limits of a subject."""
    return f"{kind}/{subject}"


def shown_limits(limits: Limits) -> Json:
    """Return limits, with money in the operator's currency."""
    shown = asdict(limits)
    if limits.money_per_month is not None:
        shown[_MONEY] = money(limits.money_per_month)
    return shown


def measures_of(body: Mapping[str, Any] | None) -> dict[str, int | None]:
    """Return the limits of a body in the units of the database."""
    # JSON schema takes 1.0 for an integer.
    return {
        name: None if value is None else round(value * BILLION) if name == _MONEY else int(value)
        for name, value in (body or {}).items()
    }


def money(billionths: int) -> float:
    """Return an amount in the operator's currency."""
    return billionths / BILLION


def shown_entry(entry: Entry) -> Json:
    """Return a change as the document describes it."""
    return {"object": "audit.entry", **asdict(entry), "id": entry_id(entry)}


def entry_id(entry: Entry) -> str:
    """Return the id of a change as it is shown."""
    return f"audit_{entry.id}"
