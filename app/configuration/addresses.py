"""Validates addresses of upstreams: which are usable, and which point back to this server itself."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from yarl import URL

from ..errors import ConfigurationError
from .keys import Configuration

_EXAMPLE = "such as http://gpu-1:8000/v1"

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def fault_of(url: str) -> str | None:
    """What is wrong with the address of an upstream, as a phrase that follows the name of its key; None: nothing."""
    try:
        parts = URL(url)
    except (ValueError, IndexError):  # IndexError for "http://]"
        return f"must be an address, {_EXAMPLE}."
    if parts.scheme not in ("http", "https") or not parts.host:
        return f"must be an address that begins with http:// or https://, {_EXAMPLE}."
    if not url.isascii() or not url.isprintable() or " " in url or parts.explicit_port == 0:
        return f"must be an address of visible ASCII characters, with a port from 1 to 65535, {_EXAMPLE}."
    if "@" in parts.raw_authority:
        return "must not contain a user or a password. Give an API key by key_env or key_file."
    if "?" in url or "#" in url:
        return "must not have a query or a fragment. Leave out everything from the ? or # on."
    if parts.path.rstrip("/").endswith("/chat/completions"):
        return f"must end before /chat/completions, {_EXAMPLE}."
    return None


def refuse_own(configuration: Configuration, listening: Iterable[object]) -> None:
    """Validate that no upstream is this server itself. ``listening`` are the addresses that it listens on, as pairs of
    host and port; socket paths are ignored. This resolves host names, so call it only at startup.

    Raises:
        ConfigurationError: an upstream is this server; a request would loop.
    """
    own = [(str(at[0]), int(at[1])) for at in listening if isinstance(at, tuple) and len(at) >= 2 and at[1]]
    for entry in configuration.entries:
        for index, url in enumerate(entry.keys.base_urls):
            parts = URL(url)
            hosts = [host for host, listened in own if listened == parts.port]
            if hosts and _same_host(parts.host or "", hosts):
                place = entry.told(f"base_urls[{index}]") if entry.at else entry.source
                raise ConfigurationError(
                    f"{place} is this server's own address. Name the server that has the model, or make this one "
                    "listen elsewhere by PARLEY_PORT."
                )


def _same_host(host: str, listened: Iterable[str]) -> bool:
    targets = _addresses(host)
    for own in listened:
        mine = _addresses(own or "0.0.0.0")
        if any(address.is_unspecified for address in mine):
            if any(target.is_unspecified or _is_here(target) for target in targets):
                return True
        elif targets & mine or (_has_localhost(targets) and _has_localhost(mine)):
            return True
        elif any(target.is_unspecified for target in targets) and _has_localhost(mine):
            return True  # connecting to 0.0.0.0 connects to localhost
    return False


def _has_localhost(addresses: Iterable[IpAddress]) -> bool:
    return any(str(address) in ("127.0.0.1", "::1") for address in addresses)


def _addresses(host: str) -> set[IpAddress]:
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()  # cannot be resolved yet; it may be later
    addresses: set[IpAddress] = set()
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        addresses.add(mapped or address)
    return addresses


def _is_here(address: IpAddress) -> bool:
    """Whether an address belongs to this machine: only such addresses can be bound."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
