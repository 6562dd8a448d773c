"""Every setting in one typed table: an environment variable, its default and what it does.

The variable of the field ``max_body`` is ``PARLEY_MAX_BODY``. README's table is held against this one by a test.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from msgspec import Meta
from msgspec.structs import fields

from .errors import ConfigurationError
from .tables import SECRET, Names, Table, base_type, read

PREFIX = "PARLEY_"
DAY = 86400

Dialect = Literal[
    "auto", "openai", "vllm", "sglang", "llama.cpp", "llama-cpp-python", "ollama", "transformers", "litellm"
]
Mock = Literal["off", "missing", "all"]
Unsupported = Literal["refuse", "warn"]
# What names the file of a model.
ModelFile = Annotated[
    str, Meta(pattern=r"\S", description="the path of a GGUF file, the name of a model, or hf:org/repo:file")
]
# A chat template of a model.
Template = Annotated[str, Meta(pattern=r"\S", description="the path of a Jinja file, or chatml")]
# Seconds that something may take at most: none at all would always be too late.
Timeout = Annotated[float, Meta(ge=0.1, le=DAY)]
Positive = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
Pair = Annotated[
    str,
    Meta(
        pattern=r"\A[^=\s]+=[^=\s]+\Z",
        description="pairs such as createChatCompletion=theirId, separated by commas",
    ),
]


class Settings(Table, frozen=True, kw_only=True):
    """The settings in force. Built by `Settings.from_environment`; tests build it directly."""

    host: Annotated[str, "Address to listen on."] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535), "Port to listen on."] = 8080
    api_keys: Annotated[Names, "API keys, separated by commas.", SECRET] = ()
    api_keys_file: Annotated[Path | None, "File of API keys, one a line; lines that begin with `#` are comments."] = (
        None
    )
    allow_generated_key: Annotated[
        bool, "Allow an address other than loopback although the only key is the generated one."
    ] = False
    state_dir: Annotated[
        Path | None,
        "Folder of the generated key and of the models that were pulled. Without it: `$XDG_STATE_HOME/parley`, else "
        "`~/.local/state/parley`.",
    ] = None
    spec: Annotated[Path | None, "The OpenAPI document to serve. Without it: the one that ships."] = None
    handlers: Annotated[
        Names,
        "Dotted Python packages, separated by commas, whose handlers come before the server's own.",
    ] = ()
    operations: Annotated[
        tuple[Pair, ...],
        "Other names of operations: `createChatCompletion=theirId,...` answers the document's operation `theirId` by "
        "the handler of `createChatCompletion`.",
    ] = ()
    basic_auth: Annotated[
        bool, "Let operations that the document secures by `http` `basic` be opened by a key as the password."
    ] = False
    lenient: Annotated[
        bool,
        "What of the document cannot be used is left out, named at the start, and answers 501; all else is served.",
    ] = False
    reload: Annotated[bool, "For development: each worker follows changes of the document while it runs."] = False
    conventions: Annotated[
        Literal["ours", "document"],
        "What errors look like and how streams end under `PARLEY_SPEC`: as everywhere (`ours`), or as the `document` "
        "has it, as far as it says.",
    ] = "ours"
    mock: Annotated[
        Mock,
        "What operations answer that the server has no handler for: 501 (`off`) or, with `missing`, a mock that fits "
        "the document; with `all` every operation answers with a mock.",
    ] = "off"
    config: Annotated[
        Path | None,
        "Configuration file in TOML, YAML or JSON that says which models are served, instead of the settings that "
        "follow from `PARLEY_UPSTREAM_URL` to `PARLEY_ECHO_CALLS_TOOLS`.",
    ] = None
    upstream_url: Annotated[
        str | None,
        "Address of another server that answers, up to `/v1`, such as `http://gpu-1:8000/v1`; the models that it lists "
        "are served.",
    ] = None
    upstream_api_key: Annotated[str | None, "Key of that server.", SECRET] = None
    upstream_dialect: Annotated[
        Dialect,
        "What kind of server it is: `openai`, `vllm`, `sglang`, `llama.cpp`, `llama-cpp-python`, `ollama`, "
        "`transformers` or `litellm`; with `auto` that is found out.",
    ] = "auto"
    engine: Annotated[Literal["llama", "echo"], "Where answers come from: `llama` (a model) or `echo` (a toy)."] = (
        "llama"
    )
    model: Annotated[
        ModelFile | None,
        "GGUF file to serve, the name of a model that was pulled, such as `smollm2`, or one on a hub, as "
        "`hf:org/repo:file`. Without it: the bundled `parley-tiny`.",
    ] = None
    mmproj: Annotated[
        Path | None,
        "GGUF file of the model's projector, with which it reads images or audio. Without it: text alone.",
    ] = None
    chat_template: Annotated[
        Template | None,
        "Jinja file with the model's chat template, or `chatml`. Without it: the one in the model's file.",
    ] = None
    model_id: Annotated[str | None, "Id of the model in the API. Without it: the file's stem."] = None
    model_context: Annotated[
        int,
        Meta(ge=0, le=1 << 24),
        "Tokens of context per request; 0: what the model was trained for, at most 8192.",
    ] = 0
    model_threads: Annotated[
        Natural, "Threads that the model computes with; 0: one for the bundled model, else one per core."
    ] = 0
    model_slots: Annotated[int, Meta(ge=1, le=256), "Requests that the model works on at once; more wait."] = 4
    extra_parameters: Annotated[
        Names,
        "Parameters beyond the API's, separated by commas, that requests to the model may have: `top_k`, `min_p`, "
        "`typical_p`, `repeat_penalty`, `ignore_eos`; for `PARLEY_UPSTREAM_URL` those of its dialect.",
    ] = ()
    echo_delay: Annotated[float, Meta(ge=0, le=60), "Seconds between two chunks of the `echo` engine."] = 0.0
    echo_calls_tools: Annotated[
        bool,
        "The `echo` engine calls the first tool by its own choice too, unless the last message is a tool's result.",
    ] = False
    model_probe: Annotated[
        float,
        Meta(ge=0, le=DAY),
        "Seconds that the process of a model may neither answer nor compute before it is killed and started again; 0: "
        "any time.",
    ] = 30.0
    unsupported: Annotated[
        Unsupported,
        "What happens to a parameter that a model cannot honour: `refuse` it by name, or `warn` and go on without it, "
        "named in the header `x-unsupported-parameters` and in the log.",
    ] = "refuse"
    max_in_flight: Annotated[
        Natural,
        "Most requests that a model works on at once, in each worker; 0: no bound. One that asks for several choices "
        "counts as that many.",
    ] = 0
    max_waiting: Annotated[
        Natural, "Most requests that wait for a model beyond that, in each worker; further ones get 503 at once."
    ] = 128
    max_wait: Annotated[float, Meta(ge=0.001, le=DAY), "Seconds that a request waits so before it gets 503."] = 30.0
    max_choices: Annotated[int, Meta(ge=1, le=128), "Most choices (`n`) for a request."] = 128
    max_total_tokens: Annotated[Positive, "Most tokens that the choices of a request with `n` over 1 may come to."] = (
        1 << 20
    )
    max_tools: Annotated[Positive, "Most tools or functions of a request."] = 128
    max_schemas: Annotated[
        Positive,
        "Most characters of the schemas and grammars of a request's tools together, and of the schema of its response "
        "format.",
    ] = 1_000_000
    max_body: Annotated[Positive, "Largest request body in bytes; larger ones get 413."] = 20 * 1024 * 1024
    max_values: Annotated[
        Positive,
        "Most values in a JSON body, of which an object, an array, a member of an object and an integer of many digits "
        "count as eight, and most fields and percent-encoded bytes in a form; bodies with more get 413.",
    ] = 500_000
    max_upload: Annotated[
        Positive, "Largest form with files in bytes; what is no file in it counts as `PARLEY_MAX_BODY` too."
    ] = 512 * 1024 * 1024
    body_timeout: Annotated[Timeout, "Seconds without a byte after which an unfinished request gets 408."] = 60.0
    min_body_rate: Annotated[
        Natural,
        "Bytes a second that a body must have come with on the whole, once `PARLEY_BODY_TIMEOUT` has passed; slower "
        "ones get 408. 0: no bound.",
    ] = 500
    ping_interval: Annotated[
        Timeout,
        "Seconds after which an idle stream sends a `: ping` comment, and the longest time that a stream's "
        "headers wait for its first event.",
    ] = 15.0
    write_timeout: Annotated[Timeout, "Seconds after which a client that does not read its answer is dropped."] = 60.0
    max_connections: Annotated[
        Natural,
        "Most connections of clients at once, in each worker; 0: as many as the limit of open files leaves room for, "
        "at most 4096. For a new one beyond that the one idle for longest is closed; when none is, it gets 503.",
    ] = 0
    graceful_timeout: Annotated[
        int, Meta(ge=0, le=DAY), "Seconds that running answers get to finish at a graceful stop."
    ] = 120
    cors_origins: Annotated[
        Names,
        "Origins, separated by commas, whose pages may call the API; `*` for all. Without it: none.",
    ] = ()
    log_format: Annotated[Literal["text", "json"], "Form of the request log: `text` or `json`, a line each."] = "text"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables with the prefix ``PARLEY_``; the empty string is as good as none.

        Raises:
            ConfigurationError: a value cannot be read or is out of bounds.
        """
        environ = os.environ if environ is None else environ
        values = {}
        for f in fields(cls):
            if text := environ.get(variable(f.name), "").strip():
                values[f.name] = _value(f.name, base_type(f.type), text)
        return read(cls, values, _error)


def variable(name: str) -> str:
    """The environment variable of a field of `Settings`."""
    return PREFIX + name.upper()


def state_folder(settings: Settings) -> Path:
    """The folder of what the server keeps, which need not be there yet."""
    if settings.state_dir is not None:
        return settings.state_dir
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG base directory specification: a relative path is to be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "parley"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that are no settings: perhaps typing errors, which would leave a default in force."""
    known = {variable(name) for name in Settings.__struct_fields__}
    # The last are published for the workers by the model's supervisor.
    return [name for name in environ if name.startswith(PREFIX) and name not in known and "_CHILD_" not in name]


def is_key(text: str) -> bool:
    """Whether a text can be a bearer key: visible ASCII, which a header can carry."""
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


def _error(place: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"{variable(place.strip('.').partition('[')[0])} {rule}")


def _value(name: str, kind: Any, text: str) -> object:
    """What a text says, as a file in TOML would have it; a text that says nothing of the kind stays a text."""
    if get_origin(kind) is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise _error(name, "has commas and nothing between them; leave it out or fill it in.")
        return parts
    if kind is bool:
        return _SWITCH.get(text.lower(), text)
    if kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
