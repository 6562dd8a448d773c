"""What an application is told about a request."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from .connecting import Client, Refusing, connect, hello, run, until


def test_the_scope_says_what_was_asked() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    async def body(worker: Refusing) -> None:
        worker.state["left"] = "by the application"
        for fields in (b"X-Forwarded-Proto: https\r\n", b""):
            client = Client()
            connect(worker, client).received(b"GET /a%C3%A4%2Fb?c=%20d HTTP/1.0\r\n" + fields + b"X-Y: z\r\n\r\n")
            await until(client.closed.is_set)
        behind, direct = scopes
        assert (behind["scheme"], direct["scheme"]) == ("https", "http")
        assert direct["headers"] == [(b"x-y", b"z")]
        assert direct["path"] == "/aä/b"
        assert direct["raw_path"] == b"/a%C3%A4%2Fb"
        assert direct["query_string"] == b"c=%20d"
        assert (direct["method"], direct["http_version"], direct["root_path"]) == ("GET", "1.0", "")
        assert direct["state"] == {"left": "by the application"}
        assert direct["state"] is not worker.state

    run(body, app)
