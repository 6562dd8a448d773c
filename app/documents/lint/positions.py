"""The files of a document as written: the value at a JSON pointer, and its line.

`app.contract.document` provides a document for serving; this module provides one for reporting. References are followed
from file to file inside the folder of the main file, and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import yaml

from ...contract.bundling import OutsideReference, locate
from ...contract.pointers import look_up, pointer_to, tokens
from ...contract.uris import Uris
from ...contract.yaml_json import YamlLoader, refuse_bombs
from ...errors import DocumentError
from .json_places import JsonPlaces

# Messages for references to files that are not read, and how to fix them.
_OUTSIDE = {
    "server": (
        "the reference points to another server; nothing is fetched",
        "copy its target into this folder and refer to the copy",
    ),
    "folder": (
        "the reference leaves the folder of the document",
        "move the file into the folder of the document and refer to it by a relative path",
    ),
    "kind": (
        "the reference points to a file of another kind",
        "refer to a file whose name ends in .yaml, .yml or .json",
    ),
}


class Location(NamedTuple):
    """A place in a document: a file, by its path below the folder of the main file, and a JSON pointer in it."""

    file: str
    pointer: str

    def child(self, *tokens: str | int) -> Location:
        return Location(self.file, self.pointer + pointer_to(*tokens))


class Unreadable(Exception):
    """A file that is not valid YAML or JSON. ``line`` and ``column`` count from 1; 0 if unknown."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class BrokenReference(Exception):
    """A reference that cannot be followed. ``rule`` is the rule of its finding, ``advice`` how to fix it."""

    def __init__(self, rule: str, message: str, advice: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that an object has twice; ``line`` and ``column`` are those of the second occurrence."""

    pointer: str
    line: int
    column: int


class SourceFile:
    """One file of a document.

    Raises:
        Unreadable: it cannot be read, or is neither YAML nor JSON.
    """

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise Unreadable(f"the file cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Unreadable("the file is not UTF-8") from None
        self._places: JsonPlaces | YamlPlaces
        if path.suffix == ".json":
            self._places, self.duplicates, self.content = _read_json(text)
        else:
            self._places, self.duplicates, self.content = _read_yaml(text)

    def position(self, pointer: str) -> tuple[int, int]:
        """Return line and column, from 1, of the key or item at a pointer; if there is none, of the closest parent."""
        return self._places.position(pointer)


class YamlPlaces:
    """The positions of the values in YAML text."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root

    def position(self, pointer: str) -> tuple[int, int]:
        """Return what `SourceFile.position` returns."""
        mark, node = self._root.start_mark, self._root
        for token in tokens(pointer):
            if isinstance(node, yaml.MappingNode):
                # The last duplicate wins, as in the parser; keys from a merge key come first.
                found = next(((k, v) for k, v in reversed(node.value) if k.value == token), None)
                if found is None:
                    break
                mark, node = found[0].start_mark, found[1]
            elif isinstance(node, yaml.SequenceNode) and token.isdigit() and int(token) < len(node.value):
                node = node.value[int(token)]
                mark = node.start_mark
            else:
                break
        return mark.line + 1, mark.column + 1


class Sources:
    """The files of a document, read on first use. ``entry`` is the name of the main file."""

    def __init__(self, path: Path) -> None:
        path = path.resolve()
        self.folder = path.parent
        self.entry = path.name
        self.files: dict[str, SourceFile] = {}
        self.uris = Uris(path.name)

    def file(self, name: str) -> SourceFile:
        """Return a file by its name. Raises `Unreadable`."""
        if name not in self.files:
            self.files[name] = SourceFile(self.folder / name)
            with contextlib.suppress(DocumentError):  # reported as a finding
                self.uris.add(name, self.files[name].content)
        return self.files[name]

    def at(self, location: Location) -> Any:
        """Return the value at a location. Raises `LookupError` if there is none."""
        return look_up(self.file(location.file).content, location.pointer)

    def target(self, file: str, reference: str) -> Location:
        """Return the existing target of a reference in a file, after one step.

        Raises:
            BrokenReference: the target does not exist, or is outside the folder.
        """
        try:
            name, fragment = locate(self.folder, file, self.uris.relative(file, reference))
        except OutsideReference as error:
            raise BrokenReference("remote-reference", *_OUTSIDE[error.reason]) from None
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            raise BrokenReference(
                "unresolved-reference",
                "the reference names an anchor, which is not followed",
                "refer by a JSON pointer, such as #/components/schemas/Name",
            )
        if name == self.entry and not fragment:
            raise BrokenReference(
                "unresolved-reference",
                "the reference points to the document as a whole",
                "refer to a part of it, such as #/components/schemas/Name",
            )
        location = Location(name, fragment)
        try:
            self.at(location)
        except LookupError:
            raise BrokenReference(
                "unresolved-reference",
                f"the reference points to {name}#{fragment}, where there is nothing",
                "correct the name or add its target",
            ) from None
        except Unreadable as error:
            raise BrokenReference(
                "unresolved-reference",
                f"the reference points to {name}: {error}",
                "correct the name or that file",
            ) from None
        return location


def _read_yaml(text: str) -> tuple[YamlPlaces, tuple[Duplicate, ...], Any]:
    try:
        loader = YamlLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise Unreadable("the file is empty", 1, 1)
        # Before construction, which adds keys from merge keys to an object's own keys.
        duplicates = tuple(_duplicates(root))
        # As in the server: every key is a string, even a status.
        content = loader.construct_document(root)
        refuse_bombs(content, text)
        return YamlPlaces(root), duplicates, json.loads(json.dumps(content))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise Unreadable(f"the file is not valid YAML: {error.problem or error.context}", line, column) from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise Unreadable(f"the file is not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise Unreadable("the file is nested too deeply") from None


def _duplicates(root: yaml.Node) -> Iterator[Duplicate]:
    seen: set[int] = set()
    above: set[int] = set()

    def look(node: yaml.Node, pointer: str) -> Iterator[Duplicate]:
        if id(node) in above:
            raise Unreadable("an alias is inside the node that it refers to", node.start_mark.line + 1, 1)
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            return
        seen.add(id(node))
        above.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys = set()
            for key, value in node.value:
                place = pointer + pointer_to(str(key.value))
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys and key.value != "<<":
                        yield Duplicate(place, key.start_mark.line + 1, key.start_mark.column + 1)
                    keys.add(key.value)
                yield from look(value, place)
        else:
            for index, item in enumerate(node.value):
                yield from look(item, pointer + pointer_to(index))
        above.discard(id(node))

    yield from look(root, "")


def _read_json(text: str) -> tuple[JsonPlaces, tuple[Duplicate, ...], Any]:
    twice = False

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal twice
        made = dict(pairs)
        twice = twice or len(made) < len(pairs)
        return made

    try:
        content = json.loads(text, object_pairs_hook=object_of)
        places = JsonPlaces(text)
        duplicates = [Duplicate(place, *position) for place, position in places.duplicates()] if twice else []
        return places, tuple(duplicates), content
    except json.JSONDecodeError as error:
        raise Unreadable(f"the file is not valid JSON: {error.msg}", error.lineno, error.colno) from None
    except RecursionError:
        raise Unreadable("the file is nested too deeply") from None
