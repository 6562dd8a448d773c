"""JSON as nodes with their places in the text, as YAML's composer makes them. YAML's own reader takes most JSON, but no
tabs."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml


class JsonNodes:
    """Makes the nodes of a text that is known to be valid JSON."""

    _SPACE = re.compile(r"[ \t\n\r]*")
    _ATOM = re.compile(r"[^\s,\]}]+")
    _decoder = json.JSONDecoder()

    def __init__(self, text: str) -> None:
        self._text = text
        self._line = 0
        self._line_start = 0
        self._counted = 0

    def root(self) -> yaml.Node:
        """The node of the whole text."""
        node, _ = self._node(self._skip(0))
        return node

    def _skip(self, at: int) -> int:
        match = self._SPACE.match(self._text, at)
        return match.end() if match else at

    def _mark(self, at: int) -> yaml.Mark:
        # Asked for in the order of the text, so each line break is counted once.
        self._line += self._text.count("\n", self._counted, at)
        self._line_start = self._text.rfind("\n", 0, at) + 1
        self._counted = at
        return yaml.Mark("", at, self._line, at - self._line_start, None, 0)

    def _node(self, at: int) -> tuple[yaml.Node, int]:
        mark, first = self._mark(at), self._text[at]
        if first == '"':
            return self._string(at, mark)
        if first not in "[{":
            match = self._ATOM.match(self._text, at)
            end = match.end() if match else at + 1
            return yaml.ScalarNode("", self._text[at:end], mark), end
        close = "}" if first == "{" else "]"
        values: list[Any] = []
        at = self._skip(at + 1)
        while self._text[at] != close:
            if first == "{":
                key, at = self._string(at, self._mark(at))
                value, at = self._node(self._skip(self._skip(at) + 1))  # past the colon
                values.append((key, value))
            else:
                value, at = self._node(at)
                values.append(value)
            at = self._skip(at)
            if self._text[at] == ",":
                at = self._skip(at + 1)
        kind = yaml.MappingNode if first == "{" else yaml.SequenceNode
        return kind("", values, mark), at + 1

    def _string(self, at: int, mark: yaml.Mark) -> tuple[yaml.Node, int]:
        value, end = self._decoder.raw_decode(self._text, at)
        return yaml.ScalarNode("", value, mark), end
