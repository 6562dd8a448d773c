"""Moves the components and paths of other files to the document's own, where programs look for them.

`app.contract.bundling` puts whole files below `FILES`, which is enough to resolve any reference. Clients and generators
expect more: schemas among the components, by their own names, and operations below their paths. Files that no reference
leads to afterwards are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..jsontypes import Json
from .bundling import turn_discriminator
from .pointers import pointer_in, pointer_to, reference_to, tokens
from .structure import FILES, references, transform


def lift(whole: Json) -> Json:
    """Return a bundled document with the components of the other files moved to its own, as far as their names are not
    taken, and references to path items in the ``paths`` of other files replaced by these path items."""
    if FILES not in whole:
        return whole
    files: Json = whole[FILES]
    moved = _free_components(whole, files)
    lifted: Json = _with_references(whole, lambda reference: _moved(reference, moved))
    content = lifted[FILES]
    for (file, *place), kept in moved.items():
        _, section, name = place
        components = lifted.setdefault("components", {})
        components.setdefault(section, {})[kept] = content[file]["components"][section].pop(name)
    lifted["paths"] = {path: _path_item(item, content) for path, item in (lifted.get("paths") or {}).items()}
    return _without_unused(lifted)


def _free_components(whole: Json, files: Json) -> dict[tuple[str, ...], str]:
    """Return the components that can be moved, by their paths (file, ``components``, section, name), with their
    names."""
    own = whole.get("components")
    taken = {(section, name) for section, named in (own or {}).items() if isinstance(named, dict) for name in named}
    moved: dict[tuple[str, ...], str] = {}
    for file, content in files.items():
        components = content.get("components") if isinstance(content, dict) else None
        for section, named in components.items() if isinstance(components, dict) else ():
            for name in named if isinstance(named, dict) else ():
                if (section, name) not in taken:
                    taken.add((section, name))
                    moved[(file, "components", section, name)] = name
    return moved


def _moved(reference: str, moved: dict[tuple[str, ...], str]) -> str:
    """Return the reference after the move."""
    if not reference.startswith("#/"):
        return reference
    top, *rest = tokens(pointer_in(reference))
    if top != FILES or tuple(rest[:4]) not in moved:
        return reference
    return reference_to(pointer_to(*rest[1:]))


def _with_references(content: Json, turn: Callable[[str], str]) -> Any:
    def visit(node: Json) -> Json:
        if isinstance(node.get("$ref"), str):
            node["$ref"] = turn(node["$ref"])
        turn_discriminator(node, turn)
        return node

    return transform(content, visit)


def _path_item(item: Any, files: Json) -> Any:
    """Return the target of a path item that is only a reference into the paths of another file; else the item."""
    if not (isinstance(item, dict) and item.keys() == {"$ref"} and item["$ref"].startswith("#/")):
        return item
    top, *rest = tokens(pointer_in(item["$ref"]))
    if top != FILES or len(rest) != 3 or rest[1] != "paths":
        return item
    file, _, path = rest
    return (files[file].get("paths") or {}).get(path, item)


def _without_unused(whole: Json) -> Json:
    """Return the document without the files that neither it nor another needed file refers to."""
    files = whole.pop(FILES)
    used: dict[str, Any] = {}
    waiting: list[Any] = [whole]
    while waiting:
        for _, reference in references(waiting.pop()):
            place = tokens(pointer_in(reference)) if reference.startswith("#/") else []
            if place[:1] == [FILES] and len(place) > 1 and place[1] in files and place[1] not in used:
                used[place[1]] = files[place[1]]
                waiting.append(files[place[1]])
    return {**whole, FILES: dict(sorted(used.items()))} if used else whole
