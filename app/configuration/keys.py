"""Every key of the configuration file, with its type, its default and what it does.

A test compares the table in docs/settings.md with this one. `app.tables` reads a file into these classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta
from msgspec.structs import FieldInfo

from ..engines.transport.options import Seconds, Timeouts
from ..errors import ConfigurationError
from ..settings import Dialect, ModelFile, Natural, Positive, Template, Timeout, Unsupported
from ..tables import SECRET, Names, Table

Engine = Literal["llama", "upstream", "echo"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Bytes = Annotated[int, Meta(ge=1024)]
Price = Annotated[float, Meta(ge=0, le=1_000_000)]
HeaderValue = Annotated[str, Meta(pattern=r"\A[ -~]*\Z", description="a string of printable ASCII")]
HealthPath = Annotated[str, Meta(pattern=r"\A(/|\Z)", description="a path that begins with a slash, or empty")]

# Marks keys that are also allowed in ``defaults``.
COMMON = object()


@dataclass(frozen=True, slots=True)
class For:
    """Marks a key that only these engines support."""

    engines: tuple[Engine, ...]


LLAMA = For(("llama",))
UPSTREAM = For(("upstream",))


class CapabilityKeys(Table, frozen=True, kw_only=True):
    """Capabilities that a model has in addition to those of its dialect, and those of its dialect that it lacks."""

    add: Annotated[Names, "Capabilities that the upstream has beyond those of its dialect."] = ()
    remove: Annotated[Names, "Capabilities of the dialect that the upstream lacks."] = ()


class ModelKeys(Table, frozen=True, kw_only=True):
    """One model."""

    engine: Annotated[
        Engine,
        "Engine that answers: `llama`, `upstream` or `echo`. Required.",
    ]
    aliases: Annotated[
        Names,
        "Other names for the model in requests.",
    ] = ()
    fallbacks: Annotated[
        Names,
        "Models that answer instead, tried in this order, while this one is overloaded, unreachable or too late.",
    ] = ()
    fallbacks_by_capability: Annotated[
        bool,
        "Let one of the `fallbacks` that honours the whole request also answer when this model cannot honour "
        "one of its parameters.",
        COMMON,
    ] = False
    owned_by: Annotated[str | None, "Owner of the model in `GET /models`.", COMMON] = None
    context_length: Annotated[
        Annotated[int, Meta(ge=1, le=1 << 24)] | None,
        "Context per request, in tokens. Default: for a model file, the length that it was trained for, at "
        "most 8192; for an upstream, what it reports, else 8192.",
        COMMON,
    ] = None
    unsupported: Annotated[Unsupported | None, "`PARLEY_UNSUPPORTED` for this model.", COMMON] = None
    extra_parameters: Annotated[
        Names,
        "Parameters beyond the API's to accept; the choice depends on the engine and dialect.",
    ] = ()
    price_prompt: Annotated[Price, "Price of a million tokens of prompts, in the currency of budgets.", COMMON] = 0.0
    price_cached: Annotated[
        Price | None, "Price of a million tokens of prompts that were cached. Default: that of prompts.", COMMON
    ] = None
    price_completion: Annotated[Price, "Price of a million tokens of answers.", COMMON] = 0.0
    assumed_answer: Annotated[
        Positive | None,
        "Tokens to assume for an answer when a request sets no limit, for limits on tokens. Default: the context.",
        COMMON,
    ] = None
    max_in_flight: Annotated[Natural | None, "`PARLEY_MAX_IN_FLIGHT` for this model.", COMMON] = None
    max_waiting: Annotated[Natural | None, "`PARLEY_MAX_WAITING` for this model.", COMMON] = None
    max_wait: Annotated[Seconds | None, "`PARLEY_MAX_WAIT` for this model.", COMMON] = None
    reasoning: Annotated[
        bool,
        "Treat it as a reasoning model, which accepts only the defaults of sampling parameters, and "
        "`max_completion_tokens` instead of `max_tokens`.",
        For(("llama", "upstream")),
    ] = False
    path: Annotated[
        ModelFile | None,
        "GGUF file, the name of a downloaded model such as `smollm2`, or a model on a hub such as "
        "`hf:org/repo:file`. Default: the bundled model.",
        LLAMA,
    ] = None
    mmproj: Annotated[Path | None, "GGUF file of the model's projector, which lets it read images or audio.", LLAMA] = (
        None
    )
    chat_template: Annotated[
        Template | None,
        "Jinja file with the model's chat template, or `chatml`. Default: the template in the model's file.",
        LLAMA,
    ] = None
    threads: Annotated[
        Natural, "Threads that compute; 0: one for the bundled model, one per core for others.", LLAMA, COMMON
    ] = 0
    slots: Annotated[
        int, Meta(ge=1, le=256), "Requests that it works on at once; further ones wait.", LLAMA, COMMON
    ] = 4
    delay: Annotated[float, Meta(ge=0, le=60), "Pause between two chunks, in seconds.", For(("echo",)), COMMON] = 0.0
    calls_tools: Annotated[
        bool,
        "Call the first tool when the choice is the engine's own, unless the last message is a tool's result.",
        For(("echo",)),
    ] = False
    base_urls: Annotated[
        Names,
        "Addresses of the replicas, each without `/chat/completions`, such as `http://gpu-1:8000/v1`. Required.",
        UPSTREAM,
    ] = ()
    dialect: Annotated[
        Dialect,
        "Kind of server, which decides what it honours; with `auto` it is detected for each replica.",
        UPSTREAM,
        COMMON,
    ] = "auto"
    upstream_model: Annotated[str | None, "Name of the model at the upstream. Default: its id here.", UPSTREAM] = None
    key: Annotated[
        str | None,
        "API key for the upstream, written as `${NAME}` of an environment variable.",
        UPSTREAM,
        COMMON,
        SECRET,
    ] = None
    key_env: Annotated[str | None, "Name of the environment variable that holds the key.", UPSTREAM, COMMON] = None
    key_file: Annotated[Path | None, "File that holds the key.", UPSTREAM, COMMON] = None
    headers: Annotated[Mapping[str, HeaderValue], "Headers to send with each request.", UPSTREAM, COMMON, SECRET] = {}
    timeouts: Annotated[Timeouts, "How long the upstream may take.", UPSTREAM, COMMON] = Timeouts()
    retries: Annotated[
        int,
        Meta(ge=0, le=10),
        "Further attempts after the first, as long as no byte of an answer has arrived.",
        UPSTREAM,
        COMMON,
    ] = 2
    max_answer: Annotated[Bytes, "Largest whole answer in bytes.", UPSTREAM, COMMON] = 64 << 20
    max_event: Annotated[Bytes, "Largest event of a stream in bytes.", UPSTREAM, COMMON] = 16 << 20
    health_path: Annotated[
        HealthPath,
        "Path below each address that shows whether a replica is up; empty: no check.",
        UPSTREAM,
        COMMON,
    ] = "/models"
    probe_seconds: Annotated[
        Timeout, "Interval between two checks of a replica that is down, in seconds.", UPSTREAM, COMMON
    ] = 10.0
    trial: Annotated[
        Literal["health", "completion"],
        "What a failed replica must answer before it gets requests again: its `health_path` (`health`), or a "
        "request for one token (`completion`), for servers whose health check succeeds while generation "
        "fails.",
        UPSTREAM,
        COMMON,
    ] = "health"
    capabilities: Annotated[CapabilityKeys, "What it can do, where that differs from its dialect.", UPSTREAM] = (
        CapabilityKeys()
    )
    extra_body: Annotated[
        Mapping[str, Any],
        "Fields to send in the body unless the request sets them; clients do not see them.",
        UPSTREAM,
    ] = {}
    remote_media: Annotated[
        bool, "Accept images by address, which the upstream then fetches from its own network.", UPSTREAM
    ] = False


class FileKeys(Table, frozen=True, kw_only=True):
    """The whole file. The table of each model is read after the defaults are merged into it."""

    defaults: Annotated[Mapping[str, Any], "Keys for all models that do not say otherwise."] = {}
    models: Annotated[Mapping[str, dict[str, Any]], "The models, by their ids."] = {}


def engines_of(f: FieldInfo) -> tuple[Engine, ...]:
    """The engines that support a key."""
    return next((note.engines for note in f.type.__metadata__ if isinstance(note, For)), ENGINES)


def is_common(f: FieldInfo) -> bool:
    """Whether a key is also allowed in ``defaults``."""
    return COMMON in f.type.__metadata__


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model of a configuration. ``at`` is the path of its keys in the file, for messages; see `ModelKeys` for the
    keys."""

    id: str
    at: str
    source: str
    keys: ModelKeys

    def told(self, key: str) -> str:
        """The file and path of one of its keys, for messages."""
        return f"{self.source}: {self.at}.{key}"

    def fail(self, key: str, rule: str) -> ConfigurationError:
        """The error to raise for one of its keys."""
        return ConfigurationError(f"{self.told(key)} {rule}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is served: ``models``; or, if the upstream itself lists its models, the entry ``listed``."""

    models: tuple[Entry, ...] = ()
    listed: Entry | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.models if self.listed is None else (*self.models, self.listed)
