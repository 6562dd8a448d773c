"""Every setting in one typed table: an environment variable, its default and what it does.

The variable of the field ``max_body`` is ``PARLEY_MAX_BODY``. README's table is held against this one by a test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from .errors import ConfigurationError

PREFIX = "PARLEY_"


def _setting(default: Any, help: str, **rules: Any) -> Any:
    return field(default=default, metadata={"help": help, **rules})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings in force. Built by `Settings.from_environment`; tests build it directly."""

    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8080, "Port to listen on.", minimum=0, maximum=65535)
    api_keys: tuple[str, ...] = _setting((), "API keys, separated by commas.", secret=True)
    api_keys_file: Path | None = _setting(None, "File of API keys, one a line; lines that begin with `#` are comments.")
    allow_generated_key: bool = _setting(
        False, "Allow an address other than loopback although the only key is the generated one."
    )
    state_dir: Path | None = _setting(
        None,
        "Folder of the generated key. Without it: `$XDG_STATE_HOME/parley`, else `~/.local/state/parley`.",
    )
    spec: Path | None = _setting(None, "The OpenAPI document to serve. Without it: the one that ships.")
    handlers: tuple[str, ...] = _setting(
        (), "Dotted Python packages, separated by commas, whose handlers come before the server's own."
    )
    operations: tuple[str, ...] = _setting(
        (),
        "Other names of operations: `createChatCompletion=theirId,...` answers the document's operation `theirId` by "
        "the handler of `createChatCompletion`.",
        pairs=True,
    )
    basic_auth: bool = _setting(
        False, "Let operations that the document secures by `http` `basic` be opened by a key as the password."
    )
    reload: bool = _setting(False, "For development: each worker follows changes of the document while it runs.")
    mock: str = _setting(
        "off",
        "What operations answer that the server has no handler for: 501 (`off`) or, with `missing`, a mock that fits "
        "the document; with `all` every operation answers with a mock.",
        choices=("off", "missing", "all"),
    )
    config: Path | None = _setting(
        None,
        "Configuration file in TOML, YAML or JSON that says which models are served, instead of the settings that "
        "follow from `PARLEY_UPSTREAM_URL` to `PARLEY_ECHO_DELAY`.",
    )
    upstream_url: str | None = _setting(
        None,
        "Address of another server that answers, up to `/v1`, such as `http://gpu-1:8000/v1`; the models that it lists "
        "are served.",
    )
    upstream_api_key: str | None = _setting(None, "Key of that server.", secret=True)
    upstream_dialect: str = _setting(
        "openai",
        "What kind of server it is: `openai`, `vllm`, `sglang`, `llama.cpp` or `ollama`.",
        choices=("openai", "vllm", "sglang", "llama.cpp", "ollama"),
    )
    engine: str = _setting(
        "llama", "Where answers come from: `llama` (a model) or `echo` (a toy).", choices=("llama", "echo")
    )
    model: Path | None = _setting(None, "GGUF file to serve. Without it: the bundled `parley-tiny`.")
    mmproj: Path | None = _setting(
        None, "GGUF file of the model's projector, with which it reads images or audio. Without it: text alone."
    )
    model_id: str | None = _setting(None, "Id of the model in the API. Without it: the file's stem.")
    model_context: int = _setting(
        0, "Tokens of context per request; 0: what the model was trained for, at most 8192.", minimum=0, maximum=1 << 24
    )
    model_threads: int = _setting(
        0, "Threads that the model computes with; 0: one for the bundled model, else one per core.", minimum=0
    )
    model_slots: int = _setting(4, "Requests that the model works on at once; more wait.", minimum=1, maximum=256)
    extra_parameters: tuple[str, ...] = _setting(
        (),
        "Parameters beyond the API's, separated by commas, that requests to the model may have: `top_k`, `min_p`, "
        "`typical_p`, `repeat_penalty`; for `PARLEY_UPSTREAM_URL` those of its dialect.",
    )
    echo_delay: float = _setting(0.0, "Seconds between two chunks of the `echo` engine.", minimum=0, maximum=60)
    unsupported: str = _setting(
        "refuse",
        "What happens to a parameter that a model cannot honour: `refuse` it by name, or `warn` and go on without it, "
        "named in the header `x-unsupported-parameters` and in the log.",
        choices=("refuse", "warn"),
    )
    max_in_flight: int = _setting(
        0,
        "Most requests that a model works on at once, in each worker; 0: no bound. One that asks for several choices "
        "counts as that many.",
        minimum=0,
    )
    max_waiting: int = _setting(
        128, "Most requests that wait for a model beyond that, in each worker; further ones get 503 at once.", minimum=0
    )
    max_wait: float = _setting(
        30.0, "Seconds that a request waits so before it gets 503.", minimum=0.001, maximum=86400
    )
    max_choices: int = _setting(128, "Most choices (`n`) for a request.", minimum=1, maximum=128)
    max_total_tokens: int = _setting(
        1 << 20, "Most tokens that the choices of a request with `n` over 1 may come to.", minimum=1
    )
    max_tools: int = _setting(128, "Most tools or functions of a request.", minimum=1)
    max_schemas: int = _setting(
        1_000_000,
        "Most characters of the schemas and grammars of a request's tools together, and of the schema of its response "
        "format.",
        minimum=1,
    )
    max_body: int = _setting(20 * 1024 * 1024, "Largest request body in bytes; larger ones get 413.", minimum=1)
    max_upload: int = _setting(
        512 * 1024 * 1024,
        "Largest form with files in bytes; what is no file in it counts as `PARLEY_MAX_BODY` too.",
        minimum=1,
    )
    body_timeout: float = _setting(
        60.0, "Seconds without a byte after which an unfinished request gets 408.", minimum=0.1, maximum=86400
    )
    ping_interval: float = _setting(
        15.0,
        "Seconds after which an idle stream sends a `: ping` comment, and the longest time that a stream's "
        "headers wait for its first event.",
        minimum=0.1,
        maximum=86400,
    )
    write_timeout: float = _setting(
        60.0, "Seconds after which a stream whose client does not read is dropped.", minimum=0.1, maximum=86400
    )
    graceful_timeout: int = _setting(
        120, "Seconds that running answers get to finish at a graceful stop.", minimum=0, maximum=86400
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "Origins, separated by commas, whose pages may call the API; `*` for all. Without it: none."
    )
    log_format: str = _setting(
        "text", "Form of the request log: `text` or `json`, a line each.", choices=("text", "json")
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables with the prefix ``PARLEY_``; the empty string is as good as none.

        Raises:
            ConfigurationError: a value cannot be read or is out of bounds.
        """
        environ = os.environ if environ is None else environ
        values = {}
        for f in fields(cls):
            text = environ.get(variable(f), "").strip()
            if text:
                values[f.name] = _parse(variable(f), f, text)
        return cls(**values)


def variable(f: Field[Any]) -> str:
    """The environment variable of a field of `Settings`."""
    return PREFIX + f.name.upper()


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that are no settings: perhaps typing errors, which would leave a default in force."""
    known = {variable(f) for f in fields(Settings)}
    # The last are published for the workers by the model's supervisor.
    return [name for name in environ if name.startswith(PREFIX) and name not in known and "_CHILD_" not in name]


def _parse(name: str, f: Field[Any], text: str) -> Any:
    kind, rules = str(f.type), f.metadata
    if kind.startswith("Path"):
        return Path(text).expanduser()
    if kind.startswith("tuple"):
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        if not parts:
            raise ConfigurationError(f"{name} has commas and nothing between them; leave it out or fill it in.")
        if rules.get("pairs") and not all(re.fullmatch(r"[^=\s]+=[^=\s]+", part) for part in parts):
            raise ConfigurationError(f"{name} must be pairs such as createChatCompletion=theirId, separated by commas.")
        return parts
    if kind == "bool":
        lowered = text.lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off"):
            return False
        raise ConfigurationError(f"{name} must be 1 or 0.")
    if kind in ("int", "float"):
        return _number(name, kind, rules, text)
    if "choices" in rules and text not in rules["choices"]:
        raise ConfigurationError(f"{name} must be one of: {', '.join(rules['choices'])}.")
    return text


def _number(name: str, kind: str, rules: Mapping[str, Any], text: str) -> int | float:
    try:
        number = int(text) if kind == "int" else float(text)
    except ValueError:
        raise ConfigurationError(f"{name} must be {'a whole number' if kind == 'int' else 'a number'}.") from None
    low, high = rules.get("minimum", float("-inf")), rules.get("maximum", float("inf"))
    if not low <= number <= high:  # also refuses NaN
        limit = f"at least {low}" if high == float("inf") else f"from {low} to {high}"
        raise ConfigurationError(f"{name} must be {limit}.")
    return number
