"""The security functions: they find the key that a request sends, according to the document's security schemes.

Connexion requires one function per security scheme. They run on the event loop, so they only hash and compare; a key
that is not known yet is waited for.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope

from ..accounts import Client
from ..errors import Unauthorized
from ..frameworks.connexion import SecurityHandler, security_handler
from ..jsontypes import Json
from .exchange import Exchange
from .keys import Directory, is_loopback

# Returns the credential that a request sends for a scheme; None: it sends none.
Reader = Callable[[Scope], str | None]


def security_handlers(keys: Directory, *, loopback_only: bool = False) -> dict[str, SecurityHandler]:
    """Return Connexion's handlers by kind of scheme; they accept the keys of a directory. The kinds are ``bearer``
    (RFC 6750), ``basic`` (RFC 7617, the password is a key) and ``apiKey``.

    ``loopback_only`` refuses every key on connections to an address other than loopback. Our startup hook already
    refuses to listen there when the only key is the generated one, but another server may run without that hook.
    """

    def identify(read: Reader, scope: Scope) -> str | Coroutine[Any, Any, str] | None:
        if loopback_only and not is_loopback((scope.get("server") or ("localhost",))[0]):
            raise Unauthorized(
                "This address can be reached from other machines, and the server has only the key that it made "
                "for itself. Configure a key."
            )
        token = read(scope)
        if not token:
            return None
        client = keys.find(token)
        # Most keys are known: then no coroutine is made.
        return _accept(scope, client) if client is None or isinstance(client, Client) else _wait(scope, client)

    def handler(reader: Callable[[Json], Reader]) -> SecurityHandler:
        return security_handler(lambda scheme: partial(identify, reader(scheme)))

    return {
        "bearer": handler(lambda _scheme: _read_bearer),
        "basic": handler(lambda _scheme: _read_basic),
        "apiKey": handler(lambda scheme: _api_key_reader(scheme["in"], scheme["name"])),
    }


async def _wait(scope: Scope, client: Coroutine[Any, Any, Client | None]) -> str:
    return _accept(scope, await client)


def _accept(scope: Scope, client: Client | None) -> str:
    if client is None:
        raise Unauthorized("Incorrect API key provided.")
    Exchange.of(scope).client = client
    return client.name


def _authorization(scope: Scope) -> tuple[str, str]:
    """Return the scheme, in lower case, and the credentials."""
    given = _headers(scope, b"authorization")
    if len(given) > 1:
        raise Unauthorized("There is more than one Authorization header. Send one.")
    scheme, _, credentials = given[0].strip(" \t").partition(" ") if given else ("", "", "")
    return scheme.lower(), credentials.strip(" \t")


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _read_bearer(scope: Scope) -> str | None:
    scheme, token = _authorization(scope)
    return token if scheme == "bearer" else None


def _read_basic(scope: Scope) -> str | None:
    scheme, credentials = _authorization(scope)
    if scheme != "basic":
        return None
    try:
        _user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = password = ""
    if not colon:
        raise Unauthorized("The credentials of the scheme Basic must be the base64 of user:password (RFC 7617).")
    return password


def _api_key_reader(place: str, name: str) -> Reader:
    if place == "query":
        return lambda scope: _one(name, [v for k, v in parse_qsl(scope["query_string"].decode("latin-1")) if k == name])
    if place == "cookie":
        return lambda scope: _one(name, [v for cookies in _headers(scope, b"cookie") for v in _cookie(cookies, name)])
    header = name.lower().encode("latin-1")
    if header == b"authorization":
        # Such documents mean either the bare key or the key after a scheme.
        return lambda scope: _read_bearer(scope) or (_one(name, _headers(scope, header)) or "").strip(" \t")
    return lambda scope: (_one(name, _headers(scope, header)) or "").strip(" \t")


def _one(name: str, found: list[str]) -> str | None:
    if len(found) > 1:
        raise Unauthorized(f"The API key {name} is given more than once. Send it once.")
    return found[0] if found else None


def _cookie(text: str, name: str) -> list[str]:
    cookies = SimpleCookie()
    try:
        cookies.load(text)
    except CookieError:
        return []
    return [cookies[name].value] if name in cookies else []
