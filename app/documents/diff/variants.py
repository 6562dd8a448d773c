"""The branches of a union, and how one of another document is known to be the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .forms import Form, Forms


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A branch of a union: by the name of its component, its tag, its shape or its types it is found again.

    ``tags`` are the properties with one value, by which it is told from the others; ``kinds`` its types, None for any.
    """

    node: Any
    name: str
    tags: tuple[tuple[str, str], ...]
    shape: str
    types: str
    kinds: frozenset[str] | None

    @classmethod
    def of(cls, forms: Forms, node: Any) -> Variant:
        """The branch that a schema is."""
        form = forms.form(node)
        tags = []
        for name, schema in form.properties.items():
            values = forms.form(schema).enum
            if name in form.required and values is not None and len(values) == 1:
                tags.append((name, str(values[0])))
        items = types_text(forms.form(form.items)) if form.items is not None else ""
        shape = f"{types_text(form)} {items} {sorted(form.properties)} {sorted(form.required)}"
        return cls(node, forms.name(node), tuple(tags), shape, types_text(form), _kinds(forms, form, 0))

    @property
    def tag(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.tags)

    @property
    def label(self) -> str:
        return self.name or self.tag or self.types

    def excludes(self, other: Variant) -> bool:
        """Whether nothing fits both."""
        if self.kinds is not None and other.kinds is not None and not self.kinds & other.kinds:
            return True
        theirs = dict(other.tags)
        return any(name in theirs and theirs[name] != value for name, value in self.tags)


def _kinds(forms: Forms, form: Form, depth: int) -> frozenset[str] | None:
    if form.types is not None:
        return form.types
    branches = [_kinds(forms, forms.form(node), depth + 1) for node in form.variants] if depth < 8 else []
    if not branches or None in branches:
        return None
    return frozenset(kind for branch in branches if branch for kind in branch)


def types_text(form: Form) -> str:
    """The types of a form in words."""
    if form.types is None:
        return "any"
    kinds = sorted(form.types - ({"integer"} if "number" in form.types else set()))
    text = " or ".join(kinds) or "nothing"
    return text + " of an enum" if form.enum is not None and kinds == ["string"] else text
