"""Locates the parts of an error in a value of a document's error schema, by the names of properties."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

# Names in lower case without separators. The first row with any name in the value is used; each of its names in the
# value is a message.
_MESSAGES = (
    frozenset(
        [
            "message",
            "msg",
            "detail",
            "errormessage",
            "errormsg",
            "errordescription",
            "errordetail",
            "faultstring",
            "usermessage",
            "messages",
        ]
    ),
    frozenset(["details", "description", "reason", "error", "errors", "fault", "problem", "cause"]),
    frozenset(["title", "text", "summary", "info"]),
)
_PARTS = {
    **dict.fromkeys(("code", "errorcode", "errcode", "faultcode", "error", "key", "reason"), "code"),
    **dict.fromkeys(("type", "errortype", "kind"), "type"),
    **dict.fromkeys(("status", "statuscode", "httpstatus", "httpstatuscode", "httpcode"), "status"),
    **dict.fromkeys(("title", "statustext", "reasonphrase"), "title"),
    **dict.fromkeys(
        ("param", "parameter", "parametername", "field", "fieldname", "property", "attribute", "target"), "param"
    ),
    **dict.fromkeys(("loc", "path", "propertypath"), "path"),
    "pointer": "pointer",
    **dict.fromkeys(("requestid", "traceid", "correlationid"), "request"),
}
_SWITCHES = {
    **dict.fromkeys(("success", "succeeded", "issuccess", "ok"), "false"),
    **dict.fromkeys(("error", "failed", "iserror"), "true"),
}
_FAILURES = ("error", "fail", "failed", "failure")
_PLACES = frozenset({"param", "path", "pointer"})


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a value, and the part of an error that belongs there."""

    path: Path
    part: str


def slots_of(value: Any) -> tuple[list[Slot], int]:
    """Return the places for the parts of an error in a value, messages first, and the certainty that these are
    messages: 0 is the most certain. Without a place for a message, the list is empty."""
    leaves = list(_leaves(value, (), "message" if isinstance(value, str) else ""))
    ranked = [[path for path, name, leaf in leaves if name in names and isinstance(leaf, str)] for names in _MESSAGES]
    rank = next((rank for rank, paths in enumerate(ranked) if paths), None)
    if rank is None:
        return [], len(_MESSAGES)
    messages = ranked[rank]
    # Only objects that contain messages are considered: elsewhere such names mean something else.
    around = {path[:length] for path in messages for length in range(len(path))}
    direct = {path[:-1] for path in messages}
    found = [Slot(path, "message") for path in messages]
    for path, name, leaf in leaves:
        part = _part(name, leaf)
        of_an_error = path[:-1] in around or (part in _PLACES and path[:-2] in direct)
        if part and path not in messages and of_an_error:
            found.append(Slot(path, part))
    return found, rank


def _leaves(value: Any, path: Path, name: str) -> Iterator[tuple[Path, str, Any]]:
    """Yield the paths of values that are not objects, with their names and the values. An item has the name of its
    list."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, (*path, key), re.sub(r"[^a-z]", "", key.lower()))
    elif not isinstance(value, list) or (
        _PARTS.get(name) == "path" and not any(isinstance(item, (dict, list)) for item in value)
    ):
        yield path, name, value
    else:
        for item in value[:1]:  # one item is representative of all
            yield from _leaves(item, (*path, 0), name)


def _part(name: str, leaf: Any) -> str | None:
    if isinstance(leaf, bool):
        return _SWITCHES.get(name)
    part = _PARTS.get(name)
    if part == "path" and not isinstance(leaf, list):
        return None  # usually the path of the request, as in Spring
    if part in ("type", "status") and leaf in _FAILURES:
        return None  # only says that it is an error
    if part == "type" and isinstance(leaf, str) and leaf.startswith(("http:", "https:", "about:")):
        return "uri"
    return part
