"""For random schemas that some value is known to fit, samples are found: the search is better than luck."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from app.contract.document import Document
from app.contract.schemas import Schemas
from app.documents.samples.samples import Samples

POINTER = "/components/schemas/S"


class RandomSchemas(random.Random):
    """Throws values, and schemas that a value fits, most often."""

    def value(self, depth: int = 0) -> Any:
        kind = self.choice(
            ["text", "integer", "number", "boolean", "null", *(["array", "object"] * 2)[: 4 - 2 * depth]]
        )
        if kind == "text":
            return "".join(self.choice("ab1-") for _ in range(self.randint(0, 6)))
        if kind == "integer":
            return self.randint(-20, 20)
        if kind == "number":
            return self.randint(-40, 40) / 4
        if kind == "array":
            return [self.value(depth + 1) for _ in range(self.randint(0, 3))]
        if kind == "object":
            return {self.choice("abcde"): self.value(depth + 1) for _ in range(self.randint(0, 3))}
        return None if kind == "null" else self.random() < 0.5

    def schema(self, value: Any, depth: int = 0) -> dict[str, Any]:
        other = self.schema(self.value(2), depth + 2) if depth < 4 else {"type": "null"}
        if depth < 4 and self.random() < 0.35:
            own, again = self.schema(value, depth + 1), self.schema(value, depth + 1)
            combined: dict[str, Any] = self.choice(
                [
                    {"allOf": [own, again]},
                    {"anyOf": [other, own]},
                    {"oneOf": [other, own]},
                    {"not": other, **own},
                    {"if": other, "then": own, "else": again},
                ]
            )
            return combined
        if self.random() < 0.1:
            return self.choice([{"const": value}, {"enum": [self.value(2), value]}])
        rules = self._rules(value, depth)
        return {"type": self._type(value), **{k: v for k, v in rules.items() if self.random() < 0.5}}

    def _type(self, value: Any) -> Any:
        names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
        name = names.get(type(value), "object")
        return name if self.random() < 0.8 else [name, *({"string", "null"} - {name})]

    def _rules(self, value: Any, depth: int) -> dict[str, Any]:
        if isinstance(value, str):
            patterns = ["^[ab1-]*$", "^[a-z0-9-]{0,8}$", "^(?!c)", f"^{value}", f"{value}$"]
            return {"minLength": len(value), "maxLength": len(value) + 1, "pattern": self.choice(patterns)}
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            step = {"multipleOf": self.choice([abs(value), 0.25])} if value else {}
            return {
                "minimum": value - 1,
                "maximum": value + self.choice([0, 0.5]),
                "exclusiveMaximum": value + 1,
                **step,
            }
        if isinstance(value, list):
            rules: dict[str, Any] = {"minItems": len(value), "maxItems": len(value) + 1}
            if value:
                rules["prefixItems"] = [self.schema(item, depth + 1) for item in value]
                rules["contains"] = self.schema(self.choice(value), depth + 1)
            return {**rules, "uniqueItems": len({json.dumps(item) for item in value}) == len(value)}
        if isinstance(value, dict):
            properties = {name: self.schema(item, depth + 1) for name, item in value.items()}
            names = list(value)
            return {
                "properties": {**properties, "z": self.schema(self.value(2), depth + 1)},
                "required": names,
                "minProperties": len(value),
                "maxProperties": len(value) + 1,
                "propertyNames": {"pattern": "^[a-z]$"},
                "dependentRequired": dict.fromkeys(names, names),
                "patternProperties": {"^y": self.schema(self.value(2), depth + 1)},
            }
        return {}


@pytest.mark.parametrize("seed", range(4))
def test_a_sample_is_found_for_every_schema_that_something_fits(seed: int) -> None:
    generator = RandomSchemas(seed)
    tried = 0
    for _ in range(400):
        value = generator.value()
        schema = generator.schema(value)
        document = Document({"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"S": schema}}})
        schemas = Schemas(document)
        if not schemas.validator(POINTER).is_valid(value):
            continue
        tried += 1
        referee = Schemas(document, backend="jsonschema").validator(POINTER)
        samples = Samples(schemas)
        for sample in (samples.sample(POINTER), samples.sample(POINTER, 1)):
            assert samples.fits(POINTER, sample), (schema, sample)
            assert referee.is_valid(sample), (schema, sample)
    assert tried > 250
