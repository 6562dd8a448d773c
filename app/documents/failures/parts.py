"""Which part of an error stands where in a value that a document has for errors: told by the names of properties."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]

# Names in small letters without anything between their words. A message stands at the first of these rows of which any
# name is there, at each of its names.
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
    """A place in a value, and the part of an error that stands there."""

    path: Path
    part: str


def slots_of(value: Any) -> tuple[list[Slot], int]:
    """The places of a value at which parts of an error are told, messages first, and how sure it is that these are
    messages: 0 the most. There are none where a message has no place."""
    leaves = list(_leaves(value, (), "message" if isinstance(value, str) else ""))
    ranked = [[path for path, name, leaf in leaves if name in names and isinstance(leaf, str)] for names in _MESSAGES]
    rank = next((rank for rank, paths in enumerate(ranked) if paths), None)
    if rank is None:
        return [], len(_MESSAGES)
    messages = ranked[rank]
    # Objects that tell of an error, and what stands in them: elsewhere such names mean something else.
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
    """The places of values that are no objects, each with its name: of an item that of its list."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _leaves(member, (*path, key), re.sub(r"[^a-z]", "", key.lower()))
    elif not isinstance(value, list) or (
        _PARTS.get(name) == "path" and not any(isinstance(item, (dict, list)) for item in value)
    ):
        yield path, name, value
    else:
        for item in value[:1]:  # one tells as much as several
            yield from _leaves(item, (*path, 0), name)


def _part(name: str, leaf: Any) -> str | None:
    if isinstance(leaf, bool):
        return _SWITCHES.get(name)
    part = _PARTS.get(name)
    if part == "path" and not isinstance(leaf, list):
        return None  # most often that of the request, as Spring has it
    if part in ("type", "status") and leaf in _FAILURES:
        return None  # says no more than that it is an error
    if part == "type" and isinstance(leaf, str) and leaf.startswith(("http:", "https:", "about:")):
        return "uri"
    return part
