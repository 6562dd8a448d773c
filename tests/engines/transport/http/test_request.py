"""What is sent is one request to the server that is meant."""

from __future__ import annotations

import pytest

from app.engines.transport.http.request import Fields, Origin, Target, head


@pytest.mark.parametrize(
    ("url", "origin", "authority", "path"),
    [
        ("http://a/v1/x", Origin("a", 80, False), "a", "/v1/x"),
        ("https://A.example", Origin("a.example", 443, True), "a.example", "/"),
        ("http://a:8000/v1/a b?c=d", Origin("a", 8000, False), "a:8000", "/v1/a%20b?c=d"),
        ("http://[::1]:8000/x", Origin("::1", 8000, False), "[::1]:8000", "/x"),
        ("https://a:443/x", Origin("a", 443, True), "a", "/x"),
        ("http://a:443/x", Origin("a", 443, False), "a:443", "/x"),
    ],
)
def test_an_address_is_taken_apart(url: str, origin: Origin, authority: str, path: str) -> None:
    target = Target(url)
    assert (target.origin, target.authority, target.path) == (origin, authority, path)


def test_a_request_has_its_line_the_host_the_fields_and_the_length_of_its_body() -> None:
    target, fields = Target("http://a:8000/v1/x"), Fields([("Accept", "*/*"), ("X-Ä".replace("Ä", "A"), "é")])
    common = "Host: a:8000\r\nAccept: */*\r\nX-A: é\r\n".encode()
    assert head(target, fields, None) == b"GET /v1/x HTTP/1.1\r\n" + common + b"\r\n"
    assert head(target, fields, b"{}") == b"POST /v1/x HTTP/1.1\r\n" + common + b"Content-Length: 2\r\n\r\n"
    assert head(target, fields, b"").endswith(b"Content-Length: 0\r\n\r\n")


def test_fields_are_found_in_any_case_and_the_last_one_of_a_name_counts() -> None:
    fields = Fields([("Accept", "a"), ("accept", "b"), ("X-Other", "c")])
    assert (fields.get("ACCEPT"), fields.get("x-other"), fields.get("none")) == ("b", "c", None)
    assert fields.encoded == b"accept: b\r\nX-Other: c\r\n"
    assert fields.only("X-Other", "None").encoded == b"X-Other: c\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("A", "b\r\nC: d"), ("A", "b\nC: d"), ("A", "b\0"), ("A:", "b"), ("A b", "c"), ("", "b"), ("A\r\n", "b")],
)
def test_no_field_can_write_another_one(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        Fields([(name, value)])
