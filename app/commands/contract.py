"""``parley contract ...``: looks at OpenAPI documents. None loads a model or what is being served."""

from __future__ import annotations

import logging

import click

from .lazy import LazyGroup

_COMMANDS = {
    "check": ("check:check_command", "Find everything that is wrong with a document."),
    "diff": ("diff:diff_command", "Tell what changed between two documents, and what breaks clients."),
    "coverage": ("coverage:coverage_command", "Print what a model does with each property of the contract."),
    "bundle": ("bundle:bundle_command", "Write a document of several files as one file."),
    "convert": ("convert:convert_command", "Write a document in another version of OpenAPI."),
}


@click.group("contract", cls=LazyGroup, lazy=_COMMANDS)
def contract() -> None:
    """Check, compare and convert OpenAPI documents."""
    # What the parts of the server warn of when they read a document is a finding here.
    logging.getLogger("parley").setLevel(logging.ERROR)
