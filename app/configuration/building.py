"""The engines that a configuration asks for, and the model processes that they need."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..chat.limiter import Bounds, Limiters
from ..engines.base import Engine, Model
from ..engines.dialects.dialect import Upstream
from ..engines.discovery import DiscoveringEngine
from ..engines.echo import MODEL, EchoEngine
from ..engines.extra import check_extra
from ..engines.llama.engine import LlamaEngine
from ..engines.llama.model_file import ModelFile, ServedModel, served_model
from ..engines.registry import Registry
from ..engines.transport.options import Timeouts, UpstreamOptions
from ..engines.transport.replicas import Replicas
from ..engines.upstream import UpstreamEngine, model_of
from ..errors import ConfigurationError
from ..model_process.address import address_from_environment
from ..settings import Settings
from .keys import Configuration, Entry
from .loading import key_of


@dataclass(frozen=True, slots=True)
class Built:
    """``engine`` answers for all models, ``served`` are the model processes that it needs, in their order. ``limiters``
    keep load off the models. ``extra`` are the parameters beyond the API's that some model takes."""

    engine: Engine
    served: tuple[ServedModel, ...]
    limiters: Limiters
    extra: frozenset[str]


def build(configuration: Configuration, settings: Settings, environ: Mapping[str, str] = os.environ) -> Built:
    """Build engines, none of them started.

    Raises:
        ConfigurationError: a model file, or what is said of a model, cannot be used.
    """
    engines: list[Engine] = []
    served: list[ServedModel] = []
    for entry in configuration.models:
        if entry.keys.engine == "llama":
            model = _served(entry)
            said = replace(model.model, owned_by=entry.keys.owned_by or model.model.owned_by, **_said(entry))
            engines.append(_llama(model, said, len(served), settings))
            served.append(model)
        elif entry.keys.engine == "echo":
            engines.append(_echo(entry))
        else:
            engines.append(_upstream(entry, environ))
    if configuration.listed is not None:
        engines.append(_listing(configuration.listed, environ))
    bounds = {entry.id: _bounds(entry, settings) for entry in configuration.models}
    usual = Bounds(settings.max_in_flight, settings.max_waiting, settings.max_wait)
    extra = frozenset(name for entry in configuration.entries for name in entry.keys.extra_parameters)
    return Built(Registry(engines), tuple(served), Limiters(usual, bounds), extra)


def served_models(configuration: Configuration) -> tuple[ServedModel, ...]:
    """The model processes that a configuration needs; raises as `build`."""
    return tuple(_served(entry) for entry in configuration.models if entry.keys.engine == "llama")


def upstream_options(entry: Entry, environ: Mapping[str, str] = os.environ) -> UpstreamOptions:
    """How the upstream of a model is reached.

    Raises:
        ConfigurationError: its key is not there, or a value cannot be used.
    """
    keys = entry.keys
    try:
        return UpstreamOptions(
            name=entry.id,
            base_urls=keys.base_urls,
            key=key_of(entry, environ),
            headers=keys.headers,
            timeouts=Timeouts(
                connect=keys.timeouts.connect,
                first_byte=keys.timeouts.first_byte,
                idle=keys.timeouts.idle,
                total=keys.timeouts.total,
            ),
            retries=keys.retries,
            max_answer=keys.max_answer,
            max_event=keys.max_event,
            health_path=keys.health_path or None,
            probe_seconds=keys.probe_seconds,
        )
    except ConfigurationError as error:
        prefix = f"{entry.source}: {entry.at}: " if entry.at and not str(error).startswith(entry.source) else ""
        raise ConfigurationError(f"{prefix}{error}") from None


def _said(entry: Entry) -> dict[str, Any]:
    """What a configuration says of any model."""
    keys = entry.keys
    return {
        "unsupported": keys.unsupported,
        "extra_parameters": frozenset(keys.extra_parameters),
        "aliases": keys.aliases,
        "fallbacks": keys.fallbacks,
    }


def _bounds(entry: Entry, settings: Settings) -> Bounds:
    keys = entry.keys
    return Bounds(
        settings.max_in_flight if keys.max_in_flight is None else keys.max_in_flight,
        settings.max_waiting if keys.max_waiting is None else keys.max_waiting,
        settings.max_wait if keys.max_wait is None else keys.max_wait,
    )


def _served(entry: Entry) -> ServedModel:
    keys = entry.keys
    names = {"path": "path", "projector": "mmproj", "context_length": "context_length", "slots": "slots"}
    return served_model(
        ModelFile(
            model_id=entry.id or None,
            path=keys.path,
            projector=keys.mmproj,
            context_length=keys.context_length or 0,
            threads=keys.threads,
            slots=keys.slots,
            extra_parameters=keys.extra_parameters,
            told={part: entry.told(key) for part, key in {**names, "extra_parameters": "extra_parameters"}.items()},
        )
    )


def _llama(served: ServedModel, model: Model, number: int, settings: Settings) -> Engine:
    """The engine of the server's model process with a number. ``model`` is what is said of it."""
    return LlamaEngine(
        model,
        context_length=served.options.context_length,
        address=partial(address_from_environment, number),
        slots=served.options.slots,
        max_schemas=settings.max_schemas,
    )


def _echo(entry: Entry) -> Engine:
    keys = entry.keys
    check_extra(keys.extra_parameters, (), entry.told("extra_parameters"))
    model = replace(
        MODEL,
        id=entry.id,
        owned_by=keys.owned_by or MODEL.owned_by,
        context_length=keys.context_length or MODEL.context_length,
        **_said(entry),
    )
    return EchoEngine(delay=keys.delay, model=model)


def _upstream(entry: Entry, environ: Mapping[str, str]) -> Engine:
    keys = entry.keys
    model = model_of(
        entry.id,
        keys.dialect,
        context_length=keys.context_length,
        owned_by=keys.owned_by or "upstream",
        created=_time_of(entry.source),
    )
    return _relay(entry, model, keys.upstream_model or entry.id, Replicas(upstream_options(entry, environ)))


def _listing(entry: Entry, environ: Mapping[str, str]) -> Engine:
    options = upstream_options(entry, environ)

    def relay(model: Model, replicas: Replicas) -> Engine:
        return _relay(entry, model, model.id, replicas)

    return DiscoveringEngine(lambda: Replicas(options), relay, entry.keys.dialect)


def _relay(entry: Entry, model: Model, upstream_model: str, replicas: Replicas) -> UpstreamEngine:
    keys = entry.keys
    capabilities = (model.capabilities | frozenset(keys.capabilities.add)) - frozenset(keys.capabilities.remove)
    upstream = Upstream(
        replace(model, capabilities=capabilities, **_said(entry)),
        upstream_model,
        extra=keys.extra_body,
        remote_media=keys.remote_media,
    )
    return UpstreamEngine(upstream, keys.dialect, replicas)


def _time_of(source: str) -> int:
    """When a configuration was written, in Unix seconds: since then there is what it describes."""
    return int(Path(source).stat().st_mtime)
