"""For development: an application that reloads its document while it runs.

The files are checked for changes several times a second. After a change, a new application is built alongside the
current one and replaces it as a whole, between two requests. If none can be built, the old one stays and the log says
why.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

import flask
from connexion import FlaskApp
from starlette.types import Receive, Scope, Send

from ..errors import ConfigurationError, DocumentError

log = logging.getLogger("parley")

_SECONDS = 0.2

Stamp = tuple[int, int, int] | None


class Reloading:
    """An ASGI application that delegates to a replaceable one.

    ``first`` builds the application that opens and closes the shared resources, when the worker starts and ends;
    ``build`` builds its successors, which open nothing. ``files`` returns the files to watch, and is called again after
    each change.
    """

    def __init__(
        self,
        first: Callable[[], FlaskApp],
        build: Callable[[], FlaskApp],
        files: Callable[[], Iterable[Path]],
        *,
        shown: str,
    ) -> None:
        self._build = build
        self._files = files
        self._shown = shown
        self._watched = tuple(files())
        # Always taken before the files are read: a file that is saved in between is either used or seen as changed.
        self._stamps = self._read_stamps()
        self._first = self._current = first()
        self._watch: asyncio.Task[None] | None = None

    @property
    def app(self) -> flask.Flask:
        """The Flask application in force."""
        inner: flask.Flask = self._current.app
        return inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._current(scope, receive, send)
            return
        self._watch = asyncio.create_task(self._follow())
        try:
            await self._first(scope, receive, send)
        finally:
            self._watch.cancel()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            stamps = self._read_stamps()
            # A file that was not watched before counts as changed: it had no stamp yet when it was read.
            if stamps.items() <= self._stamps.items():
                continue
            saved = any(stamps.get(path, stamp) != stamp for path, stamp in self._stamps.items())
            self._stamps = stamps
            try:
                self._watched = tuple(await asyncio.to_thread(self._files))
                self._stamps = {**self._read_stamps(), **stamps}
                built = await asyncio.to_thread(self._build)
            except ConfigurationError as error:
                if isinstance(error, DocumentError):
                    # The file to fix may be one that the document did not refer to before.
                    self._watched = tuple(dict.fromkeys((*self._watched, *error.files)))
                if saved:
                    log.error("the document has changed, but not into one that can be served: %s", error)
            except Exception:
                log.exception("the document has changed, but not into one that can be served")
            else:
                self._current = built
                # The previous application is in reference cycles, which are large for a large document.
                await asyncio.to_thread(gc.collect)
                log.info("the document %s has changed and is in force", self._shown)

    def _read_stamps(self) -> dict[Path, Stamp]:
        return {path: _stamp(path) for path in self._watched}


def _stamp(path: Path) -> Stamp:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size, status.st_ino
    return None  # editors replace files: for a moment the file does not exist
