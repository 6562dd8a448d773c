"""What requests to the bundled engine are made of."""

from __future__ import annotations

from typing import Any

from app.jsontypes import Json

HELLO = [{"role": "user", "content": "Hello!"}]
CITY: Json = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def function(name: str, parameters: Json | None = None, **more: Any) -> Json:
    return {
        "type": "function",
        "function": {"name": name, **({"parameters": parameters} if parameters else {}), **more},
    }


def custom(name: str, definition: str = "[0-9]+", syntax: str = "regex") -> Json:
    grammar = {"syntax": syntax, "definition": definition}
    return {"type": "custom", "custom": {"name": name, "format": {"type": "grammar", "grammar": grammar}}}


def form(schema: Json) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}


PLAIN, STRICT, SUM = function("weather", CITY), function("weather", CITY, strict=True), custom("sum")
MOOD: Json = {"enum": ["good", "bad"]}
NAMED = {"type": "function", "function": {"name": "weather"}}
