"""Requests under the contract of another author: what the domain may take from them.

Their document has let a request pass; the engines know ours. So what ours knows must fit ours too, and what it does not
know is left to the policy for unsupported parameters, but for a value that their document calls the default, which asks
for nothing.
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

# What our answers may have besides, where their document requires it: some want the role in every delta.
SPARE: Mapping[PathPattern, Any] = {("choices", None, "delta", "role"): "assistant"}


def known_to(table: Table) -> frozenset[str]:
    """The names at the top of a request that a table knows."""
    return frozenset(parameter.name.partition(".")[0].removesuffix("[]") for parameter in table.parameters)


def reading(own: Validator, defaults: Mapping[str, Any], known: frozenset[str] = known_to(CHAT)) -> Reading:
    """How to read a request under another contract. ``own`` is the validator of our request schema, ``defaults`` what
    their document gives for properties of its request, ``known`` the names of ours."""

    def read(body: Any) -> Json:
        """The body as the domain takes it.

        Raises:
            BadRequest: there is none, or what our contract knows of it does not fit our contract.
        """
        if body is None:
            raise BadRequest("The request needs a body.", code="missing_body")
        if not isinstance(body, dict):
            check(own, body)
        asked = {
            name: value
            for name, value in body.items()
            # Null asks for nothing, whether ours says so or not.
            if value is not None and (name in known or name not in defaults or defaults[name] != value)
        }
        check(own, {name: value for name, value in asked.items() if name in known})
        return asked

    return read
