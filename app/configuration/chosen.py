"""Determines what is served: by the configuration file, or without one by the settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..engines.echo import MODEL
from ..errors import ConfigurationError
from ..settings import Settings, variable
from .keys import Configuration, Entry, ModelKeys
from .loading import anchored, checked_upstream, load

# Settings that select the served model.
_UPSTREAM = ("upstream_url", "upstream_api_key", "upstream_dialect")
_MODEL = (
    *("engine", "model", "mmproj", "chat_template", "model_id"),
    *("model_context", "model_threads", "model_slots", "echo_delay", "echo_calls_tools"),
)

# The settings that replace keys of a model if there is no configuration file.
_SETTINGS_OF_KEYS = {
    "path": "PARLEY_MODEL",
    "mmproj": "PARLEY_MMPROJ",
    "chat_template": "PARLEY_CHAT_TEMPLATE",
    "context_length": "PARLEY_MODEL_CONTEXT",
    "threads": "PARLEY_MODEL_THREADS",
    "slots": "PARLEY_MODEL_SLOTS",
    "extra_parameters": "PARLEY_EXTRA_PARAMETERS",
    "base_urls": "PARLEY_UPSTREAM_URL",
    "key": "PARLEY_UPSTREAM_API_KEY",
    "dialect": "PARLEY_UPSTREAM_DIALECT",
}


def chosen(settings: Settings, environ: Mapping[str, str] = os.environ) -> Configuration:
    """The configuration to serve. This sends no network requests.

    Raises:
        ConfigurationError: the file or a setting cannot be used, or they contradict each other.
    """
    if settings.config is not None:
        _refuse(
            settings,
            (*_UPSTREAM, *_MODEL, "extra_parameters"),
            "is set, but PARLEY_CONFIG says which models are served: leave one of the two out.",
        )
        return load(settings.config, environ)
    if settings.upstream_url is not None:
        _refuse(
            settings, _MODEL, "is set, but PARLEY_UPSTREAM_URL says where answers come from: leave one of the two out."
        )
        return Configuration(listed=_upstream(settings))
    _refuse(settings, _UPSTREAM, "is set, and PARLEY_UPSTREAM_URL is not: set both or neither.")
    return Configuration(models=(_local(settings),))


class _OfSettings(Entry):
    """An entry whose keys come from settings."""

    __slots__ = ()

    def told(self, key: str) -> str:
        return _SETTINGS_OF_KEYS.get(key.partition("[")[0], key)


def _upstream(settings: Settings) -> Entry:
    assert settings.upstream_url is not None
    keys = ModelKeys(
        engine="upstream",
        base_urls=(settings.upstream_url,),
        key=settings.upstream_api_key,
        dialect=settings.upstream_dialect,
        extra_parameters=settings.extra_parameters,
    )
    return checked_upstream(_OfSettings(id="upstream", at="", source="PARLEY_UPSTREAM_URL", keys=keys), {})


def _local(settings: Settings) -> Entry:
    if settings.engine == "echo":
        keys = ModelKeys(
            engine="echo",
            delay=settings.echo_delay,
            calls_tools=settings.echo_calls_tools,
            extra_parameters=settings.extra_parameters,
        )
        return _OfSettings(id=MODEL.id, at="", source="", keys=keys)
    keys = ModelKeys(
        engine="llama",
        path=anchored(settings.model, Path()),
        mmproj=settings.mmproj,
        chat_template=anchored(settings.chat_template, Path()),
        context_length=settings.model_context or None,
        threads=settings.model_threads,
        slots=settings.model_slots,
        extra_parameters=settings.extra_parameters,
    )
    return _OfSettings(id=settings.model_id or "", at="", source="", keys=keys)


def _refuse(settings: Settings, names: Iterable[str], rule: str) -> None:
    """Refuse those of the named settings that differ from their defaults."""
    usual = Settings()
    for name in names:
        if getattr(settings, name) != getattr(usual, name):
            raise ConfigurationError(f"{variable(name)} {rule}")
