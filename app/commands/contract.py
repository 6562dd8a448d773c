"""``flask --app wsgi contract ...``: looks at OpenAPI documents. Neither loads a model or what is being served."""

from __future__ import annotations

import logging

import click

from .bundle import bundle_command
from .check import check_command
from .convert import convert_command
from .coverage import coverage_command
from .diff import diff_command


@click.group("contract")
def contract() -> None:
    """Look at OpenAPI documents."""
    # What the parts of the server warn of when they read a document is a finding here.
    logging.getLogger("parley").setLevel(logging.ERROR)


for _command in (check_command, diff_command, coverage_command, bundle_command, convert_command):
    contract.add_command(_command)
