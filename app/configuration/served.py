"""Builds the engine that the settings describe, for the application and for commands."""

from __future__ import annotations

import asyncio

from ..chat.limiter import Limiters
from ..engines.base import Engine, Model
from ..engines.echo import EchoEngine
from ..errors import ConfigurationError
from ..settings import Settings
from .building import Built
from .building import build as build_engines
from .chosen import chosen

# How long a command waits for an upstream to list its models, and how often it checks, in seconds.
_ASK_SECONDS = 10.0
_PAUSE = 0.02


def engine_of(settings: Settings) -> Built:
    """Build the engine that the configuration or the settings describe. If mocks answer everything, return an engine
    that gets no requests and needs no model file.

    Raises:
        ConfigurationError: the configuration, or something that it names, cannot be used.
    """
    if settings.mock == "all":
        return built_of(EchoEngine())
    return build_engines(chosen(settings), settings)


def built_of(engine: Engine) -> Built:
    """Wrap an engine that does not come from a configuration."""
    extra = frozenset(name for model in engine.models for name in model.extra_parameters)
    return Built(engine, (), Limiters(), extra, any(model.unsupported == "warn" for model in engine.models))


def known_models(settings: Settings) -> tuple[Model, ...]:
    """The served models, for commands. If the models or the dialect are known only to the upstream, it is queried.

    Raises:
        ConfigurationError: as `engine_of`, or the upstream does not list its models.
    """
    engine = engine_of(settings).engine
    models = engine.models
    return models if models and all(model.meet is None for model in models) else asyncio.run(_ask_models(engine))


async def _ask_models(engine: Engine) -> tuple[Model, ...]:
    await engine.start()
    try:
        for _ in range(int(_ASK_SECONDS / _PAUSE)):
            if models := engine.models:
                await asyncio.gather(*(model.meet() for model in models if model.meet is not None))
                return engine.models
            await asyncio.sleep(_PAUSE)
        raise ConfigurationError("The upstream does not say which models it has.")
    finally:
        await engine.close()
