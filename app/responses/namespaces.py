"""Converts tools in namespaces for the chat, which has no namespaces: each becomes a separate tool with a joined name.

An agent that combines the tools of several servers puts them in namespaces, so that tool names may repeat. A call is
returned with the two names separate.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BadRequest
from ..jsontypes import Json

# The namespace and the name of each tool in a namespace, by the tool's name in the chat.
Namespaced = Mapping[str, tuple[str, str]]

_BETWEEN = "__"
# The longest name of a tool in characters, the same as for tools without a namespace.
LONGEST = 64


def joined(namespace: str, name: str, place: str) -> str:
    """The name of a namespace's tool in the chat. ``place`` is the path of the tool's own name in the request.

    Raises:
        BadRequest: the joined name is too long.
    """
    both = f"{namespace}{_BETWEEN}{name}"
    if len(both) > LONGEST:
        raise BadRequest(
            f"Invalid value for '{place}': expected at most {LONGEST - len(_BETWEEN)} characters together with "
            "the namespace's name.",
            param=place,
            code="string_above_max_length",
        )
    return both


def member(namespace: Json, tool: Json, place: str) -> Json:
    """A namespace's tool as a tool without a namespace; its description includes that of the namespace. ``place`` is
    the path of the tool in the request.

    Raises:
        BadRequest: as `joined`.
    """
    told = [text for text in (namespace["description"], tool.get("description")) if text]
    named = {**tool, "name": joined(namespace["name"], tool["name"], f"{place}.name")}
    return {**named, "description": "\n\n".join(told)} if told else named


def called(name: str, namespaced: Namespaced) -> Json:
    """The fields of an item that identify the tool with this name in the chat."""
    if name not in namespaced:
        return {"name": name}
    namespace, own = namespaced[name]
    return {"name": own, "namespace": namespace}
