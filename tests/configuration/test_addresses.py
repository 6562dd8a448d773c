"""An upstream that is this server itself is refused, by whatever name; another server on this machine is not."""

from __future__ import annotations

import socket

import pytest

from app.configuration.addresses import refuse_own
from app.configuration.keys import Configuration, Entry, ModelKeys
from app.errors import ConfigurationError


def configuration(url: str) -> Configuration:
    keys = ModelKeys(engine="upstream", base_urls=("http://192.0.2.1:1/v1", url))
    return Configuration(models=(Entry(id="m", at="models.m", source="p.toml", keys=keys),))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.1", "0.0.0.0", "2130706433"])
@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0", "", "::", "localhost"])
def test_loopback_by_any_name_is_this_server_where_it_listens_there(host: str, listening: str) -> None:
    with pytest.raises(ConfigurationError, match=r"p\.toml: models\.m\.base_urls\[1\] is this server's own address"):
        refuse_own(configuration(f"http://{host}:8080/v1"), [(listening, 8080)])


def test_a_name_that_leads_to_an_address_of_this_machine_is_this_server_when_it_listens_on_all() -> None:
    with pytest.raises(ConfigurationError):
        refuse_own(configuration(f"http://{socket.gethostname()}:8080/v1"), [("0.0.0.0", 8080)])


def test_the_port_of_a_scheme_counts() -> None:
    with pytest.raises(ConfigurationError):
        refuse_own(configuration("https://127.0.0.1/v1"), [("0.0.0.0", 443, 0, 0)])
    refuse_own(configuration("http://127.0.0.1/v1"), [("0.0.0.0", 443)])


@pytest.mark.parametrize(
    ("url", "listening"),
    [
        ("http://127.0.0.1:8081/v1", ("127.0.0.1", 8080)),
        ("http://127.0.0.2:8080/v1", ("127.0.0.1", 8080)),
        ("http://192.0.2.7:8080/v1", ("0.0.0.0", 8080)),
        ("http://nowhere.invalid:8080/v1", ("0.0.0.0", 8080)),
        ("http://127.0.0.1:8080/v1", "/run/parley.sock"),
        ("http://127.0.0.1:8080/v1", ("127.0.0.1", 0)),
    ],
)
def test_other_servers_are_left_alone(url: str, listening: object) -> None:
    refuse_own(configuration(url), [listening])
