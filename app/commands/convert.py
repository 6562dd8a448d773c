"""``parley contract convert``: a document in another version of the standard."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from ..contract.document import Document
from ..contract.loading import to_json
from ..documents.convert.versions import Version, to_version
from ..errors import ConfigurationError
from ..jsontypes import Json
from .progress import progress

_NOTE = {True: "looser", False: "not said"}


@click.command("convert")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--to", "version", type=click.Choice(["3.0", "3.1", "3.2"]), required=True, help="Version of OpenAPI to write."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, as YAML or JSON depending on its name. Default: print in the format of the document.",
)
def convert_command(file: Path, version: Version, output: Path | None) -> None:
    """Write a document in another version of OpenAPI, as one file.

    What that version cannot express is left out and named on standard error: as `looser` where the document then
    allows what it did not.
    """
    try:
        with progress() as shown:
            shown.at(f"{file}: reading it")
            document = Document.load(file)
            shown.at(f"{file}: converting it to {version}")
            converted = to_version(document, version)
            shown.at(f"{file}: writing it")
            text = written(converted.content, output or file)
    except ConfigurationError as error:
        raise click.ClickException(f"{error} See `parley contract check`.") from None
    for loss in converted.losses:
        click.echo(f"{_NOTE[loss.looser]}: {loss.what}, at {loss.pointer}", err=True)
    put(text, output)


def put(text: str, output: Path | None) -> None:
    """Write a text to a file, or print it."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, and nothing by reference."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _string)


def written(content: Json, file: Path) -> str:
    """A document as text, YAML or JSON by the name of a file."""
    if file.suffix == ".json":
        return to_json(content, file).decode() + "\n"
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
