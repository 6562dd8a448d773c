"""Builds the engines that a configuration describes, and lists the model processes that they need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from yarl import URL

from ..chat.limiter import Bounds, Limiters
from ..engines.auto import AutoEngine
from ..engines.base import OPERATIONS, Engine, Model, Price, reasoning_model
from ..engines.dialects.dialect import UpstreamModel
from ..engines.dialects.known import AUTO, KINDS
from ..engines.dialects.recognising import by_host
from ..engines.discovery import DiscoveringEngine
from ..engines.echo import MODEL, EchoEngine
from ..engines.extra import check_extra
from ..engines.llama.embedding import LlamaEmbedder
from ..engines.llama.engine import LlamaEngine
from ..engines.recognition import Met, Recognition
from ..engines.registry import Registry
from ..engines.transport.options import UpstreamOptions
from ..engines.transport.replicas import Replicas
from ..engines.upstream import UpstreamEngine, as_served, model_of, trial_of, with_length
from ..model_process.address import address_from_environment
from ..settings import Settings, state_folder
from .capabilities import honours
from .keys import Configuration, Entry, ModelKeys
from .model_file import ServedModel, served_model

# Characters of a model's upstream in a record of usage.
_LONGEST_TOLD = 256
# Billionths of the currency for a token, for each unit of the price of a million tokens.
_PER_TOKEN = 1000


@dataclass(frozen=True, slots=True)
class Built:
    """The engines that were built. ``engine`` answers for all models, ``served`` are the model processes that it needs,
    in order. ``limiters`` limit the load on the models. ``extra`` are the parameters beyond the API that any of the
    models accepts. ``warns``: at least one model has the policy ``warn``, which leaves out what it cannot honour."""

    engine: Engine
    served: tuple[ServedModel, ...]
    limiters: Limiters
    extra: frozenset[str]
    warns: bool = False


def build(configuration: Configuration, settings: Settings) -> Built:
    """Build engines, none of them started.

    Raises:
        ConfigurationError: a model file, or the configuration of a model, cannot be used.
    """
    engines: list[Engine] = []
    served: list[ServedModel] = []
    for entry in configuration.models:
        if entry.keys.engine == "llama":
            model = served_model(entry, state_folder(settings))
            engines.append(_llama(model, _described(model.model, entry), len(served), settings))
            served.append(model)
        elif entry.keys.engine == "echo":
            engines.append(_echo(entry))
        else:
            engines.append(_upstream(entry))
    if configuration.listed is not None:
        engines.append(_listing(configuration.listed))
    bounds = {entry.id: _bounds(entry, settings) for entry in configuration.models}
    usual = Bounds(settings.max_in_flight, settings.max_waiting, settings.max_wait)
    extra = frozenset(name for entry in configuration.entries for name in entry.keys.extra_parameters)
    warns = any(entry.keys.unsupported == "warn" for entry in configuration.entries)
    return Built(Registry(engines), tuple(served), Limiters(usual, bounds), extra, warns)


def served_models(configuration: Configuration, settings: Settings) -> tuple[ServedModel, ...]:
    """The model processes that a configuration needs; raises as `build`."""
    state = state_folder(settings)
    return tuple(served_model(entry, state) for entry in configuration.models if entry.keys.engine == "llama")


def upstream_options(entry: Entry) -> UpstreamOptions:
    """The options for connecting to the upstream of a model."""
    keys = entry.keys
    return UpstreamOptions(
        name=entry.id,
        base_urls=keys.base_urls,
        key=keys.key,
        headers=keys.headers,
        timeouts=keys.timeouts,
        retries=keys.retries,
        max_answer=keys.max_answer,
        max_event=keys.max_event,
        health_path=keys.health_path or None,
        probe_seconds=keys.probe_seconds,
    )


def _described(model: Model, entry: Entry) -> Model:
    """A model with its configured properties."""
    keys = entry.keys
    return replace(
        model,
        owned_by=keys.owned_by or model.owned_by,
        capabilities=reasoning_model(model.capabilities) if keys.reasoning else model.capabilities,
        unsupported=keys.unsupported,
        extra_parameters=frozenset(keys.extra_parameters),
        aliases=keys.aliases,
        fallbacks=keys.fallbacks,
        fallbacks_by_capability=keys.fallbacks_by_capability,
        upstream=", ".join(URL(address).authority for address in keys.base_urls)[:_LONGEST_TOLD],
        price=_price(keys),
        assumed_answer=keys.assumed_answer or model.assumed_answer,
    )


def _price(keys: ModelKeys) -> Price:
    """The price of a token: the configuration has that of a million of them."""
    cached = keys.price_prompt if keys.price_cached is None else keys.price_cached
    return Price(keys.price_prompt * _PER_TOKEN, cached * _PER_TOKEN, keys.price_completion * _PER_TOKEN)


def _bounds(entry: Entry, settings: Settings) -> Bounds:
    keys = entry.keys
    return Bounds(
        settings.max_in_flight if keys.max_in_flight is None else keys.max_in_flight,
        settings.max_waiting if keys.max_waiting is None else keys.max_waiting,
        settings.max_wait if keys.max_wait is None else keys.max_wait,
    )


def _llama(served: ServedModel, model: Model, number: int, settings: Settings) -> Engine:
    """The engine for the model process with this number. ``model`` is its description."""
    if served.options.embeds:
        return LlamaEmbedder(model, address=partial(address_from_environment, number))
    return LlamaEngine(
        model,
        context_length=served.options.context_length,
        address=partial(address_from_environment, number),
        slots=served.options.slots,
        max_schemas=settings.max_schemas,
        vocabulary=served.vocabulary,
    )


def _echo(entry: Entry) -> Engine:
    keys = entry.keys
    check_extra(keys.extra_parameters, (), entry.told("extra_parameters"))
    model = replace(
        MODEL,
        id=entry.id,
        context_length=keys.context_length or MODEL.context_length,
    )
    return EchoEngine(delay=keys.delay, calls_tools=keys.calls_tools, model=_described(model, entry))


def _upstream(entry: Entry) -> Engine:
    keys = entry.keys
    model = model_of(
        entry.id,
        keys.dialect,
        context_length=keys.context_length,
        owned_by=keys.owned_by or "upstream",
        created=_time_of(entry.source),
    )
    upstream = _upstream_model(entry, model, keys.upstream_model or entry.id)
    options = upstream_options(entry)
    if keys.trial == "completion":
        hosts = {by_host(url) for url in keys.base_urls}
        spoken = hosts.pop() if keys.dialect == AUTO and len(hosts) == 1 else keys.dialect
        options = replace(options, trial=trial_of(upstream, spoken or AUTO))
    replicas = Replicas(options)
    if keys.dialect == AUTO:
        return _recognising(entry, model, upstream.name, replicas, Recognition(replicas))
    return UpstreamEngine(upstream, keys.dialect, replicas)


def _listing(entry: Entry) -> Engine:
    options = upstream_options(entry)

    def relay(model: Model, replicas: Replicas, recognition: Recognition | None) -> Engine:
        if recognition is not None:
            return _recognising(entry, model, model.id, replicas, recognition)
        return UpstreamEngine(_upstream_model(entry, model, model.id), entry.keys.dialect, replicas)

    return DiscoveringEngine(lambda: Replicas(options), relay, entry.keys.dialect)


def _recognising(entry: Entry, model: Model, name: str, replicas: Replicas, recognition: Recognition) -> Engine:
    """The engine of a model whose servers' dialect is detected. ``name`` is the model's name on the servers."""

    def describe(kind: str, met: Met) -> UpstreamModel:
        length = entry.keys.context_length or met.lengths.get(name)
        upstream = _upstream_model(entry, with_length(as_served(model, kind), length), name)
        # Each kind of server has its own extra parameters; keep those that are configured.
        extra = upstream.model.extra_parameters & KINDS[kind].extra_parameters
        return replace(upstream, model=replace(upstream.model, extra_parameters=extra))

    return AutoEngine(describe, honours, replicas, recognition)


def _upstream_model(entry: Entry, model: Model, name: str) -> UpstreamModel:
    """A model with the name that its upstream uses, and its configured properties."""
    keys = entry.keys
    added, removed = frozenset(keys.capabilities.add), frozenset(keys.capabilities.remove)
    model = replace(
        model,
        capabilities=(model.capabilities | added - OPERATIONS) - removed,
        operations=(model.operations | added & OPERATIONS) - removed,
    )
    return UpstreamModel(
        _described(model, entry),
        name,
        extra=keys.extra_body,
        remote_media=keys.remote_media,
    )


def _time_of(source: str) -> int:
    """When a configuration was last changed, in Unix seconds; used as the creation time of its models."""
    return int(Path(source).stat().st_mtime)
