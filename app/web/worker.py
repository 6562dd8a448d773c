"""gunicorn's worker, whose own refusals have the same error format as all other errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import BadRequest, ServerError
from ..frameworks import gunicorn_worker
from ..open_files import most_connections
from ..random_ids import random_id
from ..settings import Settings
from . import sse
from .conventions import envelope

# By status: the error's message and its code.
MESSAGES = {
    400: ("The HTTP request could not be read.", "invalid_http"),
    408: ("The head of the request did not arrive in time.", "request_timeout"),
    414: ("The request line is too long.", "uri_too_long"),
    431: ("The header fields are too long, or too many.", "headers_too_large"),
    500: ("The server had an error while processing your request. It has been logged.", "internal_error"),
    501: ("The request uses a transfer coding that is not supported.", "unsupported_transfer_coding"),
    503: ("The server has reached its limit of connections, or is stopping. Retry in a moment.", "overloaded"),
}


class Worker(gunicorn_worker.Worker):
    """Set as ``worker_class`` by ``app/serving.py``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        settings = Settings.from_environment()
        self.write_timeout = settings.write_timeout
        self.most_connections = settings.max_connections or most_connections()
        super().__init__(*args, **kwargs)

    def refusal(self, status: int) -> tuple[Sequence[tuple[str, str]], bytes]:
        text, code = MESSAGES.get(status, ("The request could not be served.", None))
        error = (ServerError if status >= 500 else BadRequest)(text, code=code)
        body = sse.to_json(envelope(error))
        headers = (
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("x-request-id", f"req_{random_id()}"),
        )
        return headers, body
