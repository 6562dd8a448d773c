"""What a document says of a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .shapes import Shape

# Where a parameter stands, for messages.
PLACES = {
    "path": " in the path",
    "query": " in the query",
    "header": " in the headers",
    "cookie": " in the cookies",
}
# The styles of each place, its default first.
STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation.

    ``schema`` is the pointer of its schema (None: anything goes). With a ``media_type`` its text is a document of that
    type; else it is written in the ``style``.
    """

    name: str
    location: str
    required: bool
    schema: str | None
    shape: Shape
    style: str
    explode: bool
    allow_empty: bool = False
    media_type: str | None = None
    is_namesake: bool = False

    @property
    def key(self) -> str:
        """What handlers know it by: its name, after its place where the operation has that name in two."""
        return f"{self.location}-{self.name}" if self.is_namesake else self.name

    @property
    def place(self) -> str:
        return PLACES.get(self.location, "")

    @property
    def is_text(self) -> bool:
        """Whether it is one text as a whole, whatever is in it."""
        return self.media_type is not None or not (self.shape.is_array or self.shape.is_object)


def style_of(node: Mapping[str, Any], location: str) -> tuple[str, bool]:
    """The style and explode of a Parameter Object, or of an Encoding Object (as of a query), with their defaults."""
    style = str(node.get("style") or STYLES.get(location, ("simple",))[0])
    return style, bool(node.get("explode", style == "form"))
