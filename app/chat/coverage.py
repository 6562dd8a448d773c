"""The score of a model: how each property of the document's request and answers is handled.

A property is accounted for if one of our tables lists it. In a request it is ``honoured`` or ``refused`` by name; in an
answer it is ``produced``, or ``absent`` for a reason. Any other property is ``unknown``: another author's document may
have properties that the tables do not list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from ..contract.document import Document
from ..contract.operations import Operation
from ..contract.properties import property_paths
from ..engines.base import Model
from .produced import CHUNK, COMPLETION, Produced
from .support import honours, support
from .tables import CHAT, Table


@dataclass(frozen=True, slots=True)
class Surface:
    """What our tables say about an operation: the ``operation`` that the model must support, a function that returns
    the `Line` of each request property (``asked``), and the properties of its ``answers``, by the name of each kind of
    answer, together with its media type."""

    operation: str
    asked: Callable[[str, Model], Line]
    answers: Mapping[str, tuple[str, Mapping[str, Produced]]]


@dataclass(frozen=True, slots=True)
class Line:
    """How one property is handled. ``side`` is ``request``, or the `Surface`'s name for a kind of answer."""

    side: str
    path: str
    fate: str
    note: str = ""


def by_table(table: Table) -> Callable[[str, Model], Line]:
    """A function that returns how a request property is handled, according to a table of parameters."""
    return partial(_asked, table)


def coverage(document: Document, operation: Operation, model: Model, surface: Surface) -> list[Line]:
    """A line for each property of an operation's request and of each kind of its answers, in document order.

    Raises:
        ConfigurationError: a reference in the document is broken.
    """
    asked = _paths(document, operation.request_schemas.get("application/json"))
    lines = [surface.asked(path, model) for path in asked]
    for side, (media, table) in surface.answers.items():
        lines += _given(side, _paths(document, operation.response_schema(200, media)), table, model)
    return lines


def totals(lines: Iterable[Line]) -> str:
    """The score as one sentence."""
    fates = Counter(line.fate for line in lines)
    every = fates.total()
    words = {"honoured": "honoured", "refused": "refused by name", "produced": "produced", "absent": "absent"}
    parts = ", ".join(f"{fates[fate]} {word}" for fate, word in words.items() if fates[fate])
    return f"{every - fates['unknown']} of {every} properties accounted for: {parts}"


def _paths(document: Document, pointer: str | None) -> list[str]:
    return property_paths(document, {"$ref": f"#{pointer}"}) if pointer else []


def _asked(table: Table, path: str, model: Model) -> Line:
    if path in model.extra_parameters:
        return Line("request", path, "honoured", "beyond the API")
    parameter = table.by_path.get(path)
    if parameter is None:
        # The policy handles unknown properties at the top level; nested ones are not checked.
        return Line("request", path, "unknown" if "." in path else "refused", "" if "." in path else "not of the API")
    if honours(model, path, table):
        return Line("request", path, "honoured", parameter.effect if path == parameter.name else "")
    return Line("request", path, "refused", support(parameter, model, table).removeprefix("refused").removeprefix(", "))


def _given(side: str, paths: Iterable[str], table: Mapping[str, Produced], model: Model) -> Iterable[Line]:
    for path in paths:
        produced = table.get(path)
        if produced is None:
            yield Line(side, path, "unknown")
        elif why := produced.why_not(model):
            yield Line(side, path, "absent", why)
        else:
            yield Line(side, path, "produced", produced.note)


CHATS = Surface(
    CHAT.operation,
    by_table(CHAT),
    {"completion": ("application/json", COMPLETION), "chunk": ("text/event-stream", CHUNK)},
)
