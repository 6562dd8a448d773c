"""``parley contract bundle``: a document of several files as one."""

from __future__ import annotations

from pathlib import Path

import click

from ..contract.document import Document
from ..errors import ConfigurationError
from .convert import put, written
from .progress import progress


@click.command("bundle")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, as YAML or JSON depending on its name. Default: print in the format of the document.",
)
def bundle_command(file: Path, output: Path | None) -> None:
    """Write a document and the files that it refers to as one file, as a server shows it.

    Components of the other files are added to the document's own, where their names are free.
    """
    try:
        with progress() as shown:
            shown.at(f"{file}: reading it")
            document = Document.load(file)
            shown.at(f"{file}: writing it as one")
            text = written(document.content, output or file)
    except ConfigurationError as error:
        raise click.ClickException(f"{error} See `parley contract check`.") from None
    put(text, output)
