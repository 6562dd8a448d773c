"""The description of a parameter in a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .shapes import Shape

# The location of a parameter, for messages.
PLACES = {
    "path": " in the path",
    "query": " in the query",
    "header": " in the headers",
    "cookie": " in the cookies",
    "querystring": " as the query string",
}
# The styles of each location, the default first.
STYLES = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
    "querystring": ("form",),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation.

    ``schema`` is the pointer of its schema (None: any value is allowed). With a ``media_type`` its text is a document
    of that type, and with ``encodings`` a form whose properties are encoded this way; else it is in the ``style``.
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
    encodings: Mapping[str, Encoding] | None = None
    is_namesake: bool = False

    @property
    def key(self) -> str:
        """The key by which handlers receive it: its name, prefixed by its location if the operation has the name in
        more than one location."""
        return f"{self.location}-{self.name}" if self.is_namesake else self.name

    @property
    def place(self) -> str:
        return PLACES.get(self.location, "")

    @property
    def is_text(self) -> bool:
        """Whether its value is read as one text, without splitting it."""
        return self.media_type is not None or not (self.shape.is_array or self.shape.is_object)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a property is encoded in a form (its Encoding Object).

    ``style``, with its explode, is None if it is not specified; ``headers`` are those of a part.
    """

    media_types: tuple[str, ...] = ()
    style: tuple[str, bool] | None = None
    headers: tuple[Parameter, ...] = ()


def style_of(node: Mapping[str, Any], location: str) -> tuple[str, bool]:
    """Return the style and explode of a Parameter Object, or of an Encoding Object (with the location ``query``), or
    their defaults."""
    style = str(node.get("style") or STYLES.get(location, ("simple",))[0])
    return style, bool(node.get("explode", style in ("form", "cookie")))
