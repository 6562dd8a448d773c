"""Logs go to stderr: one line for each event of the server, and one line for each request."""

from __future__ import annotations

import logging
import sys


def configure_logs() -> None:
    """Give our loggers a handler unless the surrounding program has done so. May be called again."""
    # The parser of multipart forms would log the bytes that it cannot parse.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL + 1)
    logger = logging.getLogger("parley")
    if logger.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
