"""Maps llama.cpp's errors to ours.

The text of an error is never repeated or logged, because it may contain the prompt.
"""

from __future__ import annotations

import logging
import re

from ....errors import ApiError, BadRequest, ContextLengthExceeded, EngineUnavailable, ServerError
from ....jsontypes import Json
from ...transport.failures import Cause, Failed

_log = logging.getLogger("parley")

_TOO_LONG = "exceed_context_size_error"
_CANNOT_DECODE = "Failed to load image or audio file"
# Errors that a template raises, or that it causes, have status 500.
_TEMPLATE = re.compile("While executing |Jinja Exception|Unable to generate parser for this template")
_NOT_READ = "The model produced output that does not match the expected"

_BROKEN_OFF = "The engine ended before its answer was complete. Retry in a moment."
UNUSABLE = "The engine sent an answer that cannot be used."
TOO_EARLY = "The engine ended its answer too early. Retry in a moment."


class Unreadable(ServerError):
    """llama.cpp's parser for the model's template cannot read the model's output."""


class TemplateRefused(BadRequest):
    """The model's template cannot render the messages."""


def explain(failed: Failed) -> ApiError:
    """Return the error for a request that the model process did not answer, and log a refusal."""
    if failed.cause is Cause.STATUS and failed.status != 503:
        _log_refusal(failed.status or 500, failed.told)
    return quietly(failed)


def quietly(failed: Failed) -> ApiError:
    """As `explain`, without logging."""
    if failed.cause is Cause.STATUS and failed.status != 503:
        return refusal(failed.status or 500, failed.told)
    if failed.cause is Cause.STATUS:
        return EngineUnavailable("The engine is loading its model. Retry in a moment.")
    if failed.cause is Cause.UNREACHABLE:
        return EngineUnavailable("The engine is not there yet. Retry in a moment.")
    if failed.cause is Cause.LOST:
        return EngineUnavailable("The connection to the engine was lost. Retry in a moment.")
    if failed.cause is Cause.UNUSABLE:
        return ServerError(UNUSABLE)
    return EngineUnavailable(_BROKEN_OFF)


def error_of(event: Json) -> ApiError | None:
    """Return the error in an event of a stream, None if there is none."""
    if "error" not in event:
        return None
    error = event["error"] if isinstance(event["error"], dict) else {}
    code = error.get("code")
    status = code if isinstance(code, int) else 500
    _log_refusal(status, error)
    return refusal(status, error)


def _log_refusal(status: int, error: Json) -> None:
    message = str(error.get("message"))
    if _kind(error) == _TOO_LONG or message == _CANNOT_DECODE or message.startswith(_NOT_READ):
        return  # the client gets all that is known, or the model's text as it is
    _log.warning("llama.cpp refused a request with status %d and type %s", status, _kind(error))


def _kind(error: Json) -> str:
    kind = str(error.get("type", ""))
    return kind if re.fullmatch("[a-z_]{1,64}", kind) else "unknown"


def refusal(status: int, error: Json) -> ApiError:
    """Return our error for one of llama.cpp's. Its message may contain the prompt, so none of its text is used."""
    if _kind(error) == _TOO_LONG:
        return ContextLengthExceeded(
            f"This model's context holds {error.get('n_ctx', 'fewer')} tokens, and the messages take "
            f"{error.get('n_prompt_tokens', 'more')}. Shorten the messages.",
            param="messages",
        )
    if error.get("message") == _CANNOT_DECODE:
        return BadRequest(
            "A picture or sound in the messages is damaged: it cannot be decoded.",
            param="messages",
            code="image_parse_error",
        )
    if status == 503:
        return EngineUnavailable("The engine cannot answer now. Retry in a moment.")
    if str(error.get("message")).startswith(_NOT_READ):
        return Unreadable("The model gave an answer that cannot be read. Ask again.")
    if status in (400, 413, 422) or _TEMPLATE.search(str(error.get("message"))):
        return TemplateRefused(
            "The model cannot process these messages: its chat template expects other roles, or another order.",
            param="messages",
            code="invalid_value",
        )
    return ServerError("The engine failed to answer this request.")
