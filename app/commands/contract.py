"""``flask --app wsgi contract ...``: what there is to know of the document that is served."""

from __future__ import annotations

import click

from .coverage import coverage_command


@click.group("contract")
def contract() -> None:
    """The document that is served, and how far it is kept."""


contract.add_command(coverage_command)
