"""YAML with the types of JSON only: a date in a document is a string, and so is ``on``."""

from __future__ import annotations

import re

import yaml

# A hundred times the number of values in the largest known documents.
_MOST_VALUES = 10_000_000
# Without an alias no node occurs in a document more than once.
_MAYBE_ALIAS = re.compile(r"(?:^|[\s\[{,])\*[^\s,\]}*]")


class YamlLoader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's loader with the scalars of JSON."""


YamlLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", ["<"]),
):
    YamlLoader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


# PyYAML reads 010 as octal, as in YAML 1.1; JSON and YAML 1.2 do not.
YamlLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
YamlLoader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))


def refuse_bombs(content: object, text: str) -> None:
    """Reject aliases that expand to so many values that their JSON would fill the memory.

    Raises:
        ValueError: they expand to too many values, or an alias is inside the node that it names.
    """
    if _MAYBE_ALIAS.search(text) and _values(content, {}) > _MOST_VALUES:
        raise ValueError(f"its aliases stand for more than {_MOST_VALUES} values")


def _values(node: object, known: dict[int, int]) -> int:
    """Count the values in a node; a value that occurs twice counts twice."""
    if not isinstance(node, (dict, list)):
        return 1
    if (found := known.get(id(node))) is not None:
        if found < 0:
            raise ValueError("an alias is inside the node that it refers to")
        return found
    known[id(node)] = -1
    known[id(node)] = found = 1 + sum(
        _values(item, known) for item in (node.values() if isinstance(node, dict) else node)
    )
    return found
