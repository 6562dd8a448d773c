"""Every key of the configuration file, typed, with its default and what it does.

README's table is held against this one by a test. `app.configuration.reading` reads a file into these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engines.dialects.known import DIALECTS
from ..errors import ConfigurationError

ENGINES = ("llama", "upstream", "echo")
DAY = 86400


def _key(default: Any, help: str, **rules: Any) -> Any:
    """A key. ``engines`` are those that know it, all without it; ``common``: it may stand in ``defaults`` too.
    ``secret``: its text comes from elsewhere and is shown nowhere."""
    given = {"default_factory": dict} if default == {} else {"default": default}
    return field(**given, repr=not rules.get("secret"), metadata={"help": help, **rules})


def _llama(default: Any, help: str, **rules: Any) -> Any:
    return _key(default, help, engines=("llama",), **rules)


def _upstream(default: Any, help: str, **rules: Any) -> Any:
    return _key(default, help, engines=("upstream",), **rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutKeys:
    """In seconds."""

    connect: float = _key(5.0, "Seconds until a connection stands.", minimum=0.001, maximum=DAY)
    first_byte: float = _key(60.0, "Seconds until an answer begins.", minimum=0.001, maximum=DAY)
    idle: float = _key(60.0, "Seconds between two pieces of an answer.", minimum=0.001, maximum=DAY)
    total: float = _key(600.0, "Seconds for a request with all its attempts.", minimum=0.001, maximum=DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityKeys:
    """What a model can do besides what its dialect says, and what of that it cannot."""

    add: tuple[str, ...] = _key((), "Capabilities that the upstream has beyond those of its dialect.")
    remove: tuple[str, ...] = _key((), "Capabilities of the dialect that the upstream lacks.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKeys:
    """One model."""

    engine: str = _key(None, "Where answers come from: `llama`, `upstream` or `echo`. Required.", choices=ENGINES)
    aliases: tuple[str, ...] = _key((), "Other names by which requests may ask for the model.")
    fallbacks: tuple[str, ...] = _key(
        (), "Models that answer instead while this one is overloaded, cannot be reached or is too late; in this order."
    )
    owned_by: str | None = _key(None, "What `GET /models` says of its owner.", common=True)
    context_length: int | None = _key(
        None,
        "Tokens of context per request. Without it: what a model file was trained for, at most 8192; what an "
        "upstream says, else 8192.",
        minimum=1,
        maximum=1 << 24,
        common=True,
    )
    unsupported: str | None = _key(
        None, "As `PARLEY_UNSUPPORTED`, for this model.", choices=("refuse", "warn"), common=True
    )
    extra_parameters: tuple[str, ...] = _key(
        (), "Parameters beyond the API's that requests may have; which there are depends on the engine and dialect."
    )
    max_in_flight: int | None = _key(None, "As `PARLEY_MAX_IN_FLIGHT`, for this model.", minimum=0, common=True)
    max_waiting: int | None = _key(None, "As `PARLEY_MAX_WAITING`, for this model.", minimum=0, common=True)
    max_wait: float | None = _key(
        None, "As `PARLEY_MAX_WAIT`, for this model.", minimum=0.001, maximum=DAY, common=True
    )
    path: Path | None = _llama(None, "GGUF file. Without it: the bundled model.")
    mmproj: Path | None = _llama(None, "GGUF file of the model's projector, with which it reads images or audio.")
    threads: int = _llama(
        0, "Threads that compute; 0: one for the bundled model, else one per core.", minimum=0, common=True
    )
    slots: int = _llama(4, "Requests that it works on at once; more wait.", minimum=1, maximum=256, common=True)
    delay: float = _key(0.0, "Seconds between two chunks.", minimum=0, maximum=60, engines=("echo",), common=True)
    base_urls: tuple[str, ...] = _upstream(
        (), "Addresses of the replicas, each up to `/v1`: what `/chat/completions` is added to. Required."
    )
    dialect: str = _upstream(
        "openai", "What kind of server it is, which says what it honours.", choices=tuple(DIALECTS), common=True
    )
    upstream_model: str | None = _upstream(None, "What the upstream calls the model. Without it: its id here.")
    key: str | None = _upstream(None, "Key of the upstream, as `${NAME}` of a variable.", secret=True, common=True)
    key_env: str | None = _upstream(None, "Name of the variable that holds the key.", common=True)
    key_file: Path | None = _upstream(None, "File that holds the key.", common=True)
    headers: Mapping[str, str] = _upstream({}, "Headers sent with each request.", secret=True, common=True)
    timeouts: TimeoutKeys = _upstream(TimeoutKeys(), "How long the upstream may take.", common=True)
    retries: int = _upstream(
        2, "Attempts after the first, before the first byte of an answer.", minimum=0, maximum=10, common=True
    )
    max_answer: int = _upstream(64 << 20, "Most bytes of a whole answer.", minimum=1024, common=True)
    max_event: int = _upstream(16 << 20, "Most bytes of one event of a stream.", minimum=1024, common=True)
    health_path: str = _upstream(
        "/models", "Path below each address that tells whether a replica is up; empty: none is asked.", common=True
    )
    probe_seconds: float = _upstream(
        10.0, "Seconds between two looks at a replica that is down.", minimum=0.1, maximum=DAY, common=True
    )
    capabilities: CapabilityKeys = _upstream(
        CapabilityKeys(), "What it can do, where that is not what its dialect says."
    )
    extra_body: Mapping[str, Any] = _upstream(
        {}, "Fields of the body that are sent unless the request says otherwise; clients do not see them."
    )
    remote_media: bool = _upstream(
        False, "Let requests name pictures by address, which the upstream then fetches from where it stands."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model of a configuration. ``at`` is where its keys stand, for messages; `ModelKeys` says the rest."""

    id: str
    at: str
    source: str
    keys: ModelKeys

    def told(self, key: str) -> str:
        """Where one of its keys stands, for messages."""
        return f"{self.source}: {self.at}.{key}"

    def fail(self, key: str, rule: str) -> ConfigurationError:
        """The error for one of its keys."""
        return ConfigurationError(f"{self.told(key)} {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is served: ``models``; or, where the upstream says which there are, ``listed`` of its own."""

    models: tuple[Entry, ...] = ()
    listed: Entry | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.models if self.listed is None else (*self.models, self.listed)
