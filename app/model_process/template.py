"""The capabilities of a model's chat template, found in its Jinja source before the model is loaded."""

from __future__ import annotations

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

# Both names of each variable are in use; llama.cpp passes an effort by both.
_THINKING = {"reasoning_effort", "reasoning_strength", "enable_thinking", "thinking"}
_VERBOSITY = {"verbosity"}

# The marks that begin thoughts, each with the mark that ends them.
CLOSINGS = {
    "<think>": "</think>",
    "<|channel>thought": "<channel|>",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "[THINK]": "[/THINK]",
    "<|channel|>analysis<|message|>": "<|end|>",
    "<seed:think>": "</seed:think>",
    "<mm:think>": "</mm:think>",
    "Here are my reasoning steps:": "[BEGIN FINAL RESPONSE]",
}


class _Generation(Extension):
    """``{% generation %}``: marks the text that a model is trained on. It has no meaning here."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def capabilities(template: str | None) -> frozenset[str]:
    """Return the capabilities that a template gives its model, in the terms of the parameter table.

    A template that reads a variable supports its parameter. A template with marks of thoughts belongs to a model that
    may think; whether the amount can be controlled is determined once the model runs.
    """
    if not template:
        return frozenset()
    environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols", _Generation])
    try:
        tree = environment.parse(template)
        variables = meta.find_undeclared_variables(tree)
    except (jinja2.TemplateError, RecursionError):
        return frozenset()
    found = set()
    if variables & _THINKING or any(mark in template for mark in CLOSINGS):
        found.add("reasoning")
    if variables & _VERBOSITY:
        found.add("verbosity")
    return frozenset(found)
