"""Reads requests that were validated against another author's contract: what the domain may take from them.

The request is valid under their document, but the engines work with ours. So the fields that our contract defines must
be valid under it too. Other fields are left to the policy for unsupported parameters, except a field whose value is the
default in their document: that requests nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..contract.explain import check
from ..contract.faults import Validator
from ..contract.pointers import PathPattern
from ..errors import BadRequest
from ..jsontypes import Json
from .tables import CHAT, Table

Reading = Callable[[Any], Json]

# Values that are added to our answers where their document requires them: some require the role in every delta.
SPARE: Mapping[PathPattern, Any] = {("choices", None, "delta", "role"): "assistant"}


def known_to(table: Table) -> frozenset[str]:
    """The names of the top-level request fields that a table defines."""
    return frozenset(parameter.name.partition(".")[0].removesuffix("[]") for parameter in table.parameters)


def reading(own: Validator, defaults: Mapping[str, Any], known: frozenset[str] = known_to(CHAT)) -> Reading:
    """A function that reads a request under another contract. ``own`` is the validator of our request schema,
    ``defaults`` are the default values in their document's request schema, ``known`` are the names in ours."""

    def read(body: Any) -> Json:
        """The body in the form that the domain accepts.

        Raises:
            BadRequest: there is no body, or a field that our contract defines is not valid under our contract.
        """
        if body is None:
            raise BadRequest("The request needs a body.", code="missing_body")
        if not isinstance(body, dict):
            check(own, body)
        asked = {
            name: value
            for name, value in body.items()
            # Null requests nothing, whether or not our contract says so.
            if value is not None and (name in known or name not in defaults or defaults[name] != value)
        }
        check(own, {name: value for name, value in asked.items() if name in known})
        return asked

    return read
