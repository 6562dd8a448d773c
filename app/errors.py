"""The exception tree: what can go wrong, as status, type, code and parameter.

    ParleyError                        (not an answer: ends a start or a command)
    └─ ConfigurationError              a setting, a key file or a model file is wrong
       └─ DocumentError                the document is
          └─ UnusablePart              a part of it, while the rest could be served
    ApiError                           any failure that is reported to a client
    ├─ BadRequest              400     the request breaks the contract or a limit of the model
    │  ├─ UnsupportedParameter         valid, but this model cannot honour it
    │  └─ ContextLengthExceeded        prompt and answer do not fit the model's context
    ├─ Unauthorized            401     no key, or a wrong one
    ├─ Forbidden               403     the key may not do this
    ├─ NotFound                404
    │  └─ ModelNotFound
    ├─ MethodNotAllowed        405
    ├─ NotAcceptable           406     no answer in a media type that the client accepts
    ├─ RequestTimeout          408     the body did not arrive in time
    ├─ Conflict                409     another request with the same key for repetition differs, or is still running
    ├─ ContentTooLarge         413
    ├─ UnsupportedMediaType    415
    ├─ RateLimited             429     too many requests for now; carries Retry-After
    ├─ QuotaExceeded           429     a budget is used up
    ├─ UpstreamRefused         4xx     an upstream engine refused the request; its own message is passed on
    ├─ ServerError             500     our fault
    │  └─ ContractViolation            our answer did not fit the document
    ├─ NotImplementedOperation 501     the document has the operation, the server has no handler
    ├─ UpstreamFailed          502     an upstream engine sent nothing that can be used
    ├─ EngineUnavailable       503     the engine is loading, down or died; carries Retry-After
    │  ├─ Overloaded                   this server has more requests for a model than its configured limit
    │  ├─ StoreUnavailable             the database cannot be used now
    │  └─ LimitsUnavailable            what limits count cannot be read now
    └─ UpstreamTimeout         504     an upstream engine did not answer in time

Only ``app.web`` turns an `ApiError` into an answer. Messages name the parameter, the rule and the accepted values;
they never contain a value that a client sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class ParleyError(Exception):
    """Base of failures that end a start or a command; the message says how to fix the problem."""


class ConfigurationError(ParleyError):
    """A setting, a key file, a model file or the document cannot be used."""


class DocumentError(ConfigurationError):
    """The document cannot be served; `parley contract check` reports everything that is wrong with it.

    ``files`` are the files that were read, or could not be read, before the error was found.
    """

    files: tuple[Path, ...] = ()


class UnusablePart(DocumentError):
    """A part of the document cannot be used; a lenient server serves the rest."""


class ApiError(Exception):
    """A failure that becomes ``{"error": {"message", "type", "param", "code"}}``.

    ``param`` is the path of the culprit, such as ``messages[1].content[0].type``, or None.
    ``headers`` are added to the answer.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "server_error"
    default_code: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code if code is not None else self.default_code
        self.headers = headers or {}


class BadRequest(ApiError):
    """400: the request breaks the contract, or a limit of the server or of the model."""

    status = 400
    type = "invalid_request_error"


class UnsupportedParameter(BadRequest):
    """400: the parameter is valid, but the model cannot honour it."""

    default_code = "unsupported_parameter"


class ContextLengthExceeded(BadRequest):
    """400: prompt and answer do not fit the model's context, which is counted in tokens."""

    default_code = "context_length_exceeded"


class Unauthorized(ApiError):
    """401: there is no key, or a wrong one. It has the header ``WWW-Authenticate`` (RFC 9110, 11.6.1)."""

    status = 401
    type = "invalid_request_error"
    default_code = "invalid_api_key"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"www-authenticate": "Bearer"})


class Forbidden(ApiError):
    """403: the key is right, but may not do this."""

    status = 403
    type = "invalid_request_error"
    default_code = "permission_denied"


class NotFound(ApiError):
    """404: no such path, or no such object."""

    status = 404
    type = "invalid_request_error"
    default_code = "not_found"


class ModelNotFound(NotFound):
    """404: no model of that id is served."""

    default_code = "model_not_found"


class MethodNotAllowed(ApiError):
    """405: the path is in the document, but not with this method."""

    status = 405
    type = "invalid_request_error"
    default_code = "method_not_allowed"


class NotAcceptable(ApiError):
    """406: the operation has no answer in a media type that the client accepts."""

    status = 406
    type = "invalid_request_error"
    default_code = "not_acceptable"


class RequestTimeout(ApiError):
    """408: the body did not arrive in time."""

    status = 408
    type = "invalid_request_error"
    default_code = "request_timeout"


class Conflict(ApiError):
    """409: the request contradicts one that came before it. ``retry_after`` is in whole seconds; None: a retry would
    fail too, and OpenAI's SDKs, which retry after 409, are told so."""

    status = 409
    type = "invalid_request_error"
    default_code = "conflict"

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = None, retry_after: int | None = None
    ) -> None:
        headers = {"x-should-retry": "false"} if retry_after is None else {"retry-after": str(retry_after)}
        super().__init__(message, param=param, code=code, headers=headers)


class ContentTooLarge(ApiError):
    """413: the body has more bytes, values or fields than the settings allow."""

    status = 413
    type = "invalid_request_error"
    default_code = "request_too_large"


class UnsupportedMediaType(ApiError):
    """415: the operation takes no body of this media type."""

    status = 415
    type = "invalid_request_error"
    default_code = "unsupported_media_type"


class RateLimited(ApiError):
    """429: there are too many requests for now. ``retry_after`` is in seconds; the header is rounded up to whole ones.
    None: a retry would fail too, and OpenAI's SDKs are told so."""

    status = 429
    type = "rate_limit_error"
    default_code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after: float | None = 1) -> None:
        super().__init__(message, headers=_retry_headers(retry_after))


class QuotaExceeded(RateLimited):
    """429: a budget is used up; it is renewed after ``retry_after`` seconds, which is too long to wait for."""

    type = "insufficient_quota"
    default_code = "insufficient_quota"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.headers = {"retry-after": str(math.ceil(retry_after)), "x-should-retry": "false"}


def _retry_headers(seconds: float | None) -> dict[str, str]:
    if seconds is None:
        return {"x-should-retry": "false"}
    whole = {"retry-after": str(math.ceil(seconds))}
    # OpenAI's SDKs prefer this one, which is exact.
    return whole if isinstance(seconds, int) else {**whole, "retry-after-ms": str(math.ceil(seconds * 1000))}


class UpstreamRefused(ApiError):
    """4xx: an upstream engine refused the request.

    ``error`` is the error object that it sent. Its texts are passed on to the client, truncated to a length that fits
    an error; a numeric code becomes text. `app.engines.transport.reasons` has cleaned its message.
    """

    type = "invalid_request_error"

    def __init__(self, status: int, error: Mapping[str, Any], headers: dict[str, str] | None = None) -> None:
        code = error.get("code")
        if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 1_000_000:
            code = str(code)
        super().__init__(
            _text(error.get("message"), 2000) or "The model's engine refused the request and does not say why.",
            param=_text(error.get("param"), 200) or None,
            code=code if isinstance(code, str) and _WORD.fullmatch(code) else None,
            headers=headers,
        )
        self.status = status  # type: ignore[misc]
        self.error = error
        kind = error.get("type")
        if isinstance(kind, str) and _WORD.fullmatch(kind):
            self.type = kind  # type: ignore[misc]


def _text(value: object, longest: int) -> str:
    """Return the printable part of a foreign value: one line, no control characters, no lone surrogates."""
    if not isinstance(value, str):
        return ""
    line = " ".join(value[: 4 * longest].split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= longest else line[: longest - 1] + "…"


class ServerError(ApiError):
    """500: a fault of the server's own."""

    status = 500
    type = "server_error"
    default_code = "internal_error"


class ContractViolation(ServerError):
    """500: an answer does not fit the document, and is not sent."""

    default_code = "contract_violation"


class NotImplementedOperation(ApiError):
    """501: the document has the operation, and the server has no handler for it."""

    status = 501
    type = "server_error"
    default_code = "not_implemented"


class UpstreamFailed(ApiError):
    """502: an upstream engine failed, or sent an answer that cannot be used."""

    status = 502
    type = "server_error"
    default_code = "upstream_error"


class EngineUnavailable(ApiError):
    """503: the engine cannot answer now. ``retry_after`` is in whole seconds."""

    status = 503
    type = "server_error"
    default_code = "engine_unavailable"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"retry-after": str(retry_after)})


class Overloaded(EngineUnavailable):
    """503 and not 429, because the cause is the server's state, not the client (RFC 9110, 15.6.4): proxies try another
    server, and clients retry."""

    default_code = "overloaded"


class StoreUnavailable(EngineUnavailable):
    """503: the request needs the database, which cannot be used now."""

    default_code = "store_unavailable"


class LimitsUnavailable(EngineUnavailable):
    """503: a limit holds for the request, and what it counts cannot be read now."""

    default_code = "limits_unavailable"


class UpstreamTimeout(ApiError):
    """504: an upstream engine did not answer in time."""

    status = 504
    type = "server_error"
    default_code = "upstream_timeout"
