"""Formats are held, and both validators agree on them."""

from typing import Any

import pytest

from app.contract.document import Document
from app.contract.formats import FORMATS
from app.contract.schemas import Schemas

CASES: dict[str, tuple[list[str], list[str]]] = {
    "byte": (["", "AA==", "aGVsbG8="], ["A", "AA=", "a b=", "%%%%"]),
    "date": (["2024-02-29"], ["2023-02-29", "20240229", "2024-2-9", "x"]),
    "date-time": (
        ["2024-01-01T00:00:00Z", "2024-01-01t00:00:00.5+01:00", "2024-06-30T23:59:60Z"],
        ["2024-01-01 00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00", "2024-01-01"],
    ),
    "duration": (["P1D", "PT1H", "P3W", "P1Y2M3DT4H5M6S"], ["P", "PT", "P1W2D", "1D"]),
    "email": (["a@b", "a.b@c.de", '"x y"@b.c'], ["a", "@b", "a@", "a b@c", "a@-b"]),
    "hostname": (["localhost", "a.b", "a-b.c1"], ["-a.b", "a_b.c", "a..b", "a" * 64]),
    "ipv4": (["1.2.3.4"], ["1.2.3", "01.2.3.4", "1.2.3.256"]),
    "ipv6": (["::1", "1:2:3:4:5:6:7:8"], ["::g", "1.2.3.4", "1:2"]),
    "json-pointer": (["", "/a", "/a~1b/~0"], ["a", "/~2"]),
    "regex": (["a", "^[a-z]+$"], ["[", "(", "*"]),
    "time": (["10:00:00Z", "10:00:00.25-01:30"], ["10:00:00", "24:00:00Z", "10:60:00Z"]),
    "uri": (["http://a", "a:b", "data:image/png;base64,AA=="], ["/a", "http://a b", "x"]),
    "uri-reference": (["/a", "", "a?b#c"], ["a b", "\\"]),
    "uuid": (["00000000-0000-0000-0000-000000000000"], ["x", "00000000000000000000000000000000"]),
}


def test_every_format_is_in_the_cases() -> None:
    assert set(CASES) == set(FORMATS)


@pytest.mark.parametrize("backend", ["jsonschema-rs", "jsonschema"])
@pytest.mark.parametrize("name", CASES)
def test_a_format_is_held(name: str, backend: str) -> None:
    schemas: dict[str, Any] = {"S": {"type": ["string", "integer"], "format": name}}
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}})
    validator = Schemas(document, backend=backend).validator("/components/schemas/S")
    good, bad = CASES[name]
    assert [text for text in good if not validator.is_valid(text)] == []
    assert [text for text in bad if validator.is_valid(text)] == []
    assert validator.is_valid(1)  # formats of strings say nothing about numbers


def test_a_format_that_is_not_known_is_no_rule() -> None:
    schemas = {"S": {"type": "string", "format": "colour"}}
    document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}})
    for backend in ("jsonschema-rs", "jsonschema"):
        assert Schemas(document, backend=backend).validator("/components/schemas/S").is_valid("x")
