"""The pages that the server has besides the operations of its document, without a key: the document itself, Swagger UI,
and the probes for liveness and readiness.

A path of the document has precedence over these pages, and they have precedence over its path templates: as in OpenAPI,
the more specific path comes first. So a document with ``/{id}`` has its Swagger UI and can be probed too."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import flask
import flask_swagger_ui

from ..contract.document import Document
from ..contract.routing import Paths
from ..errors import DocumentError, NotFound
from .answers import Reply
from .versions import VERSIONS, Version, Versions
from .view import PENDING, PendingReply, ReplyEncoder

_OWN = Path(__file__).parent / "ui"
_ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
# Allows Swagger UI its own files and nothing else: no inline script, no other host.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Clients revalidate a page each time, and get a short answer if it has not changed.
_SHOWN = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}
# The files of the page, each with its folder.
_FILES = {
    **dict.fromkeys(("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "favicon-16x16.png"), _ASSETS),
    "start.js": _OWN,
}


class Pages:
    """The pages of a server. ``/healthz`` calls ``ready``."""

    def __init__(self, document: Document, paths: Paths, ready: Callable[[], Awaitable[bool]]) -> None:
        self.document = document
        self.paths = paths
        self.ready = ready
        base = document.base_path
        self.ui = f"{base}/ui/"
        self._versions = Versions(document)
        self.tags = {
            media_type: _tag(body)
            for media_type, body in (
                ("application/json", document.json_bytes),
                ("application/yaml", document.yaml_bytes),
            )
        }
        rules: dict[str, Callable[..., flask.Response]] = {
            "/": self._index,
            base or "/": self._index,
            f"{base}/": self._index,
            f"{base}/ui": self._index,
            self.ui: self._swagger_ui,
            **{self.ui + name: partial(self._file, folder, name) for name, folder in _FILES.items()},
            f"{base}/openapi.json": self._json,
            f"{base}/openapi.yaml": self._yaml,
            **{f"{base}/openapi-{version}.json": partial(self._in_version, version) for version in VERSIONS},
            "/livez": self._livez,
            "/healthz": self._healthz,
            "/health": self._healthz,
        }
        self.rules = {rule: view for rule, view in rules.items() if not paths.has(rule)}

    def register(self, app: flask.Flask) -> None:
        """Add the pages to a Flask application."""
        for number, (rule, view) in enumerate(self.rules.items()):
            app.add_url_rule(rule, f"parley_page_{number}", view, methods=["GET"], provide_automatic_options=False)

    def methods(self, path: str) -> list[str]:
        """Return the methods that a path answers, the document's and ours."""
        ours = ("GET", "HEAD") if path in self.rules else ()
        return sorted({*self.paths.methods(path), *ours})

    def _index(self) -> flask.Response:
        # Relative, so that it is right behind a proxy that serves us below a path prefix.
        folder = flask.request.path.rpartition("/")[0] + "/"
        page = next((rule for rule in (self.ui, f"{self.document.base_path}/openapi.json") if rule in self.rules), None)
        if page is None:
            flask.abort(404)
        return flask.Response(status=307, headers={"location": page.removeprefix(folder)})

    def _swagger_ui(self) -> flask.Response:
        return self._file(_OWN, "index.html")

    def _file(self, folder: Path, name: str) -> flask.Response:
        body, tag = _content(folder / name)
        response = self._shown(body, tag, mimetypes.guess_type(name)[0])
        if folder == _ASSETS:
            response.headers["cache-control"] = "public, max-age=3600"
        response.headers["content-security-policy"] = _POLICY
        response.headers["referrer-policy"] = "no-referrer"
        return response

    def _json(self) -> flask.Response:
        return self._document(self.document.json_bytes, "application/json")

    def _yaml(self) -> flask.Response:
        return self._document(self.document.yaml_bytes, "application/yaml")

    def _in_version(self, version: Version) -> flask.Response:
        tags = flask.request.if_none_match

        async def answer() -> Reply:
            try:
                body, tag = await self._versions.read(version)
            except DocumentError:
                raise NotFound(
                    f"A reference in this document is broken, so it cannot be put in OpenAPI {version}."
                ) from None
            headers = {"etag": f'"{tag}"', **_SHOWN}
            if tags.contains_weak(tag):
                return Reply(None, 304, headers)
            return Reply(body, 200, {**headers, "content-type": "application/json"})

        return _pending(answer())

    def _document(self, body: bytes, media_type: str) -> flask.Response:
        return self._shown(body, self.tags[media_type], media_type)

    def _shown(self, body: bytes, tag: str, media_type: str | None) -> flask.Response:
        """Return an answer whose bytes all answers share: no answer has its own copy while a client reads it."""
        response = flask.Response(body, mimetype=media_type)
        response.headers["etag"] = f'"{tag}"'
        response.headers.update(_SHOWN)
        response.make_conditional(flask.request)
        return response

    def _livez(self) -> flask.Response:
        response = flask.jsonify(status="ok")
        response.headers["cache-control"] = "no-store"
        return response

    def _healthz(self) -> flask.Response:
        async def answer() -> Reply:
            ready = await self.ready()
            headers = {"cache-control": "no-store"}
            if ready:
                return Reply({"status": "ok"}, 200, headers)
            return Reply({"status": "unavailable"}, 503, {**headers, "retry-after": "1"})

        return _pending(answer())


def _pending(reply: Coroutine[Any, Any, Reply]) -> flask.Response:
    flask.request.environ[PENDING] = PendingReply(ReplyEncoder(), reply)
    return flask.Response()  # never sent: the bridge sends the coroutine's result


def _tag(body: bytes) -> str:
    return sha256(body).hexdigest()[:32]


@cache
def _content(file: Path) -> tuple[bytes, str]:
    """Return the content of one of our files, and its entity tag."""
    body = file.read_bytes()
    return body, _tag(body)
