"""The branches of a union, and how a branch is matched with one of another document."""

from __future__ import annotations

from dataclasses import dataclass

from .normalized import NormalizedSchema, NormalizedSchemas


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A branch of a union. It is matched by the name of its component, its tag, its shape or its types.

    ``tags`` are the properties with one value, which distinguish it from the others; ``kinds`` its types, None for any.
    """

    node: object
    name: str
    tags: tuple[tuple[str, str], ...]
    shape: str
    types: str
    kinds: frozenset[str] | None

    @classmethod
    def of(cls, normalized: NormalizedSchemas, node: object) -> Variant:
        """Return the branch for a schema."""
        normal = normalized.of(node)
        tags = []
        for name, schema in normal.properties.items():
            values = normalized.of(schema).enum
            if name in normal.required and values is not None and len(values) == 1:
                tags.append((name, str(values[0])))
        items = types_text(normalized.of(normal.items)) if normal.items is not None else ""
        shape = f"{types_text(normal)} {items} {sorted(normal.properties)} {sorted(normal.required)}"
        return cls(node, normalized.name(node), tuple(tags), shape, types_text(normal), _kinds(normalized, normal, 0))

    @property
    def tag(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.tags)

    @property
    def label(self) -> str:
        return self.name or self.tag or self.types

    def excludes(self, other: Variant) -> bool:
        """Whether no value is valid under both branches."""
        if self.kinds is not None and other.kinds is not None and not self.kinds & other.kinds:
            return True
        theirs = dict(other.tags)
        return any(name in theirs and theirs[name] != value for name, value in self.tags)


def _kinds(normalized: NormalizedSchemas, normal: NormalizedSchema, depth: int) -> frozenset[str] | None:
    if normal.types is not None:
        return normal.types
    branches = [_kinds(normalized, normalized.of(node), depth + 1) for node in normal.variants] if depth < 8 else []
    if not branches or None in branches:
        return None
    return frozenset(kind for branch in branches if branch for kind in branch)


def types_text(normal: NormalizedSchema) -> str:
    """Return the types of a schema as text."""
    if normal.types is None:
        return "any"
    kinds = sorted(normal.types - ({"integer"} if "number" in normal.types else set()))
    text = " or ".join(kinds) or "nothing"
    return text + " of an enum" if normal.enum is not None and kinds == ["string"] else text
