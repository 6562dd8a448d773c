"""Every key of the configuration file, typed, with its default and what it does.

README's table is held against this one by a test. `app.tables` reads a file into these classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from msgspec import Meta
from msgspec.structs import FieldInfo

from ..engines.transport.options import Seconds, Timeouts
from ..errors import ConfigurationError
from ..settings import Dialect, ModelFile, Natural, Template, Timeout, Unsupported
from ..tables import SECRET, Names, Table

Engine = Literal["llama", "upstream", "echo"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Bytes = Annotated[int, Meta(ge=1024)]
HeaderValue = Annotated[str, Meta(pattern=r"\A[ -~]*\Z", description="a text of printable ASCII")]
HealthPath = Annotated[str, Meta(pattern=r"\A(/|\Z)", description="a path that begins with a slash, or empty")]

# Marks keys that may stand in ``defaults`` too.
COMMON = object()


@dataclass(frozen=True, slots=True)
class For:
    """Marks a key that only these engines know."""

    engines: tuple[Engine, ...]


LLAMA = For(("llama",))
UPSTREAM = For(("upstream",))


class CapabilityKeys(Table, frozen=True, kw_only=True):
    """What a model can do besides what its dialect says, and what of that it cannot."""

    add: Annotated[Names, "Capabilities that the upstream has beyond those of its dialect."] = ()
    remove: Annotated[Names, "Capabilities of the dialect that the upstream lacks."] = ()


class ModelKeys(Table, frozen=True, kw_only=True):
    """One model."""

    engine: Annotated[Engine, "Where answers come from: `llama`, `upstream` or `echo`. Required."]
    aliases: Annotated[Names, "Other names by which requests may ask for the model."] = ()
    fallbacks: Annotated[
        Names,
        "Models that answer instead while this one is overloaded, cannot be reached or is too late; in this order.",
    ] = ()
    fallbacks_by_capability: Annotated[
        bool,
        "Let one of the `fallbacks` answer too when this model cannot honour a parameter, and that one all of them.",
        COMMON,
    ] = False
    owned_by: Annotated[str | None, "What `GET /models` says of its owner.", COMMON] = None
    context_length: Annotated[
        Annotated[int, Meta(ge=1, le=1 << 24)] | None,
        "Tokens of context per request. Without it: what a model file was trained for, at most 8192; what an "
        "upstream says, else 8192.",
        COMMON,
    ] = None
    unsupported: Annotated[Unsupported | None, "As `PARLEY_UNSUPPORTED`, for this model.", COMMON] = None
    extra_parameters: Annotated[
        Names,
        "Parameters beyond the API's that requests may have; which there are depends on the engine and dialect.",
    ] = ()
    max_in_flight: Annotated[Natural | None, "As `PARLEY_MAX_IN_FLIGHT`, for this model.", COMMON] = None
    max_waiting: Annotated[Natural | None, "As `PARLEY_MAX_WAITING`, for this model.", COMMON] = None
    max_wait: Annotated[Seconds | None, "As `PARLEY_MAX_WAIT`, for this model.", COMMON] = None
    reasoning: Annotated[
        bool,
        "Whether it is a reasoning model, which takes sampling parameters at their defaults only, and "
        "`max_completion_tokens` instead of `max_tokens`.",
        For(("llama", "upstream")),
    ] = False
    path: Annotated[
        ModelFile | None,
        "GGUF file, the name of a model that was pulled, such as `smollm2`, or one on a hub, as `hf:org/repo:file`. "
        "Without it: the bundled model.",
        LLAMA,
    ] = None
    mmproj: Annotated[
        Path | None, "GGUF file of the model's projector, with which it reads images or audio.", LLAMA
    ] = None
    chat_template: Annotated[
        Template | None,
        "Jinja file with the model's chat template, or `chatml`. Without it: the one in the file.",
        LLAMA,
    ] = None
    threads: Annotated[
        Natural, "Threads that compute; 0: one for the bundled model, else one per core.", LLAMA, COMMON
    ] = 0
    slots: Annotated[int, Meta(ge=1, le=256), "Requests that it works on at once; more wait.", LLAMA, COMMON] = 4
    delay: Annotated[float, Meta(ge=0, le=60), "Seconds between two chunks.", For(("echo",)), COMMON] = 0.0
    calls_tools: Annotated[
        bool,
        "Whether it calls the first tool by its own choice too, unless the last message is a result.",
        For(("echo",)),
    ] = False
    base_urls: Annotated[
        Names,
        "Addresses of the replicas, each up to `/v1`: what `/chat/completions` is added to. Required.",
        UPSTREAM,
    ] = ()
    dialect: Annotated[
        Dialect,
        "What kind of server it is, which says what it honours; with `auto` that is found out, of each replica.",
        UPSTREAM,
        COMMON,
    ] = "auto"
    upstream_model: Annotated[str | None, "What the upstream calls the model. Without it: its id here.", UPSTREAM] = (
        None
    )
    key: Annotated[str | None, "Key of the upstream, as `${NAME}` of a variable.", UPSTREAM, COMMON, SECRET] = None
    key_env: Annotated[str | None, "Name of the variable that holds the key.", UPSTREAM, COMMON] = None
    key_file: Annotated[Path | None, "File that holds the key.", UPSTREAM, COMMON] = None
    headers: Annotated[Mapping[str, HeaderValue], "Headers sent with each request.", UPSTREAM, COMMON, SECRET] = {}
    timeouts: Annotated[Timeouts, "How long the upstream may take.", UPSTREAM, COMMON] = Timeouts()
    retries: Annotated[
        int, Meta(ge=0, le=10), "Attempts after the first, before the first byte of an answer.", UPSTREAM, COMMON
    ] = 2
    max_answer: Annotated[Bytes, "Most bytes of a whole answer.", UPSTREAM, COMMON] = 64 << 20
    max_event: Annotated[Bytes, "Most bytes of one event of a stream.", UPSTREAM, COMMON] = 16 << 20
    health_path: Annotated[
        HealthPath,
        "Path below each address that tells whether a replica is up; empty: none is asked.",
        UPSTREAM,
        COMMON,
    ] = "/models"
    probe_seconds: Annotated[Timeout, "Seconds between two looks at a replica that is down.", UPSTREAM, COMMON] = 10.0
    trial: Annotated[
        Literal["health", "completion"],
        "What a replica that failed must answer before it gets requests again: `health`, its `health_path`, or "
        "`completion`, a request for one token, as servers may answer the one while the other fails.",
        UPSTREAM,
        COMMON,
    ] = "health"
    capabilities: Annotated[CapabilityKeys, "What it can do, where that is not what its dialect says.", UPSTREAM] = (
        CapabilityKeys()
    )
    extra_body: Annotated[
        Mapping[str, Any],
        "Fields of the body that are sent unless the request says otherwise; clients do not see them.",
        UPSTREAM,
    ] = {}
    remote_media: Annotated[
        bool, "Let requests name pictures by address, which the upstream then fetches from where it stands.", UPSTREAM
    ] = False


class FileKeys(Table, frozen=True, kw_only=True):
    """The file as a whole. Tables of models are read with the defaults put in."""

    defaults: Annotated[Mapping[str, Any], "Keys for all models that do not say otherwise."] = {}
    models: Annotated[Mapping[str, dict[str, Any]], "The models, by their ids."] = {}


def engines_of(f: FieldInfo) -> tuple[Engine, ...]:
    """The engines that know a key."""
    return next((note.engines for note in f.type.__metadata__ if isinstance(note, For)), ENGINES)


def is_common(f: FieldInfo) -> bool:
    """Whether a key may stand in ``defaults`` too."""
    return COMMON in f.type.__metadata__


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
