"""The string formats that are enforced (JSON Schema 2020-12, Validation, section 7.3; OpenAPI's ``byte``).

`jsonschema_rs` has them built in; those here are for `jsonschema`, which supports few without extra packages. Unknown
formats are not enforced.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress
import re
from collections.abc import Callable

_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[zZ]|[+-](\d\d):(\d\d))", re.ASCII)
_DURATION = re.compile(r"P(?:\d+W|(?=.)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?", re.ASCII)
_URI_TEXT = re.compile(r"(?:[!#$&-;=?-Z_a-z~\[\]]|%[0-9a-fA-F]{2})*", re.ASCII)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")


def is_byte(text: str) -> bool:
    """Whether a text is padded Base64 (RFC 4648, section 4)."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        return re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is not None and bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    hour, minute, second, *offset = (int(part or 0) for part in match.groups())
    if second == 60:  # a leap second, only valid at the end of a day in UTC
        sign = -1 if "+" in text else 1
        ends = (hour * 60 + minute + sign * (offset[0] * 60 + offset[1])) % 1440
        return ends == 1439 and hour < 24 and minute < 60
    return hour < 24 and minute < 60 and second < 60 and offset[0] < 24 and offset[1] < 60


def _is_date_time(text: str) -> bool:
    return len(text) > 11 and text[10] in "tT" and _is_date(text[:10]) and _is_time(text[11:])


def _is_hostname(text: str) -> bool:
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


def _is_email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    if not (at and local):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        return _is_ip(domain[1:-1].removeprefix("IPv6:"), 0)
    if re.fullmatch(r'"(?:[^"\\]|\\.)*"', local) is None and re.search(r'[\s"(),:;<>@\[\\\]]|^\.|\.$|\.\.', local):
        return False
    return _is_hostname(domain)


def _is_ip(text: str, version: int) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return version in (0, address.version) and "%" not in text


def _is_uri(text: str) -> bool:
    return _SCHEME.match(text) is not None and _URI_TEXT.fullmatch(text) is not None


def _is_regex(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": is_byte,
    "date": _is_date,
    "date-time": _is_date_time,
    "duration": lambda text: _DURATION.fullmatch(text) is not None,
    "email": _is_email,
    "hostname": _is_hostname,
    "ipv4": lambda text: _is_ip(text, 4),
    "ipv6": lambda text: _is_ip(text, 6),
    "json-pointer": lambda text: _POINTER.fullmatch(text) is not None,
    "regex": _is_regex,
    "time": _is_time,
    "uri": _is_uri,
    "uri-reference": lambda text: _URI_TEXT.fullmatch(text) is not None,
    "uuid": lambda text: _UUID.fullmatch(text) is not None,
}
