"""A request on its way through the domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ..engines.base import Model
from ..errors import UnsupportedParameter
from ..jsontypes import Json
from .parameters import BY_PATH

# What needs no capability, and what an answer can show not to have been honoured all the same.
_SHOWN = frozenset(
    {"n", "response_format.json_schema.strict", "stream_options.include_usage", "tools[].function.strict"}
)


@dataclass(slots=True)
class Call:
    """A request that can be answered: the model, what the engine gets, how many choices, what is not honoured.

    ``warns``: what the engine alone finds out that it cannot honour is left out too, or was not honoured, and joins
    ``ignored``; what is found out after the answer has begun stands in the log alone. The names in ``ignored`` are
    percent-encoded where they are not plain: a document may leave it to clients how they call a field, and the names go
    into a header and the log. ``body`` and ``client`` are what it was made of, ``log`` are the fields of its line in
    the log. ``fallbacks`` are the ids of models to turn to. ``instead_of`` is the id of the model that was asked, once
    another one answers for it. ``unknown`` are the names of fields that no model is told of, as the contract does not
    know them.
    """

    model: Model
    request: Json
    n: int
    ignored: list[str]
    warns: bool
    body: Json
    client: str | None
    log: Json
    fallbacks: tuple[str, ...] = ()
    instead_of: str | None = None
    unknown: tuple[str, ...] = ()

    @property
    def asks_once(self) -> bool:
        """Whether one stream of the engine has all the choices."""
        return self.n == 1 or self.model.makes_choices

    def refuse(self, error: UnsupportedParameter) -> None:
        """As `app.engines.base.Refuse`."""
        parameter = BY_PATH.get(error.param or "")
        if not self.warns or parameter is None or (parameter.needs is None and parameter.name not in _SHOWN):
            raise error
        if parameter.name not in self.ignored:
            self.tell_ignored([parameter.name])

    def become(self, other: Call) -> None:
        """Be answered by the model of another call of the same body instead."""
        self.instead_of = self.instead_of or self.model.id
        self.model, self.request, self.n = other.model, other.request, other.n
        self.ignored, self.warns = other.ignored, other.warns
        self.tell_ignored(self.unknown)

    def tell_ignored(self, names: Sequence[str]) -> None:
        """Take note of parameters that are left out."""
        self.ignored += [quote(name, safe="[].") for name in names]
        if self.ignored:
            self.log["ignored"] = ",".join(self.ignored)[:500]
