"""Tools in namespaces, as a chat has them, which knows none: each is a tool of its own, with both names in one.

An agent that brings the tools of several servers puts them in namespaces, so that their names need not differ. A call
comes back with the two names apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadRequest
from ..jsontypes import Json

# The namespace and the name of each tool that is of one, by its name in the chat.
Namespaced = Mapping[str, tuple[str, str]]

_BETWEEN = "__"
# Characters of a tool's name, as for those that are in no namespace.
LONGEST = 64


def joined(namespace: str, name: str, place: str) -> str:
    """The name that a tool of a namespace has in the chat. ``place`` is where its own name stands.

    Raises:
        BadRequest: both are too long together.
    """
    both = f"{namespace}{_BETWEEN}{name}"
    if len(both) > LONGEST:
        raise BadRequest(
            f"Invalid value for '{place}': expected at most {LONGEST - len(_BETWEEN)} characters, those of the "
            "namespace's name included.",
            param=place,
            code="string_above_max_length",
        )
    return both


def member(namespace: Json, tool: Json, place: str) -> Json:
    """A tool of a namespace as one that is of none: the model is told what the namespace is for, too. ``place`` is
    where the tool stands.

    Raises:
        BadRequest: as `joined`.
    """
    told = [text for text in (namespace["description"], tool.get("description")) if text]
    named = {**tool, "name": joined(namespace["name"], tool["name"], f"{place}.name")}
    return {**named, "description": "\n\n".join(told)} if told else named


def called(name: str, namespaced: Namespaced) -> Json:
    """What an item tells of the tool that the chat calls by a name."""
    if name not in namespaced:
        return {"name": name}
    namespace, own = namespaced[name]
    return {"name": own, "namespace": namespace}
