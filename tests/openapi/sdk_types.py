"""The types of OpenAI's Python package as shapes: its typed dictionaries, its models, and the bounds that it tells.

A bound has no type in Python: it stands in the sentences below an attribute, which are read from the source.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
import typing
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

import typing_extensions
from pydantic import BaseModel

from .shapes import Shape

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_LISTS = (list, Iterable, Sequence)

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_MOST = r"(?:up to|at most|no more than|(?:a )?max(?:imum)?(?: length)? of)"
_RANGE = rf"(?:between|from) {_NUMBER} (?:and|to) {_NUMBER}"


def of_type(hint: Any) -> Shape:
    """The shape of a type.

    Raises:
        TypeError: the type is of a kind that is not known here, so that nothing is passed over.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Annotated, typing_extensions.Required, typing_extensions.NotRequired):
        return of_type(arguments[0])
    if origin in (Union, types.UnionType):
        shape = Shape()
        for branch in arguments:
            shape.add(of_type(branch))
        return shape
    if origin in (Literal, typing_extensions.Literal):
        return Shape(values=set(arguments))
    if origin is dict:
        return Shape(others=of_type(arguments[1]))
    # The package has a kind of sequence of its own, which texts do not belong to.
    if origin in _LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
        return Shape(items=of_type(arguments[0]))
    if hint in (object, Any):
        return Shape(anything=True)
    if hint in _PLAIN:
        return Shape(kinds={_PLAIN[hint]})
    if _is_dictionary(hint) or (inspect.isclass(hint) and issubclass(hint, BaseModel)):
        shape = Shape()
        shape.add_object(_members(hint))
        return shape
    raise TypeError(f"no shape is known for {hint!r}")


def _is_dictionary(kind: Any) -> bool:
    return bool(typing_extensions.is_typeddict(kind))


def _members(kind: Any) -> dict[str, Shape]:
    if _is_dictionary(kind):
        hints = {name: (name, hint) for name, hint in typing_extensions.get_type_hints(kind).items()}
    else:
        hints = {name: (field.alias or name, field.annotation) for name, field in kind.model_fields.items()}
    sentences = _sentences(kind)
    members = {}
    for name, (written, hint) in hints.items():
        members[written] = of_type(hint)
        add_bounds(members[written], sentences.get(name, ""))
    return members


def _sentences(kind: Any) -> dict[str, str]:
    """What is said below each attribute of a class and of those that it derives from."""
    found: dict[str, str] = {}
    for base in typing_extensions.get_original_bases(kind):
        # What has no members of its own is no type of the package's, but what such are made with.
        if _is_dictionary(base) or getattr(base, "model_fields", None):
            found |= _sentences(base)
    return found | _documented(inspect.getfile(kind)).get(kind.__name__, {})


@cache
def _documented(path: str) -> dict[str, dict[str, str]]:
    """For each class of a file its attributes, each with the text that follows it."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            attributes = found.setdefault(node.name, {})
            for before, after in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(before, ast.AnnAssign)
                    and isinstance(before.target, ast.Name)
                    and isinstance(after, ast.Expr)
                    and isinstance(after.value, ast.Constant)
                ):
                    attributes[before.target.id] = str(after.value.value)
    return found


def add_bounds(shape: Shape, sentences: str) -> None:
    """Add the bounds that sentences tell, as far as they can be about what stands here: a number's range is none of a
    text's, and what is said of keys is said of a map."""
    text = " ".join(sentences.split())
    if shape.others is not None:
        _add(shape, ("maxProperties",), r"(\d+) key-value pairs", text)
        _add(shape, ("longest key",), rf"[Kk]eys [^.]*?{_MOST} (\d+)", text)
        _add(shape.others, ("maxLength",), rf"[Vv]alues [^.]*?{_MOST} (\d+)", text)
        _add(shape.others, ("minimum", "maximum"), rf"values? {_RANGE}", text)
    elif shape.items is not None:
        _add(shape, ("minItems",), r"[Aa]t least (\d+)", text)
        _add(shape, ("maxItems",), rf"(?i:{_MOST}) (\d+)\b(?! characters)", text)
    elif "string" in shape.kinds:
        _add(shape, ("minLength",), r"[Mm]inimum length of (\d+)", text)
        _add(shape, ("maxLength",), r"[Mm]ax(?:imum)? length of (\d+)", text)
        _add(shape, ("maxLength",), rf"(?i:{_MOST}) (\d+) characters", text)
    elif shape.kinds & {"integer", "number"}:
        _add(shape, ("minimum",), rf"(?:at least|minimum(?: value)? of) {_NUMBER}", text)
        _add(shape, ("maximum",), rf"(?:at most|maximum(?: value)? of) {_NUMBER}", text)
        _add(shape, ("minimum", "maximum"), _RANGE, text)


def _add(shape: Shape, bounds: Sequence[str], pattern: str, text: str) -> None:
    found = re.search(pattern, text)
    if found is not None:
        shape.bounds |= {bound: float(value) for bound, value in zip(bounds, found.groups(), strict=True)}
