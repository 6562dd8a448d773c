"""What a configuration says of a model reaches its engine, its model process and its bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.chat.limiter import Bounds
from app.chat.support import support_table
from app.configuration import building
from app.configuration.building import Built, build, upstream_options
from app.configuration.chosen import chosen
from app.configuration.loading import load
from app.configuration.model_file import BUNDLED_MODEL
from app.domains import served_document
from app.engines.dialects.known import DIALECTS
from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas
from app.errors import ConfigurationError
from app.settings import Settings


def built(tmp_path: Path, text: str, **settings: Any) -> Built:
    (tmp_path / "p.toml").write_text(text)
    return build(load(tmp_path / "p.toml", {}), Settings(**settings))


def test_capabilities_are_those_of_the_dialect_with_what_is_added_and_without_what_is_removed(tmp_path: Path) -> None:
    text = """
[models.m]
engine = "upstream"
dialect = "vllm"
base_urls = ["http://a/v1"]
capabilities = { add = ["reasoning"], remove = ["images", "audio_input"] }
unsupported = "warn"
context_length = 1000
owned_by = "us"
"""
    (model,) = built(tmp_path, text).engine.models
    assert model.capabilities == DIALECTS["vllm"].capabilities - {"images", "audio_input"} | {"reasoning"}
    assert (model.unsupported, model.context_length, model.owned_by) == ("warn", 1000, "us")
    assert model.created == int((tmp_path / "p.toml").stat().st_mtime)


@pytest.mark.parametrize("keys", ['engine = "llama"', 'engine = "upstream"\nbase_urls = ["http://a/v1"]'])
def test_a_model_that_is_said_to_reason_has_the_capabilities_of_a_reasoning_model(tmp_path: Path, keys: str) -> None:
    (usual,) = built(tmp_path, f"[models.m]\n{keys}").engine.models
    (reasoning,) = built(tmp_path, f"[models.m]\n{keys}\nreasoning = true").engine.models
    lost = {"sampling", "penalties", "logit_bias", "logprobs", "max_tokens"}
    assert lost <= usual.capabilities
    assert reasoning.capabilities == usual.capabilities - lost
    for name in ("temperature", "presence_penalty", "logit_bias", "logprobs", "max_tokens"):
        assert f"| `{name}` | refused" in support_table(reasoning)
        assert f"| `{name}` | honoured" in support_table(usual)


def test_the_way_to_an_upstream_is_what_its_keys_say(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("""
[models.m]
engine = "upstream"
base_urls = ["http://a/v1", "http://b/v1"]
timeouts = { connect = 1, first_byte = 2, idle = 3, total = 4 }
retries = 7
max_answer = 2048
max_event = 4096
health_path = ""
probe_seconds = 5
headers = { "x-a" = "b" }
""")
    options = upstream_options(load(tmp_path / "p.toml", {}).models[0])
    assert options.base_urls == ("http://a/v1", "http://b/v1")
    timeouts = options.timeouts
    assert (timeouts.connect, timeouts.first_byte, timeouts.idle, timeouts.total) == (1, 2, 3, 4)
    assert (options.retries, options.max_answer, options.max_event) == (7, 2048, 4096)
    assert (options.health_path, options.probe_seconds) == (None, 5)
    assert options.headers == {"x-a": "b"}


@pytest.mark.parametrize(
    ("dialect", "limit"),
    [
        ("openai", "max_completion_tokens"),
        ("llama.cpp", "max_tokens"),
        ("ollama", "max_tokens"),
        ("auto", "max_tokens"),
    ],
)
def test_a_trial_by_completion_asks_the_upstreams_model_for_one_token_in_the_words_of_its_dialect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, limit: str
) -> None:
    made: list[UpstreamOptions] = []
    monkeypatch.setattr(building, "Replicas", lambda options: made.append(options) or Replicas(options))
    text = f"""
[defaults]
trial = "completion"
[models.m]
engine = "upstream"
dialect = "{dialect}"
upstream_model = "theirs"
base_urls = ["http://a/v1"]
extra_body = {{ max_tokens = 100, service_tier = "flex" }}
[models.n]
engine = "upstream"
trial = "health"
base_urls = ["http://a/v1"]
"""
    built(tmp_path, text)
    trials = [options.trial for options in made]
    assert trials[0] is not None
    assert trials[0].path == "/chat/completions"
    body = json.loads(trials[0].body)
    assert (body["model"], body[limit], body["service_tier"]) == ("theirs", 1, "flex")
    assert len(body["messages"]) == 1
    assert trials[1] is None


@pytest.mark.parametrize(
    ("removed", "operations", "path"),
    [
        ("", {"chat", "completions", "embeddings"}, "/chat/completions"),
        ('"chat", "seed"', {"completions", "embeddings"}, "/completions"),
        ('"chat", "completions"', {"embeddings"}, "/embeddings"),
    ],
)
@pytest.mark.parametrize("dialect", ["vllm", "auto"])
def test_an_upstream_is_asked_for_what_the_operator_says_that_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: str, removed: str, operations: set[str], path: str
) -> None:
    made: list[UpstreamOptions] = []
    monkeypatch.setattr(building, "Replicas", lambda options: made.append(options) or Replicas(options))
    text = f"""
[models.m]
engine = "upstream"
dialect = "{dialect}"
base_urls = ["http://a/v1"]
trial = "completion"
capabilities = {{ remove = [{removed}] }}
"""
    (model,) = built(tmp_path, text).engine.models
    assert model.operations == operations
    assert ("seed" in model.capabilities) == ("seed" not in removed)
    assert made[0].trial is not None
    assert made[0].trial.path == path


def test_a_header_that_cannot_be_set_is_refused_with_the_place_of_its_model(tmp_path: Path) -> None:
    text = '[models.m]\nengine = "upstream"\nbase_urls = ["http://a/v1"]\nheaders = { host = "x" }'
    with pytest.raises(ConfigurationError, match=r"p\.toml: models\.m\.headers\.host is a header that cannot be set"):
        built(tmp_path, text)


def test_a_model_file_is_served_as_its_keys_say(tmp_path: Path) -> None:
    text = f'[models.m]\nengine = "llama"\npath = "{BUNDLED_MODEL}"\nslots = 3\nthreads = 2\ncontext_length = 512\n'
    (served,) = built(tmp_path, text).served
    options = served.options
    assert (options.model, options.slots, options.threads) == (str(BUNDLED_MODEL), 3, 2)
    assert (options.context_length, served.model.context_length, served.model.id) == (512, 512, "m")


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ('path = "none.gguf"', r"models\.m\.path: "),
        ('mmproj = "none.gguf"', r"models\.m\.mmproj: "),
        ('extra_parameters = ["top_kk"]', r"models\.m\.extra_parameters has top_kk"),
        ("context_length = 16777216\nslots = 256", r"models\.m\.context_length times .*models\.m\.slots is more than"),
    ],
)
def test_what_is_wrong_with_a_model_file_is_told_by_the_key(tmp_path: Path, more: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        built(tmp_path, f'[models.m]\nengine = "llama"\n{more}')


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"model": "none.gguf"}, "PARLEY_MODEL: .*none.gguf"),
        ({"mmproj": Path("none.gguf")}, "PARLEY_MMPROJ: .*none.gguf"),
        ({"extra_parameters": ("top_kk",)}, "PARLEY_EXTRA_PARAMETERS has top_kk"),
        ({"model_context": 1 << 24, "model_slots": 256}, "PARLEY_MODEL_CONTEXT times PARLEY_MODEL_SLOTS is more than"),
    ],
)
def test_what_is_wrong_with_a_model_file_of_the_settings_is_told_by_the_setting(
    settings: dict[str, Any], part: str
) -> None:
    given = Settings(**settings)
    with pytest.raises(ConfigurationError, match=part):
        build(chosen(given), given)


def test_bounds_are_those_of_the_settings_where_the_file_does_not_say_otherwise(tmp_path: Path) -> None:
    text = (
        '[models.a]\nengine = "echo"\n[models.b]\nengine = "echo"\nmax_in_flight = 3\nmax_waiting = 0\nmax_wait = 1.5'
    )
    limiters = built(tmp_path, text, max_in_flight=9, max_waiting=8, max_wait=7).limiters
    assert limiters.of("a").bounds == Bounds(9, 8, 7)
    assert limiters.of("b").bounds == Bounds(3, 0, 1.5)


def test_the_document_tells_of_the_extra_parameters_of_all_models_and_each_takes_its_own(tmp_path: Path) -> None:
    text = """
[models.a]
engine = "llama"
extra_parameters = ["min_p"]
[models.b]
engine = "upstream"
dialect = "vllm"
base_urls = ["http://a/v1"]
extra_parameters = ["top_k"]
"""
    (tmp_path / "p.toml").write_text(text)
    settings = Settings(api_keys=("k",), config=tmp_path / "p.toml")
    made = build(chosen(settings), settings)
    a, b = made.engine.models
    assert (a.extra_parameters, b.extra_parameters) == ({"min_p"}, {"top_k"})
    schemas: Any = served_document(settings, made.extra).content["components"]["schemas"]
    assert {"min_p", "top_k"} <= schemas["CreateChatCompletionRequest"]["properties"].keys()
