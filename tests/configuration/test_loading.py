"""A configuration file is read into typed models, or refused in words that name file, key, rule and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from app.configuration.capabilities import CAPABILITIES
from app.configuration.chosen import chosen
from app.configuration.keys import Configuration
from app.configuration.loading import load
from app.engines.dialects.known import AUTO, DIALECTS
from app.engines.extra import EXTRA_PARAMETERS
from app.engines.transport.options import Timeouts
from app.errors import ConfigurationError
from app.settings import Dialect, Settings

FULL = """
[defaults]
retries = 1
timeouts = { total = 300, idle = 20 }
max_waiting = 7
slots = 2

[models.fast]
engine = "upstream"
dialect = "vllm"
base_urls = ["http://gpu-1:8000/v1", "http://${SECOND}:8000/v1"]
upstream_model = "Qwen/Qwen3-8B"
key_env = "VLLM_KEY"
aliases = ["gpt-4o-mini"]
fallbacks = ["small"]
extra_parameters = ["top_k"]
timeouts = { idle = 5 }
headers = { "x-team" = "$${a}" }
capabilities = { add = ["reasoning"], remove = ["images"] }
extra_body = { chat_template_kwargs = { enable_thinking = false } }
max_in_flight = 4

[models.small]
engine = "llama"
path = "models/small.gguf"

[models."org/say"]
engine = "echo"
delay = 0.5
"""
ENVIRON = {"VLLM_KEY": "sk-upstream", "SECOND": "gpu-2"}
SECRET = "sk-never-to-be-seen"


# Each line stands for ten times what the one before it does.
_BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None, name: str = "parley.toml") -> Configuration:
    (tmp_path / name).write_text(text)
    return load(tmp_path / name, ENVIRON if environ is None else environ)


def refusal(tmp_path: Path, text: str, environ: dict[str, str] | None = None, name: str = "parley.toml") -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text, environ, name)
    message = str(caught.value)
    assert str(tmp_path / name) in message, "the file is named"
    assert SECRET not in message
    return message


def upstream(more: str = "", urls: str = '["http://a/v1"]') -> str:
    return f'[models.m]\nengine = "upstream"\nbase_urls = {urls}\n{more}\n'


def test_a_file_says_which_models_there_are_and_its_defaults_hold_for_all_that_do_not_say_otherwise(
    tmp_path: Path,
) -> None:
    fast, small, say = read(tmp_path, FULL).models
    assert (fast.id, small.id, say.id) == ("fast", "small", "org/say")
    assert fast.keys.base_urls == ("http://gpu-1:8000/v1", "http://gpu-2:8000/v1")
    assert fast.keys.timeouts == Timeouts(total=300, idle=5)
    assert fast.keys.retries == 1
    assert fast.keys.headers == {"x-team": "${a}"}
    assert fast.keys.capabilities.add == ("reasoning",)
    assert fast.keys.extra_body == {"chat_template_kwargs": {"enable_thinking": False}}
    assert (fast.keys.max_in_flight, fast.keys.max_waiting) == (4, 7)
    assert fast.keys.key == "sk-upstream"
    assert small.keys.slots == 2
    assert small.keys.path == str(tmp_path / "models" / "small.gguf"), "a path is relative to the file"
    assert say.keys.delay == 0.5
    assert say.keys.max_waiting == 7


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    import tomllib

    content = tomllib.loads(FULL)
    keys = [entry.keys for entry in read(tmp_path, FULL).models]
    for text, name in ((yaml.safe_dump(content, sort_keys=False), "p.yaml"), (json.dumps(content), "p.json")):
        assert [entry.keys for entry in read(tmp_path, text, name=name).models] == keys


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("", "models", "has no model"),
        ("models = 3", "models", "must be a table"),
        ("[model.m]\n", "model", "Did you mean models?"),
        ("[models.m]\n", "models.m.engine", "is missing. It must be one of: llama, upstream, echo"),
        ('[models.m]\nengine = "steam"', "models.m.engine", "one of: llama, upstream, echo"),
        ("[models.m]\nengine = 3", "models.m.engine", "one of: llama, upstream, echo"),
        ('[models." m"]\nengine = "echo"', 'models." m"', "no space at its ends"),
        ('[models."a.b"]\nengine = "echo"\nx = 1', 'models."a.b".x', "is not a known key. The keys are: engine, "),
        (upstream(urls="[]"), "models.m.base_urls", "is missing"),
        ('[models.m]\nengine = "upstream"', "models.m.base_urls", "is missing"),
        (upstream("base_url = 3"), "models.m.base_url", "Did you mean base_urls?"),
        (upstream(urls='"http://a/v1"'), "models.m.base_urls", "must be a list of strings"),
        (upstream(urls="[3]"), "models.m.base_urls[0]", "must be a non-empty string"),
        (upstream(urls='["http://a/v1", "ftp://a/v1"]'), "models.m.base_urls[1]", "begins with http:// or https://"),
        (upstream(urls='["gpu-1:8000"]'), "models.m.base_urls[0]", "begins with http:// or https://"),
        (upstream(urls='["http://a:99999/v1"]'), "models.m.base_urls[0]", "must be an address"),
        (upstream(urls='["http://a:0/v1"]'), "models.m.base_urls[0]", "port from 1 to 65535"),
        (upstream(urls=f'["http://u:{SECRET}@a/v1"]'), "models.m.base_urls[0]", "must not contain a user or"),
        (upstream(urls=f'["http://a/v1?key={SECRET}"]'), "models.m.base_urls[0]", "must not have a query"),
        (upstream(urls='["http://a/v1#x"]'), "models.m.base_urls[0]", "a fragment"),
        (upstream(urls='["http://a/v1/chat/completions"]'), "models.m.base_urls[0]", "end before /chat/completions"),
        (upstream(urls='["file:///etc/passwd"]'), "models.m.base_urls[0]", "begins with http:// or https://"),
        (upstream(urls='["http://"]'), "models.m.base_urls[0]", "must be an address"),
        (upstream(urls=f'["http://[{SECRET}/v1"]'), "models.m.base_urls[0]", "must be an address"),
        (upstream(urls='["http://a/v1", "http://a/v1"]'), "models.m.base_urls[1]", "is listed twice"),
        (upstream('dialect = "vlm"'), "models.m.dialect", "must be one of: auto, openai, vllm"),
        (upstream('path = "x.gguf"'), "models.m.path", "is a key for the engine llama, and this model's is upstream"),
        ('[models.m]\nengine = "llama"\nbase_urls = ["http://a"]', "models.m.base_urls", "for the engine upstream"),
        (upstream("retries = 1.5"), "models.m.retries", "must be a whole number"),
        (upstream("retries = true"), "models.m.retries", "must be a whole number"),
        (upstream("retries = 99"), "models.m.retries", "must be a whole number from 0 to 10"),
        (upstream("max_in_flight = -1"), "models.m.max_in_flight", "must be a whole number of at least 0"),
        (upstream("timeouts = 3"), "models.m.timeouts", "must be a table"),
        (upstream("timeouts = { totl = 3 }"), "models.m.timeouts.totl", "Did you mean total?"),
        (upstream("timeouts = { total = nan }"), "models.m.timeouts.total", "must be a number from 0.001 to 86400"),
        (upstream("timeouts = { total = 0 }"), "models.m.timeouts.total", "must be a number from 0.001 to 86400"),
        (upstream("remote_media = 1"), "models.m.remote_media", "must be true or false"),
        (upstream('unsupported = "drop"'), "models.m.unsupported", "must be one of: refuse, warn"),
        (upstream(f'key = "{SECRET}"'), "models.m.key", "must not be written here in plain text"),
        (f'[defaults]\nkey = "{SECRET}"\n' + upstream(), "defaults.key", "must not be written here in plain text"),
        (upstream('key = "${NOWHERE}"'), "models.m.key", "variable NOWHERE, which is unset or empty"),
        (upstream('key_env = "NOWHERE"'), "models.m.key_env", "names a variable that is unset or empty"),
        (upstream('key_env = "EMPTY"'), "models.m.key_env", "names a variable that is unset or empty"),
        (upstream('key_env = "A"\nkey_file = "b"'), "models.m.key_file", "cannot be combined with key_env"),
        (upstream('key_file = "b"'), "models.m.key_file", "cannot be read"),
        (upstream('key = "${SPACED}"'), "models.m.key", "must be visible ASCII"),
        (upstream('upstream_model = "${"'), "models.m.upstream_model", "without a variable's name"),
        (upstream("headers = { a = 3 }"), "models.m.headers.a", "must be a string"),
        (upstream('headers = { a = "é" }'), "models.m.headers.a", "must be a string of printable ASCII"),
        (upstream('headers = { a = "b\\nc: d" }'), "models.m.headers.a", "must be a string of printable ASCII"),
        (upstream('headers = { "a b" = "c" }'), 'models.m.headers."a b"', "cannot be set"),
        (upstream('headers = { Content-Length = "5" }'), "models.m.headers.Content-Length", "cannot be set"),
        (upstream("probe_seconds = 0"), "models.m.probe_seconds", "must be a number from 0.1 to 86400"),
        (upstream("max_answer = 0"), "models.m.max_answer", "must be a whole number of at least 1024"),
        (
            upstream('dialect = "openai"\nextra_parameters = ["topk"]'),
            "models.m.extra_parameters[0]",
            "The dialect openai has: none",
        ),
        (upstream('extra_parameters = ["topk"]'), "models.m.extra_parameters[0]", "The dialects have: chat_template"),
        (
            upstream('dialect = "vllm"\nextra_parameters = ["topk"]'),
            "models.m.extra_parameters[0]",
            "Did you mean top_k?",
        ),
        (upstream('capabilities = { add = ["magic"] }'), "models.m.capabilities.add[0]", "is unknown"),
        (
            upstream('dialect = "ollama"\ncapabilities = { remove = ["images"] }'),
            "models.m.capabilities.remove[0]",
            "The dialect ollama has",
        ),
        (upstream("extra_body = { model = 3 }"), "models.m.extra_body.model", "is a field that each request sets"),
        (upstream("extra_body = { a = 2020-01-01 }"), "models.m.extra_body.a", "that JSON can represent"),
        (upstream('health_path = "models"'), "models.m.health_path", "a path that begins with a slash, or empty"),
        (upstream('aliases = [" "]'), "models.m.aliases[0]", "must be a non-empty string"),
        (upstream('aliases = ["m"]'), "models.m.aliases[0]", "is already used by models.m"),
        (upstream('fallbacks = ["m"]'), "models.m.fallbacks[0]", "is the model itself"),
        (upstream('fallbacks = ["n"]'), "models.m.fallbacks[0]", "is not a model of this file"),
        (
            upstream('fallbacks = ["nn"]') + '[models.n]\nengine = "echo"\naliases = ["nn"]',
            "models.m.fallbacks[0]",
            "An alias is not enough",
        ),
        (
            upstream('aliases = ["x"]') + '[models.n]\nengine = "echo"\naliases = ["x"]',
            "models.n.aliases[0]",
            "is already used by models.m.aliases[0]",
        ),
        ('[defaults]\naliases = ["x"]\n' + upstream(), "defaults.aliases", "not a default for all"),
        ("[defaults]\nretires = 3\n" + upstream(), "defaults.retires", "Did you mean retries?"),
        ("[defaults]\nretries = 99\n" + upstream(), "defaults.retries", "must be a whole number from 0 to 10"),
        ("[defaults]\nslots = 0\n" + upstream(), "defaults.slots", "must be a whole number from 1 to 256"),
        ("[defaults.timeouts]\nidle = 5\n" + upstream("timeouts = 3"), "models.m.timeouts", "must be a table"),
        ("[models]\nm = 3", "models.m", "must be a table"),
        (upstream("reasoning = 1"), "models.m.reasoning", "must be true or false"),
        ('[models.m]\nengine = "echo"\nreasoning = true', "models.m.reasoning", "for the engine llama or upstream"),
        (
            upstream('reasoning = true\ncapabilities = { add = ["images", "sampling"] }'),
            "models.m.capabilities.add[1]",
            "is something that a reasoning model cannot do",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_place_and_rule(tmp_path: Path, text: str, place: str, part: str) -> None:
    message = refusal(tmp_path, text, {"EMPTY": "", "SPACED": "a b"})
    assert f"parley.toml: {place} " in message
    assert part in message


def test_a_key_that_is_no_text_is_refused_in_yaml(tmp_path: Path) -> None:
    assert "models has a key that is not a string" in refusal(tmp_path, "models: {1: {engine: echo}}", name="p.yaml")


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("p.toml", f'a = "{SECRET}', "is not valid TOML"),
        ("p.json", f'{{"a": "{SECRET}"', "is not valid JSON"),
        ("p.json", '{"models": {}, "models": {}}', "occurs twice"),
        ("p.yaml", f"a: [{SECRET}", "is not valid YAML"),
        ("p.yaml", "models: {}\nmodels: {}\n", "occurs twice"),
        ("p.yaml", "- 1", "is not a table at its top level"),
        ("p.yaml", "1: 2", "p.yaml: has a key that is not a string"),
        ("p.yaml", _BOMB, "its aliases stand for more than"),
        ("p.ini", "", "must end in .toml, .yaml, .yml or .json"),
    ],
)
def test_a_file_that_is_not_what_its_ending_says_is_refused(tmp_path: Path, name: str, text: str, part: str) -> None:
    assert part in refusal(tmp_path, text, name=name)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "nothing.toml", {})


def test_a_key_comes_from_a_file_a_variable_or_by_interpolation_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    for more in ('key_file = "key"', 'key_env = "K"', 'key = "${K}"'):
        (entry,) = read(tmp_path, upstream(more + '\nheaders = { x = "${K}" }'), {"K": SECRET}).models
        assert entry.keys.key == SECRET
        assert SECRET not in repr(entry)


def test_a_model_s_own_key_takes_the_place_of_the_usual_one(tmp_path: Path) -> None:
    text = '[defaults]\nkey_env = "USUAL"\n' + upstream('key_env = "OWN"') + upstream().replace("models.m", "models.n")
    environ = {"USUAL": "usual", "OWN": "own"}
    own, usual = read(tmp_path, text, environ).models
    assert (own.keys.key, usual.keys.key) == ("own", "usual")


def test_each_dialect_of_upstreams_can_be_named() -> None:
    assert get_args(Dialect) == (AUTO, *DIALECTS)


def test_every_extra_parameter_and_capability_of_a_dialect_is_known_to_the_tables() -> None:
    for dialect in DIALECTS.values():
        assert dialect.extra_parameters <= EXTRA_PARAMETERS.keys(), dialect.name
        assert dialect.capabilities <= CAPABILITIES, dialect.name


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"upstream_api_key": SECRET}, "PARLEY_UPSTREAM_API_KEY is set, and PARLEY_UPSTREAM_URL is not"),
        ({"upstream_dialect": "vllm"}, "PARLEY_UPSTREAM_DIALECT is set, and PARLEY_UPSTREAM_URL is not"),
        ({"upstream_url": "gpu-1"}, "PARLEY_UPSTREAM_URL must be an address"),
        ({"upstream_url": f"http://u:{SECRET}@a"}, "PARLEY_UPSTREAM_URL must not contain a user"),
        ({"upstream_url": "http://a/v1", "upstream_api_key": f"{SECRET} x"}, "PARLEY_UPSTREAM_API_KEY gives a key"),
        ({"upstream_url": "http://a/v1", "model": "x"}, "PARLEY_MODEL is set, but PARLEY_UPSTREAM_URL says"),
        ({"upstream_url": "http://a/v1", "engine": "echo"}, "PARLEY_ENGINE is set, but PARLEY_UPSTREAM_URL says"),
        ({"upstream_url": "http://a/v1", "extra_parameters": ("topk",)}, "Did you mean top_k?"),
        (
            {"upstream_url": "http://a/v1", "upstream_dialect": "openai", "extra_parameters": ("top_k",)},
            "The dialect openai has: none",
        ),
        ({"config": Path("p.toml"), "model_slots": 3}, "PARLEY_MODEL_SLOTS is set, but PARLEY_CONFIG says"),
        ({"config": Path("p.toml"), "upstream_url": "http://a"}, "PARLEY_UPSTREAM_URL is set, but PARLEY_CONFIG says"),
    ],
)
def test_settings_that_contradict_each_other_or_are_half_set_are_refused(settings: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chosen(Settings(**settings), {})
    assert part in str(caught.value)
    assert SECRET not in str(caught.value)


def test_variables_of_openai_s_clients_are_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert chosen(Settings.from_environment()).models[0].keys.engine == "llama"
