"""Every setting in one typed table: an environment variable, its default and what it does.

The variable of the field ``max_body`` is ``PARLEY_MAX_BODY``. A test compares the
table in docs/settings.md with this one.
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
# The name of a model's file.
ModelFile = Annotated[
    str, Meta(pattern=r"\S", description="the path of a GGUF file, the name of a model, or hf:org/repo:file")
]
# The chat template of a model.
Template = Annotated[str, Meta(pattern=r"\S", description="the path of a Jinja file, or chatml")]
# A timeout in seconds. It cannot be 0, which would always expire at once.
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
    api_keys_file: Annotated[
        Path | None,
        "File of API keys, one per line; lines that begin with `#` are comments. It is read again when it changes.",
    ] = None
    allow_generated_key: Annotated[
        bool,
        "Allow listening on an address other than loopback when the only key is the generated one.",
    ] = False
    state_dir: Annotated[
        Path | None,
        "Folder for the generated key and for downloaded models. Default: `$XDG_STATE_HOME/parley`, else "
        "`~/.local/state/parley`.",
    ] = None
    spec: Annotated[
        Path | None,
        "OpenAPI document to serve. Default: the bundled one.",
    ] = None
    handlers: Annotated[
        Names,
        "Dotted names of Python packages, separated by commas, that are searched for handlers before the server's own.",
    ] = ()
    operations: Annotated[
        tuple[Pair, ...],
        "Maps operations of another document to our handlers: with `createChatCompletion=theirId,...` the "
        "document's operation `theirId` is answered by the handler of `createChatCompletion`.",
    ] = ()
    basic_auth: Annotated[
        bool,
        "Accept an API key as the password where the document secures an operation by `http` `basic`.",
    ] = False
    lenient: Annotated[
        bool,
        "Start although parts of the document cannot be used: they are named in the log and left out, their "
        "operations answer 501, and everything else is served.",
    ] = False
    reload: Annotated[
        bool,
        "For development: workers reload the document when it changes.",
    ] = False
    conventions: Annotated[
        Literal["ours", "document"],
        "Shape of errors and end of streams under `PARLEY_SPEC`: the server's own (`ours`), or what the "
        "document describes, where it describes any (`document`).",
    ] = "ours"
    mock: Annotated[
        Mock,
        "What operations without a handler answer: 501 (`off`) or a mock that fits the document (`missing`); "
        "with `all`, every operation answers with a mock.",
    ] = "off"
    config: Annotated[
        Path | None,
        "Configuration file in TOML, YAML or JSON that lists the models to serve. It replaces the settings "
        "from `PARLEY_UPSTREAM_URL` to `PARLEY_ECHO_CALLS_TOOLS`.",
    ] = None
    upstream_url: Annotated[
        str | None,
        "Address of another server to relay to, up to and including `/v1`, such as `http://gpu-1:8000/v1`; "
        "every model that it lists is served.",
    ] = None
    upstream_api_key: Annotated[str | None, "API key for that server.", SECRET] = None
    upstream_dialect: Annotated[
        Dialect,
        "Kind of that server: `openai`, `vllm`, `sglang`, `llama.cpp`, `llama-cpp-python`, `ollama`, "
        "`transformers` or `litellm`; with `auto` it is detected.",
    ] = "auto"
    engine: Annotated[
        Literal["llama", "echo"],
        "Engine that answers: `llama` (a language model) or `echo` (repeats the last message).",
    ] = "llama"
    model: Annotated[
        ModelFile | None,
        "Model to serve: a GGUF file, the name of a downloaded model such as `smollm2`, or a model on a hub "
        "such as `hf:org/repo:file`. Default: the bundled `parley-tiny`.",
    ] = None
    mmproj: Annotated[
        Path | None,
        "GGUF file of the model's projector, which lets it read images or audio. Default: text only.",
    ] = None
    chat_template: Annotated[
        Template | None,
        "Jinja file with the model's chat template, or `chatml`. Default: the template in the model's file.",
    ] = None
    model_id: Annotated[
        str | None,
        "Id of the model in the API. Default: the file's name without its extension.",
    ] = None
    model_context: Annotated[
        int,
        Meta(ge=0, le=1 << 24),
        "Context per request, in tokens; 0: the length that the model was trained for, at most 8192.",
    ] = 0
    model_threads: Annotated[
        Natural,
        "Threads that the model computes with; 0: one for the bundled model, one per core for others.",
    ] = 0
    model_slots: Annotated[
        int,
        Meta(ge=1, le=256),
        "Requests that the model works on at once; further ones wait.",
    ] = 4
    extra_parameters: Annotated[
        Names,
        "Parameters beyond the API's to accept, separated by commas: `top_k`, `min_p`, `typical_p`, "
        "`repeat_penalty`, `ignore_eos`; for `PARLEY_UPSTREAM_URL`, those of its dialect.",
    ] = ()
    echo_delay: Annotated[
        float,
        Meta(ge=0, le=60),
        "Pause of the `echo` engine between two chunks, in seconds.",
    ] = 0.0
    echo_calls_tools: Annotated[
        bool,
        "Let the `echo` engine call the first tool when the choice is its own, unless the last message is a "
        "tool's result.",
    ] = False
    model_probe: Annotated[
        float,
        Meta(ge=0, le=DAY),
        "Longest time, in seconds, that the model's process may neither answer nor compute before it is "
        "killed and restarted; 0: no limit.",
    ] = 30.0
    unsupported: Annotated[
        Unsupported,
        "What to do with a parameter that the model cannot honour: `refuse` the request and name it, or "
        "`warn`, which leaves it out and names it in the header `x-unsupported-parameters` and in the log.",
    ] = "refuse"
    max_in_flight: Annotated[
        Natural,
        "Most requests that a model works on at once, per worker; 0: no limit. A request for several choices "
        "counts once per choice.",
    ] = 0
    max_waiting: Annotated[
        Natural,
        "Most requests that wait for a model, per worker; further ones get a 503 at once.",
    ] = 128
    max_wait: Annotated[
        float,
        Meta(ge=0.001, le=DAY),
        "Longest time in the queue before a 503, in seconds.",
    ] = 30.0
    max_choices: Annotated[
        int,
        Meta(ge=1, le=128),
        "Most choices (`n`) per request.",
    ] = 128
    max_total_tokens: Annotated[
        Positive,
        "Most tokens that all choices of a request with `n` over 1 may add up to.",
    ] = 1 << 20
    max_tools: Annotated[
        Positive,
        "Most tools or functions per request.",
    ] = 128
    max_schemas: Annotated[
        Positive,
        "Most characters of schemas and grammars per request: of its tools together, and of its response format.",
    ] = 1_000_000
    max_body: Annotated[
        Positive,
        "Largest request body in bytes; larger ones get a 413.",
    ] = 20 * 1024 * 1024
    max_values: Annotated[
        Positive,
        "Most values in a JSON body, where each object, array, member of an object and integer of many digits "
        "counts as eight; also the most fields and percent-encoded bytes in a form. Bodies with more get a "
        "413.",
    ] = 500_000
    max_upload: Annotated[
        Positive,
        "Largest form with files in bytes; its parts that are not files count towards `PARLEY_MAX_BODY` as well.",
    ] = 512 * 1024 * 1024
    body_timeout: Annotated[
        Timeout,
        "Longest pause while a request arrives before a 408, in seconds.",
    ] = 60.0
    min_body_rate: Annotated[
        Natural,
        "Lowest average rate at which a body may arrive once `PARLEY_BODY_TIMEOUT` has passed, in bytes per "
        "second; slower ones get a 408. 0: no limit.",
    ] = 500
    ping_interval: Annotated[
        Timeout,
        "Pause of a stream after which a `: ping` comment is sent, in seconds; also the longest time that a "
        "stream's headers wait for its first event.",
    ] = 15.0
    write_timeout: Annotated[
        Timeout,
        "Time in seconds after which a client that does not read its answer is disconnected.",
    ] = 60.0
    max_connections: Annotated[
        Natural,
        "Most client connections at once, per worker; 0: as many as the limit on open files allows, at most "
        "4096. Beyond it a new connection closes the one that has been idle longest, or gets a 503 when none "
        "is idle.",
    ] = 0
    database: Annotated[
        str | None,
        "Database for keys, limits, usage and stored completions: `sqlite:///PATH` or `postgresql://...`. Default: "
        "`parley.sqlite3` in the state folder, once `parley db init` or `parley keys create` has made it.",
        SECRET,
    ] = None
    redis: Annotated[
        str | None,
        "Redis that holds the state of limits, for several machines: `redis://...` or `unix://...`. Default: a file "
        "in the state folder, for the workers of one machine.",
        SECRET,
    ] = None
    limits: Annotated[
        Literal["enforce", "shadow"],
        "What to do with a request that a limit does not allow: refuse it (`enforce`), or count it, name the limit in "
        "the log and let it pass (`shadow`).",
    ] = "enforce"
    limits_unavailable: Annotated[
        Literal["open", "closed"],
        "What to do while the state of limits cannot be read: let requests pass (`open`) or refuse them with a 503 "
        "(`closed`).",
    ] = "closed"
    key_cache: Annotated[
        float,
        Meta(ge=0, le=3600),
        "Longest time, in seconds, after which a change of a key or of a limit in the database is in force.",
    ] = 5.0
    completion_days: Annotated[
        Positive,
        "Days for which stored completions are kept.",
    ] = 30
    usage_days: Annotated[
        Positive,
        "Days for which a record of usage is kept for each request; older ones are added up by day, key, project and "
        "model.",
    ] = 90
    admin_bind: Annotated[
        str | None,
        "Address of the operators' API: an IP address with a port, such as `127.0.0.1:8081`, or "
        "`unix:/run/parley-admin.sock`. It needs a database. Default: none.",
    ] = None
    admin_keys_file: Annotated[
        Path | None,
        "File of the operators' keys, as hashes. Default: `admin-keys` in the state folder.",
    ] = None
    graceful_timeout: Annotated[
        int,
        Meta(ge=0, le=DAY),
        "Time in seconds that running requests get to finish when the server stops.",
    ] = 120
    cors_origins: Annotated[
        Names,
        "Origins, separated by commas, whose web pages may call the API; `*` for all. Default: none.",
    ] = ()
    log_format: Annotated[
        Literal["text", "json"],
        "Format of the request log: `text` or `json`, one line per request.",
    ] = "text"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the variables with the prefix ``PARLEY_``; an empty value counts as unset.

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
    """Return the environment variable of a field of `Settings`."""
    return PREFIX + name.upper()


def state_folder(settings: Settings) -> Path:
    """Return the folder for the server's state, which may not exist yet."""
    if settings.state_dir is not None:
        return settings.state_dir
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG base directory specification says to ignore a relative path.
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "parley"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return the variables with our prefix that are not settings: perhaps typos, so that a default stays in force."""
    known = {variable(name) for name in Settings.__struct_fields__}
    # The model's supervisor sets those with "_CHILD_" for the workers.
    return [name for name in environ if name.startswith(PREFIX) and name not in known and "_CHILD_" not in name]


def is_key(text: str) -> bool:
    """Return whether a text can be a bearer key: visible ASCII, which a header can carry."""
    return text.isascii() and text.isprintable() and bool(text) and " " not in text


def _error(place: str, rule: str) -> ConfigurationError:
    return ConfigurationError(f"{variable(place.strip('.').partition('[')[0])} {rule}")


def _value(name: str, kind: Any, text: str) -> object:
    """Return the value of a text, as a TOML file would have it; a text that is no value of this type stays a text."""
    if get_origin(kind) is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise _error(name, "has commas but no values between them; add a value, or leave the setting out.")
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
