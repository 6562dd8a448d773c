"""Writes requests and answers to files, without keys."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .exchange import Ask, Seen

_CUT = "[key]"


class Evidence:
    """Writes a file for each request to a folder; without a folder it only numbers the requests. ``secrets`` are
    removed from all texts."""

    def __init__(self, folder: Path | None, secrets: Iterable[str] = ()) -> None:
        self._folder = folder
        self._secrets = [secret for secret in secrets if secret]
        self.count = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def next(self) -> int:
        """The number of the next request."""
        self.count += 1
        return self.count

    def keep(self, seen: Seen, headers: dict[str, str], body: str) -> None:
        """Write a request and its result. ``headers`` and ``body`` are the answer's."""
        if self._folder is None:
            return
        record = {
            "request": _told(seen.ask),
            "answer": {
                "status": seen.status,
                "headers": headers,
                "body": body,
                "failure": seen.failure,
                "seconds": round(seen.seconds, 3),
            },
        }
        text = self.clean(json.dumps(record, indent=1, ensure_ascii=False))
        (self._folder / f"{seen.number:04}.json").write_text(text, encoding="utf-8")

    def clean(self, text: str) -> str:
        """A text with the secrets removed, both plain and JSON-escaped."""
        for secret in self._secrets:
            for written in (secret, json.dumps(secret)[1:-1]):
                text = text.replace(written, _CUT)
        return text


def _told(ask: Ask) -> dict[str, Any]:
    body = ask.body.decode(errors="replace") if isinstance(ask.body, bytes) else ask.body
    told = {"method": ask.method, "path": ask.path, "content-type": ask.media_type, "key": ask.key, "body": body}
    return told if body is not None else {name: told[name] for name in ("method", "path", "key")}
