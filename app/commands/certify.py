"""``flask --app wsgi certify URL``: what a server, ours or not, does with each property of the contract.

`app.certify` is imported when a command runs: commands are known to the server that serves, which has no use for it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

import click

from ..configuration.document import contract_path
from ..contract.document import Document
from ..settings import Dialect, Settings
from .told import ToldGroup

if TYPE_CHECKING:
    from ..certify.report import Report

_SERVER = "server"
_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_new_file = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
# As `app.certify.operations` has them, which is imported later.
_OPERATIONS = ("chat", "completions", "embeddings", "responses")
_DIALECTS = click.Choice([name for name in get_args(Dialect) if name != "auto"])


class _Failed(click.ClickException):
    """There is nothing to tell; the exit status is that of wrong use."""

    exit_code = 2


class _Certify(ToldGroup):
    """A group whose first command need not be named, so that ``certify URL`` is enough."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [_SERVER, *args]
        return super().parse_args(ctx, args)


@click.group("certify", cls=_Certify)
def certify() -> None:
    """Test what a server does with each property of the contract.

    `certify URL` is short for `certify server URL`.
    """


@certify.command(_SERVER)
@click.argument("url")
@click.option("--model", metavar="ID", help="Model to test. Default: for each operation, the first that answers it.")
@click.option(
    "--operation",
    "names",
    multiple=True,
    type=click.Choice(_OPERATIONS),
    help="Operation to test; may be repeated. Default: all.",
)
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the server's key.")
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 64), help="Concurrent requests.")
@click.option("--max-requests", default=1500, show_default=True, type=click.IntRange(1), help="Limit on requests.")
@click.option(
    "--max-tokens", default=100_000, show_default=True, type=click.IntRange(1), help="Limit on generated tokens."
)
@click.option(
    "--max-time",
    default=600.0,
    show_default=True,
    type=click.FloatRange(1),
    help="Limit on the total time, in seconds.",
)
@click.option(
    "--timeout", default=30.0, show_default=True, type=click.FloatRange(0.1), help="Limit per answer, in seconds."
)
@click.option("--json", "json_file", type=_new_file, help="Write the report as JSON to a file; `-` prints it instead.")
@click.option(
    "--markdown", "markdown_file", type=_new_file, help="Write the report as Markdown; `-` prints it instead."
)
@click.option(
    "--evidence", type=click.Path(file_okay=False, path_type=Path), help="Folder to keep all requests and answers in."
)
@click.option("--write-config", type=_new_file, help="Write the model's block of a configuration file; `-` prints it.")
@click.option("--dialect", type=_DIALECTS, help="Dialect in that block. Default: what the server appears to be.")
@click.option("--all", "every", is_flag=True, help="Also print properties of answers that are in order.")
@click.option(
    "--fail-on",
    default="broken,ignored",
    show_default=True,
    metavar="VERDICTS",
    help="Verdicts, separated by commas, for which the exit status is 1; empty: none.",
)
def server(
    url: str,
    model: str | None,
    names: tuple[str, ...],
    key_env: str | None,
    concurrency: int,
    max_requests: int,
    max_tokens: int,
    max_time: float,
    timeout: float,
    json_file: Path | None,
    markdown_file: Path | None,
    evidence: Path | None,
    write_config: Path | None,
    dialect: str | None,
    every: bool,
    fail_on: str,
) -> None:
    """Test the server at URL, and print what happens to each property.

    URL is the address up to /chat/completions; /v1 is added to one without a path. Chat completions, completions,
    embeddings and responses are tested, as far as the server offers them. The verdicts are: honoured, an effect was
    seen; ignored, accepted and certainly without effect; refused, with an error that names it or not; broken, an answer
    that violates the contract, a 5xx that does not name it, or no end; not seen, accepted without an effect that could
    be told from chance; not offered, the server lacks the operation, or a model for it.

    The key is read only from the variable, and is never printed or written. Redirects are not followed. The exit status
    is 1 if a verdict is one of --fail-on, and 2 if the server cannot be reached.
    """
    from ..certify.asking import Bounds
    from ..certify.block import block
    from ..certify.showing import as_markdown, as_text
    from ..certify.verdicts import FATES

    fails = [fate.strip() for fate in fail_on.split(",") if fate.strip()]
    if unknown := [fate for fate in fails if fate not in FATES]:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(FATES)}.", param_hint="--fail-on")
    key = _key(key_env)
    limits = Bounds(max_requests, max_tokens, max_time, timeout)
    report = _ask(_address(url), model, names or _OPERATIONS, key, limits, concurrency, evidence)
    if Path("-") not in (json_file, markdown_file, write_config):
        click.echo(as_text(report, every=every))
    for file, make in (
        (json_file, report.to_json),
        (markdown_file, lambda: as_markdown(report)),
        (write_config, lambda: block(report, dialect=dialect, key_env=key_env)),
    ):
        _write(file, make)
    if report.having(fails):
        raise SystemExit(1)


@certify.command("diff")
@click.argument("before", type=_file)
@click.argument("after", type=_file)
@click.option("--fail-on-worse", is_flag=True, help="Exit with status 1 if a verdict is worse than before.")
def diff(before: Path, after: Path, fail_on_worse: bool) -> None:
    """Show what changed between two reports that were written with --json."""
    from ..certify.diff import as_text, differences
    from ..certify.report import Report

    old, new = Report.read(before), Report.read(after)
    click.echo(as_text(old, new))
    if fail_on_worse and any(direction == "worse" for direction, _ in differences(old, new)):
        raise SystemExit(1)


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.BadParameter("an address such as http://127.0.0.1:8080/v1 is needed.", param_hint="URL")
    if parts.username or parts.password:
        raise click.BadParameter("an address must not contain a key or password; use --key-env.", param_hint="URL")
    return url.rstrip("/") if parts.path.strip("/") else f"{url.rstrip('/')}/v1"


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise click.BadParameter(f"the variable {name} is not set.", param_hint="--key-env")
    if not key.isascii() or not key.isprintable():
        raise click.BadParameter(f"the value of the variable {name} cannot be sent as a key.", param_hint="--key-env")
    return key


def _ask(
    url: str,
    model: str | None,
    names: tuple[str, ...],
    key: str | None,
    bounds: object,
    concurrency: int,
    folder: Path | None,
) -> Report:
    from ..certify.asking import Asking, Bounds, Spent
    from ..certify.evidence import Evidence
    from ..certify.operations import OPERATIONS
    from ..certify.preparing import Unreachable
    from ..certify.rules import Rules
    from ..certify.running import certify as run

    assert isinstance(bounds, Bounds)
    # Always our own contract: what a user's document says is for their own server.
    document = Document.load(contract_path(Settings()))
    contract = [Rules(document, operation) for operation in OPERATIONS if operation.name in names]
    try:
        kept = Evidence(folder, [key] if key else [])
    except OSError as error:
        raise _Failed(f"{folder} cannot be written: {error.strerror}") from None

    async def ask(progress: Callable[[int, int], None]) -> Report:
        async with Asking(url, key, kept, bounds, concurrency) as asking:
            return await run(asking, contract, url, model, has_key=key is not None, progress=progress)

    try:
        with click.progressbar(length=100, label="asking", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

            def progress(done: int, of: int) -> None:
                bar.update(100 * done // of - bar.pos)

            return asyncio.run(ask(progress))
    except (Unreachable, Spent) as error:
        raise _Failed(str(error)) from None


def _write(file: Path | None, make: Callable[[], str]) -> None:
    if file is None:
        return
    if file == Path("-"):
        click.echo(make(), nl=False)
        return
    try:
        file.write_text(make(), encoding="utf-8")
    except OSError as error:
        raise _Failed(f"{file} cannot be written: {error.strerror}") from None
