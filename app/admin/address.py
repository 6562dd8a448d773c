"""The address of the operators' API, as the settings give it and as its listening socket is called."""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass

from ..errors import ConfigurationError
from ..settings import Settings
from ..web.keys import is_loopback

# The name of a listening socket: host and port, or a path.
Name = tuple[str, int] | str

_SOCKET = "unix:"


@dataclass(frozen=True, slots=True)
class Bind:
    """An address. ``text`` is what gunicorn is told, ``name`` what the listening socket is called then."""

    text: str
    name: Name

    @property
    def is_local(self) -> bool:
        """Whether it can be reached from this machine only."""
        return isinstance(self.name, str) or is_loopback(self.name[0])

    def shown(self, scheme: str, path: str) -> str:
        """Return where a path of the API is, for people."""
        if isinstance(self.name, str):
            return f"{path} at {self.text}"
        host, port = self.name
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{path}"

    def is_called(self, name: object) -> bool:
        """Whether a listening socket of a name, as ``getsockname`` returns it, is this one."""
        if isinstance(name, tuple):
            with contextlib.suppress(ValueError):  # a host name is not ours
                name = _named(str(name[0]), int(name[1]))
        return name == self.name


def read_bind(text: str) -> Bind:
    """Return the address that a text means.

    Raises:
        ConfigurationError: it is none.
    """
    if text.startswith(_SOCKET):
        path = text.removeprefix(_SOCKET).removeprefix("//")
        if path.startswith("/") and path.isprintable():
            return Bind(f"{_SOCKET}{path}", path)
        raise _unreadable()
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host.lower() == "localhost" else host
    bare = host.removeprefix("[").removesuffix("]")
    try:
        if (":" in bare) != host.startswith("[") or not 1 <= int(port) <= 65535 or not port.isdecimal():
            raise _unreadable()
        name = _named(bare, int(port))
    except ValueError:
        raise _unreadable() from None
    return Bind(f"{host}:{int(port)}", name)


def bind_of(settings: Settings) -> Bind | None:
    """Return the address that the settings give, None if they give none.

    Raises:
        ConfigurationError: it is no address, or the one of the clients' API.
    """
    if settings.admin_bind is None:
        return None
    bind = read_bind(settings.admin_bind)
    if bind.name == (settings.host, settings.port):
        raise ConfigurationError(
            "PARLEY_ADMIN_BIND must not be the address of the clients' API, which PARLEY_HOST and PARLEY_PORT give."
        )
    return bind


def _named(host: str, port: int) -> tuple[str, int]:
    """Return host and port in the form in which all spellings of an address are equal."""
    return str(ipaddress.ip_address(host)), port


def _unreadable() -> ConfigurationError:
    return ConfigurationError(
        "PARLEY_ADMIN_BIND must be an IP address with a port, such as 127.0.0.1:8081 or [::1]:8081, or unix: and an "
        "absolute path."
    )
