"""The address of the operators' API: what it may be, and which listening socket it is."""

from __future__ import annotations

import pytest

from app.admin.address import bind_of, read_bind
from app.errors import ConfigurationError
from app.settings import Settings


@pytest.mark.parametrize(
    ("text", "told", "name", "shown"),
    [
        ("127.0.0.1:8081", "127.0.0.1:8081", ("127.0.0.1", 8081), "http://127.0.0.1:8081/x"),
        ("localhost:8081", "127.0.0.1:8081", ("127.0.0.1", 8081), "http://127.0.0.1:8081/x"),
        ("[::1]:8081", "[::1]:8081", ("::1", 8081), "http://[::1]:8081/x"),
        ("[0:0::1]:80", "[0:0::1]:80", ("::1", 80), "http://[::1]:80/x"),
        ("0.0.0.0:65535", "0.0.0.0:65535", ("0.0.0.0", 65535), "http://0.0.0.0:65535/x"),
        ("unix:/run/a b.sock", "unix:/run/a b.sock", "/run/a b.sock", "/x at unix:/run/a b.sock"),
        ("unix:///run/a.sock", "unix:/run/a.sock", "/run/a.sock", "/x at unix:/run/a.sock"),
    ],
)
def test_an_address_is_read_as_gunicorn_takes_it(text: str, told: str, name: object, shown: str) -> None:
    bind = read_bind(text)
    assert (bind.text, bind.name, bind.shown("http", "/x")) == (told, name, shown)


@pytest.mark.parametrize(
    "text",
    [
        *("8081", "127.0.0.1", "127.0.0.1:", ":8081", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x"),
        *("::1:8081", "[127.0.0.1]:80", "[::1]", "host.example:80", "unix:", "unix:run.sock", "unix:/a\nb", "fd://3"),
        *("127.0.0.1:+80", "127.0.0.1:8 0", "tcp://127.0.0.1:80"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^PARLEY_ADMIN_BIND must be an IP address with a port"):
        read_bind(text)


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("127.0.0.1:80", True),
        ("127.9.9.9:80", True),
        ("[::1]:80", True),
        ("unix:/run/a.sock", True),
        ("0.0.0.0:80", False),
        ("[::]:80", False),
        ("10.0.0.1:80", False),
    ],
)
def test_it_is_known_whether_others_can_reach_it(text: str, local: bool) -> None:
    assert read_bind(text).is_local == local


def test_only_the_listening_socket_of_the_address_is_called_so() -> None:
    bind = read_bind("[0::1]:8081")
    assert bind.is_called(("::1", 8081, 0, 0))
    for name in (("::1", 8080, 0, 0), ("127.0.0.1", 8081), ("", 8081), ("localhost", 8081), "::1", None, b"", ()[:0]):
        assert not bind.is_called(name or None)
    assert read_bind("unix:/run/a.sock").is_called("/run/a.sock")
    assert not read_bind("unix:/run/a.sock").is_called("")


def test_the_address_of_the_clients_is_refused() -> None:
    assert bind_of(Settings()) is None
    with pytest.raises(ConfigurationError, match="must not be the address of the clients' API"):
        bind_of(Settings(admin_bind="localhost:8080"))
