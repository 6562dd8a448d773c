"""Schemas of all kinds for the tests of their grammars, each with values that its grammar must let a model say."""

from __future__ import annotations

from typing import Any

_ADDRESS: Any = {
    "type": "object",
    "properties": {"street": {"type": "string"}, "zip": {"type": "string", "pattern": r"^\d{5}$"}},
    "required": ["street"],
}
_TREE: Any = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}


def _kind(name: str, **properties: Any) -> Any:
    return {
        "type": "object",
        "properties": {"kind": {"const": name}, **properties},
        "required": ["kind", *properties],
        "additionalProperties": False,
    }


TABLE: list[tuple[Any, list[Any]]] = [
    ({}, [None, 1.5, "a", [1, {"a": []}], {"a": {"b": [True]}}]),
    ({"description": "anything"}, [0, "text"]),
    ({"type": "object"}, [{}, {"a": 1, "b": [{"c": None}]}]),
    ({"type": "array"}, [[], [1, "a", [2]]]),
    ({"type": "string"}, ["", "Grüße, 世界 🌍", 'say "hi"\n\t\\o/', "\x00\x7f"]),
    ({"type": "number"}, [0, -1, 3.14, 1e20, 2.5e-07, -0.001, 123456789012345]),
    ({"type": "integer"}, [0, -1, 7, 123456789012345]),
    ({"type": "boolean"}, [True, False]),
    ({"type": "null"}, [None]),
    ({"type": ["string", "null"]}, ["a", None]),
    ({"type": ["integer", "string", "array"]}, [3, "a", [None]]),
    ({"const": {"a": [1, 1.5, "x"]}}, [{"a": [1, 1.5, "x"]}]),
    ({"const": 'Ärger "x" \\ \n'}, ['Ärger "x" \\ \n']),
    ({"enum": ["a", "ab", "abc", "b", 1, 1.5, None, True, [1], {"a": 2}]}, ["ab", 1, None, [1], {"a": 2}]),
    ({"type": "string", "enum": ["red", "green", 3, "read"]}, ["red", "read"]),
    ({"type": "integer", "enum": [1, 2, 30], "minimum": 2}, [2, 30]),
    ({"minLength": 2, "maxLength": 4}, ["ab", "äöü€"]),
    ({"type": "string", "minLength": 3}, ["abc", "a" * 50]),
    ({"type": "string", "maxLength": 3}, ["", "\n\n\n", "🌍🌍🌍"]),
    ({"type": "string", "minLength": 1500, "maxLength": 9000}, ["a" * 1500, "b" * 2499, "c" * 4001]),
    ({"type": "string", "maxLength": 0}, [""]),
    ({"type": "string", "pattern": r"^[A-Z]{2}\d{2,4}$"}, ["AB12", "ZZ9999"]),
    ({"type": "string", "pattern": "foo"}, ["foo", "a foo\nb", "ffoofoo"]),
    ({"type": "string", "pattern": "^foo"}, ["foo", "foo bar"]),
    ({"type": "string", "pattern": "foo$"}, ["foo", "a foo"]),
    ({"type": "string", "pattern": "^a|b$"}, ["a", "ac", "cb"]),
    ({"type": "string", "pattern": "(^a$|^bc*$)"}, ["a", "b", "bccc"]),
    ({"type": "string", "pattern": r"^(?:[^\s@]+@[^\s@]+\.[a-z]{2,})$"}, ["jane.doe+x@example.co", "ü@ö.de"]),
    ({"type": "string", "pattern": r"^\w+(?:-\w+)*$", "maxLength": 12}, ["a", "foo-bar_1"]),
    ({"type": "string", "pattern": r"^\+?[1-9]\d{1,14}$", "minLength": 5}, ["+4930123456", "49301"]),
    ({"type": "string", "pattern": r'^["\\/\n\t\x41\u00e9.-]*?$'}, ['"\\/\n\tAé.-']),
    ({"type": "string", "pattern": r"^(a*)*b+?[^a-z\]]{0,3}$"}, ["b", "aabb", "b]"[:1], "bÄ1"]),
    ({"type": "string", "pattern": "^.+$"}, ["Grüße", 'a "quoted" text']),
    ({"type": "string", "pattern": r"^#(?:[0-9a-fA-F]{3}){1,2}$"}, ["#fff", "#00AAff"]),
    ({"type": "string", "format": "date-time"}, ["2024-02-29T23:59:59Z", "1999-12-31T00:00:00.123+05:30"]),
    ({"type": "string", "format": "time"}, ["12:34:56Z", "00:00:00.5-08:00"]),
    ({"type": "string", "format": "date"}, ["2024-02-29", "2000-02-29", "1999-04-30", "0001-01-01"]),
    ({"type": "string", "format": "duration"}, ["P3D", "PT15M", "P1Y2M3DT4H5M6S", "P2W"]),
    ({"type": "string", "format": "email"}, ["jane.o'neil+tag@mail.example-site.co.uk", "a@b.de"]),
    ({"type": "string", "format": "hostname"}, ["localhost", "ec2-1-2-3-4.eu-west-1.compute.amazonaws.com"]),
    ({"type": "string", "format": "ipv4"}, ["0.0.0.0", "192.168.1.255"]),
    ({"type": "string", "format": "ipv6"}, ["::1", "2001:db8::8a2e:370:7334", "fe80:0:0:0:0:0:0:1", "::ffff:10.0.0.1"]),
    ({"type": "string", "format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"]),
    ({"type": "string", "format": "date", "pattern": "^20"}, ["2024-02-29"]),
    ({"type": "string", "format": "email", "maxLength": 20}, ["jane@example.com"]),
    ({"type": "integer", "minimum": 0}, [0, 5, 123456789]),
    ({"type": "integer", "minimum": 1, "maximum": 65535}, [1, 80, 65535]),
    ({"type": "integer", "minimum": -273, "maximum": -17}, [-273, -99, -17]),
    ({"type": "integer", "exclusiveMinimum": -1.5, "exclusiveMaximum": 3}, [-1, 0, 2]),
    ({"type": "integer", "minimum": -(2**53), "maximum": 2**53}, [-(2**53), 2**53, 0]),
    ({"type": "integer", "minimum": 2**53}, [2**53, 2**53 + 1]),
    ({"type": "integer", "multipleOf": 5, "minimum": 3}, [5, 1000]),
    ({"type": "number", "multipleOf": 3}, [0, 3, -9]),
    ({"type": "number", "multipleOf": 0.01}, [0, 19.99, -5.5]),
    ({"type": "number", "minimum": 0, "maximum": 1}, [0, 0.5, 1, 0.999, 1.0]),
    ({"type": "number", "exclusiveMinimum": 0}, [0.01, 19.99, 1000000]),
    ({"type": "number", "minimum": -90, "maximum": 90}, [-90, 45.123456, 0, -0.5]),
    ({"type": "number", "minimum": 1.25, "exclusiveMaximum": 1.5}, [1.25, 1.3, 1.499999]),
    ({"type": "array", "items": {"type": "integer"}}, [[], [1], [1, 2, 3]]),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}, [["a"], ["a", "b", "c"]]),
    ({"items": {"type": "null"}, "minItems": 2}, [[None, None], [None] * 5]),
    ({"type": "array", "items": {"type": "boolean"}, "maxItems": 5000}, [[], [True] * 1200]),
    ({"type": "array", "items": False}, [[]]),
    ({"prefixItems": [{"type": "number"}, {"type": "string"}], "items": False}, [[], [1], [1, "a"]]),
    ({"prefixItems": [{"type": "null"}], "items": {"type": "integer"}, "minItems": 2}, [[None, 1], [None, 1, 2]]),
    ({"prefixItems": [{"const": 1}, {"const": 2}], "minItems": 1, "maxItems": 3}, [[1], [1, 2], [1, 2, "x"]]),
    (_ADDRESS, [{"street": "Hauptstr. 1"}, {"street": "a", "zip": "12345"}]),
    ({"properties": {"a": {}, "b": {}, "c": {}}}, [{}, {"a": 1}, {"c": 2}, {"a": 1, "c": 3}, {"b": 2}]),
    (
        {"properties": {n: {"type": "integer"} for n in "abcde"}, "required": ["b", "d"]},
        [{"b": 1, "d": 2}, {"a": 0, "b": 1, "c": 5, "d": 2, "e": 3}, {"b": 1, "d": 2, "e": 3}],
    ),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"x": 1, "y z": 2}]),
    ({"type": "object", "additionalProperties": False}, [{}]),
    ({"type": "object", "required": ["a"], "additionalProperties": {"type": "integer"}}, [{"a": 1}]),
    ({"type": "object", "properties": {"a": False, "b": True}}, [{}, {"b": [1]}]),
    ({"type": "object", "patternProperties": {"^x-[a-z]+$": {"type": "integer"}}}, [{}, {"x-a": 1, "x-bc": 2}]),
    (
        {"type": "object", "patternProperties": {"^a": {"type": "integer"}, "^b": {"type": "string"}}},
        [{"a1": 1, "b": "x"}],
    ),
    (
        {"properties": {"ab": {"minimum": 3}, "c": {}}, "patternProperties": {"^a": {"type": "integer"}}},
        [{"ab": 3, "c": "x"}],
    ),
    (_TREE, [{"name": "a"}, {"name": "a", "children": [{"name": "b", "children": []}, {"name": "c"}]}]),
    (
        {"type": "object", "properties": {"next": {"$ref": "#"}, "v": {"type": "integer"}}},
        [{"next": {"next": {"v": 1}}}],
    ),
    (
        {"definitions": {"p/q~r": {"type": "integer"}}, "items": {"$ref": "#/definitions/p~1q~0r"}, "type": "array"},
        [[1, 2]],
    ),
    ({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}, {"type": "null"}]}, [1, "abc", None]),
    ({"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}], "$defs": {"a": _ADDRESS}}, [None, {"street": "x"}]),
    ({"anyOf": [{"type": "integer"}, False, {"allOf": [{"type": "null"}, {"type": "string"}]}]}, [3]),
    ({"oneOf": [_kind("a", x={"type": "integer"}), _kind("b", y={"type": "string"})]}, [{"kind": "b", "y": "z"}]),
    ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "B"}]}, ["a", "b"]),
    (
        {
            "oneOf": [
                {"properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "type": "object"},
                {"properties": {"kind": {"const": "b"}, "y": {"type": "integer"}}, "type": "object"},
            ]
        },
        [{"kind": "a", "x": 1}, {"kind": "b"}],
    ),
    (
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object", "properties": {"c": {"const": 1}}},
        [{"c": 1, "a": 1}, {"c": 1, "b": 2}],
    ),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        [{"a": "x"}, {"b": 2}, {"a": "x", "b": 2}],
    ),
    (
        {
            "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}],
            "$defs": {"base": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
        },
        [{"a": "x", "b": 1}],
    ),
    ({"allOf": [{"type": "integer", "minimum": 3}, {"type": "number", "maximum": 9}]}, [3, 9]),
    ({"allOf": [{"pattern": "^a"}, {"pattern": "b$"}, {"type": "string"}]}, ["ab", "a b"]),
    ({"allOf": [{"properties": {"a": {"minimum": 2}}}, {"properties": {"a": {"type": "integer"}}}]}, [{"a": 2}]),
    ({"$ref": "#/$defs/a", "maxLength": 3, "$defs": {"a": {"type": "string"}}}, ["abc"]),
    ({"type": "array", "items": {"enum": [f"value {n}" for n in range(300)]}}, [["value 7", "value 299"]]),
    ({"type": "object", "properties": {f"p{n}": {"type": "integer"} for n in range(60)}}, [{"p3": 1, "p59": 2}]),
]

# What no text fits, or no grammar of ours says.
UNSAYABLE: list[Any] = [
    {"type": "string", "pattern": r"^\p{L}+$"},
    {"type": "string", "pattern": "(?i)a"},
    {"type": "string", "pattern": "[a[b]"},
    {"type": "string", "pattern": r"^(?:a|b)*a(?:a|b){13}$"},
    {"type": "number", "multipleOf": 2.5},
    {"type": "integer", "multipleOf": 9973},
    {"oneOf": [{"type": "integer"}, {"type": "number"}]},
    {"oneOf": [{"const": "a", "minimum": 3}, {"type": "string"}]},
    {"oneOf": [{"const": {"a": 1}}, {"type": "object", "properties": {"b": {}}}]},
    {"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]},
    {"type": "string", "minLength": 3, "maxLength": 2},
    {"type": "string", "pattern": "^a$", "minLength": 2},
    {"type": "integer", "minimum": 2.1, "maximum": 2.9},
    {"type": "array", "items": False, "minItems": 1},
    {"type": "array", "minItems": 3, "maxItems": 2},
    {"type": "object", "properties": {"a": False}, "required": ["a"]},
    {"type": "object", "required": ["a"], "additionalProperties": False},
    {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    {"type": "string", "enum": [1, 2]},
    {"allOf": [{"type": "string"}, {"type": "integer"}]},
    {"patternProperties": {"^a": {"type": "integer"}, "b$": {"type": "string"}}, "type": "object"},
    {"allOf": [{"anyOf": [{"minimum": n} for n in range(40)]}] * 2},
]
