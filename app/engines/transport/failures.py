"""The meaning of a failed attempt for the client, the log and the replica."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...errors import ApiError, EngineUnavailable, RateLimited, UpstreamFailed, UpstreamRefused, UpstreamTimeout
from ...jsontypes import Json
from . import reasons, retrying

# Statuses by which an upstream reports an error in the request itself.
_OF_THE_REQUEST = frozenset({400, 409, 413, 422})
_REPEATABLE = frozenset({408, 429, 502, 503, 504, 529})
# OpenAI's codes with 429 when waiting does not help. Not a set: values that an upstream sends may be unhashable.
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")

UNUSABLE = "The model's engine sent an answer that cannot be used."
LOST = "The connection to the model's engine was lost. Retry in a moment."
UNREACHABLE = "The model's engine cannot be reached. Retry in a moment."
LATE = "The model's engine did not answer in time. Retry in a moment."
_CREDENTIALS = (
    "The model's engine does not accept this server's own key or account. Your key is not at fault: "
    "the server's operator must fix the key of the upstream."
)
_ADDRESS = (
    "The model's engine does not know the model or the address by which this server asks. "
    "The server's operator must fix the configuration of the upstream."
)


class Cause(enum.Enum):
    """How an attempt failed."""

    UNREACHABLE = enum.auto()  # no server accepted the request
    LOST = enum.auto()  # the connection ended before the answer began; the request may or may not have been read
    BROKEN_OFF = enum.auto()  # it ended in the middle of the answer
    LATE = enum.auto()
    STATUS = enum.auto()  # an answer with an error status
    UNUSABLE = enum.auto()  # an answer that breaks the protocol or a limit


class Verdict(enum.Enum):
    """What a failed attempt indicates about the replica."""

    GONE = enum.auto()  # no server can be reached, whatever the request
    BROKEN = enum.auto()  # the connection failed; the request may have caused that
    FAULTY = enum.auto()  # it answers with an error, too late or with nonsense, because of itself or of the request
    BUSY = enum.auto()  # it works and is overloaded
    SOUND = enum.auto()  # it works; the request or our configuration is at fault


@dataclass(eq=False)
class Failed(Exception):
    """An attempt failed. ``error`` is for the client, ``reason`` for the log: neither contains an address or a key.

    ``repeatable``: a retry may help and does no harm. ``elsewhere``: a retry may help only on another replica.
    ``retry_after`` is in seconds. For an answer with an error status, ``status`` is the status and ``told`` the error
    object in the body.
    """

    cause: Cause
    reason: str
    error: ApiError
    verdict: Verdict = Verdict.BROKEN
    repeatable: bool = False
    elsewhere: bool = False
    retry_after: float | None = None
    status: int | None = None
    told: Json = field(default_factory=dict)


def failed_by_status(status: int, headers: Mapping[str, str], body: bytes, secrets: tuple[str, ...] = ()) -> Failed:
    """Return the failure for an answer with a status other than 2xx; ``secrets`` are redacted. The client gets the
    reason that the upstream gives, unless only our operator can fix the problem: then only the log has the reason."""
    error = error_object(body, secrets)
    why = reasons.of(error, secrets)
    wait = retrying.retry_after(headers)
    seconds = None if wait is None else min(math.ceil(wait), retrying.LONGEST_TOLD)

    failed = partial(Failed, Cause.STATUS, status=status, retry_after=wait, told=error)
    reason, because = f"status {status}", f": {why}" if why else ""
    if status in (401, 402, 403, 407) or (status == 429 and error.get("code", error.get("type")) in _NO_CREDIT):
        reason += f": it does not accept our key or account{because}"
        return failed(reason, UpstreamFailed(_CREDENTIALS), Verdict.SOUND, elsewhere=True)
    of_the_request = status in _OF_THE_REQUEST or (status == 404 and _names_a_parameter(error))
    if of_the_request or (status in (500, 501) and reasons.is_of_the_request(error)):
        # Other engines' statuses for an invalid request become 400 here, as the document defines.
        told = {**error, "message": why}
        return failed(reason, UpstreamRefused(status if status in (400, 404, 413) else 400, told), Verdict.SOUND)
    if 400 <= status < 500 and status not in _REPEATABLE:
        reason += f": it does not know our model or path{because}"
        return failed(reason, UpstreamFailed(_ADDRESS), Verdict.SOUND, elsewhere=True)
    reason += because
    if status == 429:
        later = 1 if seconds is None else seconds
        message = reasons.sentence("The model's engine has too many requests", why)
        busy = RateLimited(f"{message} Retry later.", retry_after=later)
        return failed(reason, busy, Verdict.BUSY, repeatable=True)
    if status in (503, 529):
        message = reasons.sentence("The model's engine cannot answer now", why)
        away = EngineUnavailable(f"{message} Retry in a moment.", retry_after=seconds or 1)
        return failed(reason, away, Verdict.FAULTY, repeatable=True)
    if status in (408, 504):
        verdict = Verdict.BUSY if status == 408 else Verdict.FAULTY
        return failed(reason, UpstreamTimeout(LATE), verdict, repeatable=True)
    # Many engines answer 500 to a request that they cannot process: it would fail on the next replica too.
    passing = status in _REPEATABLE
    message = reasons.sentence("The model's engine failed to answer", why) + (" Retry in a moment." if passing else "")
    return failed(reason, UpstreamFailed(message), Verdict.FAULTY, repeatable=passing)


def error_object(body: bytes, secrets: tuple[str, ...] = ()) -> Json:
    """Return the error object in a body, in OpenAI's shape or those of other engines; empty if there is none.

    From FastAPI's ``detail`` only location and message are taken, not the value that it quotes.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found: Any = value.get("error", value) if isinstance(value, dict) else None
    error: Json = found if isinstance(found, dict) else {"message": found} if isinstance(found, str) else {}
    detail = error.get("detail")
    if "message" not in error and isinstance(detail, dict):
        inner = detail.get("error", detail)
        error = inner if isinstance(inner, dict) else {"message": inner}
    elif "message" not in error and isinstance(detail, str):
        error = {**error, "message": detail}
    elif "message" not in error and isinstance(detail, list) and detail and isinstance(detail[0], dict):
        place = detail[0].get("loc")
        parts = [str(part)[:100] for part in place[:20] if part != "body"] if isinstance(place, list) else []
        error = {"message": detail[0].get("msg"), "param": ".".join(parts) or None}
    return without(secrets, error)


def without(secrets: Iterable[str], error: Mapping[str, Any]) -> Json:
    """Return an error object with secrets redacted from its texts."""
    cut = dict(error)
    for name, text in error.items():
        if isinstance(text, str):
            for secret in secrets:
                text = text.replace(secret, "…")
            cut[name] = text
    return cut


def _names_a_parameter(error: Json) -> bool:
    param = error.get("param")
    return isinstance(param, str) and param not in ("", "model") and error.get("code") != "model_not_found"
