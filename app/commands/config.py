"""``parley config ...``: looks at what is to be served, before it is."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

import click
from msgspec import structs

from ..configuration.addresses import refuse_own
from ..configuration.building import build, upstream_options
from ..configuration.chosen import chosen
from ..configuration.keys import Configuration, Entry
from ..configuration.table import keys_table
from ..configuration.trying import try_templates
from ..engines.dialects.known import AUTO
from ..engines.dialects.unknown import UNKNOWN
from ..engines.recognition import Recognition
from ..engines.transport.options import UpstreamOptions
from ..engines.transport.replicas import Replicas
from ..engines.upstream import list_upstream_models
from ..errors import ApiError, ConfigurationError
from ..model_files.naming import NotDownloaded, locate
from ..settings import Settings, state_folder

# Seconds for each question to an upstream.
_PROBE_SECONDS = 10.0


@click.group("config")
def config() -> None:
    """Check the configuration file or settings before serving."""
    # What a probe finds out is said once, by the command.
    logging.getLogger("parley").setLevel(logging.CRITICAL)


@config.command("keys")
def keys() -> None:
    """Print every key of the configuration file and its meaning."""
    click.echo(keys_table())


@config.command("check")
@click.option("--probe", is_flag=True, help="Also ask each replica of each upstream for its models.")
def check(probe: bool) -> None:
    """Check the configuration, and list its models.

    The exit status is 1 if it cannot be used, or if a replica that is probed does not have its model.
    """
    try:
        settings = Settings.from_environment()
        configuration = chosen(settings)
        waiting = [entry for entry in configuration.models if _is_waiting(entry, settings)]
        here = tuple(entry for entry in configuration.models if entry not in waiting)
        built = build(replace(configuration, models=here), settings)
        try_templates(built.served)
        refuse_own(configuration, [(settings.host, settings.port)])
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    for entry in configuration.models:
        click.echo(_line(entry))
    for entry in waiting:
        click.echo(f"{entry.keys.path} is not downloaded yet, and so not checked: the start of the server does that")
    for remark in filter(None, (served.remark for served in built.served)):
        click.echo(remark)
    if configuration.listed is not None:
        click.echo("the models that the upstream lists")
    if probe and not asyncio.run(_probe_all(configuration)):
        raise SystemExit(1)


def _is_waiting(entry: Entry, settings: Settings) -> bool:
    """Whether the model file of an entry is on a hub and not here yet."""
    if entry.keys.engine != "llama" or entry.keys.path is None:
        return False
    try:
        locate(entry.keys.path, state_folder(settings))
    except NotDownloaded:
        return True
    except ConfigurationError:
        return False  # told by place when it is built
    return False


def _line(entry: Entry) -> str:
    keys = entry.keys
    parts = [entry.id or "the model of the settings", keys.engine]
    if keys.engine == "upstream":
        count = len(keys.base_urls)
        parts.append(f"{keys.dialect}, {count} replica{'' if count == 1 else 's'}")
    if keys.aliases:
        parts.append(f"also called {', '.join(keys.aliases)}")
    if keys.fallbacks:
        parts.append(f"falls back to {', '.join(keys.fallbacks)}")
    return "  ".join(parts)


async def _probe_all(configuration: Configuration) -> bool:
    """Probe all replicas side by side and print what came of it, in their order. Gives whether all is well."""
    asked = []
    for entry in configuration.entries:
        for index, url in enumerate(entry.keys.base_urls):
            options = upstream_options(entry)
            timeouts = structs.replace(options.timeouts, total=min(_PROBE_SECONDS, options.timeouts.total))
            # Nothing in the background, and no second attempt.
            one = replace(options, base_urls=(url,), retries=0, health_path=None, timeouts=timeouts)
            wanted = None if entry is configuration.listed else entry.keys.upstream_model or entry.id
            asked.append(_probe(entry.told(f"base_urls[{index}]"), one, wanted, entry.keys.dialect == AUTO))
    results = await asyncio.gather(*asked)
    for line, _ in results:
        click.echo(line)
    return all(well for _, well in results)


async def _probe(place: str, options: UpstreamOptions, wanted: str | None, recognises: bool) -> tuple[str, bool]:
    replicas = Replicas(options)
    await replicas.start()
    begun = time.monotonic()
    try:
        models = [model.id for model in await list_upstream_models(replicas)]
        took = f"{place}: answers in {(time.monotonic() - begun) * 1000:.0f} ms"
        if recognises:
            took += await _recognised(replicas)
    except ApiError as error:
        return f"{place}: failed ({error.code}): {error.message}", False
    finally:
        await replicas.close()
    if wanted is None:
        return f"{took}, has {', '.join(models)}", True
    if wanted in models:
        return f"{took}, has the model", True
    return f"{took}, but does not list the model that upstream_model names. It lists: {', '.join(models[:20])}", False


async def _recognised(replicas: Replicas) -> str:
    recognition = Recognition(replicas)
    recognition.start()
    try:
        await recognition.known()
    finally:
        await recognition.close()
    kind = next(iter(recognition.met.kinds), UNKNOWN.name)
    if kind == UNKNOWN.name:
        shows = "`parley certify URL` shows which parameters it honours"
        return f", is not recognised and is treated as OpenAI's API ({shows})"
    return f", is recognised as {kind}"
