"""What happens to each parameter that a model cannot honour, through real servers and the real wiring."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.chat.parameters import BY_PATH, PARAMETERS
from app.configuration.document import contract_path
from app.contract.document import Document
from app.engines import echo
from app.engines.base import Model, Refuse, reasoning_model, without_refused
from app.engines.echo import EchoEngine, EchoPlan
from app.engines.extra import EXTRA_PARAMETERS, LLAMA_PARAMETERS
from app.engines.llama import engine as llama
from app.errors import ConfigurationError, UnsupportedParameter
from app.settings import Settings, Unsupported
from app.wiring import wire

from ..foreign import FOREIGN, foreign
from ..live import Server, StartError, serve
from ..published import error_codes

CHAT = "/v1/chat/completions"
TEXT = {"type": "text", "text": "Hello!"}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
TOOLS = {"tools": [{"type": "function", "function": FUNCTION}]}
CUSTOM = {"tools": [{"type": "custom", "custom": {"name": "c"}}]}


def said(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hello!", **fields}]}


def part(kind: str, **fields: Any) -> dict[str, Any]:
    return said(content=[{"type": kind, **fields}, TEXT])


def form(**fields: Any) -> dict[str, Any]:
    json_schema = {"name": "n", "schema": {"type": "boolean"}, **fields}
    return {"response_format": {"type": "json_schema", "json_schema": json_schema}}


# For each row of the table a valid request that asks for it in earnest, before anything else that a model may lack.
PROBES: dict[str, dict[str, Any]] = {
    "model": {},
    "messages": {},
    "messages[].name": said(name="Ann"),
    "messages[].reasoning_content": {
        "messages": [{"role": "assistant", "content": "x", "reasoning_content": "Hm."}, *said()["messages"]]
    },
    "messages[].audio": {
        "messages": [{"role": "assistant", "content": "x", "audio": {"id": "a"}}, *said()["messages"]]
    },
    "messages[].content[].image_url": part("image_url", image_url={"url": "data:,x"}),
    "messages[].content[].image_url.detail": part("image_url", image_url={"url": "data:,x", "detail": "low"}),
    "messages[].content[].input_audio": part("input_audio", input_audio={"data": "", "format": "wav"}),
    "messages[].content[].file": part("file", file={"file_data": ""}),
    "messages[].content[].prompt_cache_breakpoint": part(
        "text", text="x", prompt_cache_breakpoint={"mode": "explicit"}
    ),
    "messages[].content[].prompt_cache_breakpoint.ttl": part(
        "text", text="x", prompt_cache_breakpoint={"mode": "explicit", "ttl": "12h"}
    ),
    "stream": {"stream": True},
    "stream_options": {"stream": True, "stream_options": {}},
    "stream_options.include_usage": {"stream": True, "stream_options": {"include_usage": True}},
    "stream_options.include_obfuscation": {"stream": True, "stream_options": {"include_obfuscation": True}},
    "stream_options.continuous_usage_stats": {"stream": True, "stream_options": {"continuous_usage_stats": True}},
    "n": {"n": 2},
    "user": {"user": "u"},
    "safety_identifier": {"safety_identifier": "s"},
    "metadata": {"metadata": {"a": "b"}},
    "max_completion_tokens": {"max_completion_tokens": 2},
    "max_tokens": {"max_tokens": 2},
    "temperature": {"temperature": 0},
    "top_p": {"top_p": 0.5},
    "seed": {"seed": 1},
    "stop": {"stop": ["x"]},
    "frequency_penalty": {"frequency_penalty": 1},
    "presence_penalty": {"presence_penalty": -1},
    "logit_bias": {"logit_bias": {"1": 1}},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"top_logprobs": 2, "logprobs": True},
    "response_format": {"response_format": {"type": "json_object"}},
    "response_format.json_schema.name": form(),
    "response_format.json_schema.description": form(description="Whether it rains."),
    "response_format.json_schema.strict": form(strict=True),
    "tools": TOOLS,
    "tools[].function.strict": {"tools": [{"type": "function", "function": {**FUNCTION, "strict": True}}]},
    "tools[].custom": CUSTOM,
    "tool_choice": {"tool_choice": "required", **TOOLS},
    "tool_choice.custom": {"tool_choice": {"type": "custom", "custom": {"name": "c"}}, **CUSTOM},
    "parallel_tool_calls": {"parallel_tool_calls": False, **TOOLS},
    "functions": {"functions": [FUNCTION]},
    "function_call": {"function_call": {"name": "f"}, "functions": [FUNCTION]},
    "modalities": {"modalities": ["text", "audio"]},
    "audio": {"audio": {"voice": "alloy", "format": "wav"}},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "web_search_options": {"web_search_options": {"search_context_size": "low"}},
    "moderation": {"moderation": {"model": "m"}},
    "reasoning_effort": {"reasoning_effort": "high"},
    "verbosity": {"verbosity": "low"},
    "service_tier": {"service_tier": "priority"},
    "store": {"store": True},
    "prompt_cache_key": {"prompt_cache_key": "k"},
    "prompt_cache_retention": {"prompt_cache_retention": "24h"},
    "prompt_cache_options": {"prompt_cache_options": {}},
    "prompt_cache_options.mode": {"prompt_cache_options": {"mode": "explicit"}},
    "prompt_cache_options.ttl": {"prompt_cache_options": {"ttl": "30m"}},
}
MODELS = {
    "echo": Model("parley-echo", 0, "o", "f", echo.CAPABILITIES),
    "llama": Model("parley-tiny", 0, "o", "f", llama.CAPABILITIES),
}


def refused_place(name: str, model: Model) -> str | None:
    """The place that an error about a probe must name; None where the model honours all of it."""
    steps = name.split(".")
    for depth in range(1, len(steps) + 1):
        row = BY_PATH[".".join(steps[:depth]).removesuffix("[]")]
        if row.needs is not None and row.needs not in model.capabilities:
            return ".".join(row.name.replace("[]", "[0]").split(".")[: len(row.name.split(".")) - row.carrier])
    return None


def body(model: Model, **fields: Any) -> dict[str, Any]:
    return {"model": model.id, **said(), "max_completion_tokens": 5, **fields}


@pytest.fixture(scope="module")
def warning_servers() -> Iterator[dict[str, Server]]:
    settings = {"PARLEY_UNSUPPORTED": "warn"}
    with serve("echo", settings) as one, serve("llama", settings) as other:
        yield {"echo": one, "llama": other}


@pytest.fixture(scope="module")
def codes() -> set[str]:
    """The codes that the documentation publishes."""
    return error_codes()


def test_there_is_a_probe_for_every_row() -> None:
    assert list(PROBES) == [parameter.name for parameter in PARAMETERS]


@pytest.mark.live
@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("engine", MODELS)
def test_each_parameter_is_served_or_refused_as_the_table_says(
    engine: str, name: str, echo_server: Server, llama_server: Server, codes: set[str]
) -> None:
    server, model = {"echo": echo_server, "llama": llama_server}[engine], MODELS[engine]
    place = refused_place(name, model)
    answer = server.request("POST", CHAT, body=body(model, **PROBES[name]), headers=server.bearer)
    if place is None:
        assert answer.status == 200, answer.body
        return
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["param"]) == (400, "unsupported_parameter", place)
    assert error["code"] in codes
    assert f"'{place}'" in error["message"]


@pytest.mark.live
@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("engine", MODELS)
def test_under_the_policy_warn_each_parameter_is_served_and_named_where_it_is_not_honoured(
    engine: str, name: str, warning_servers: dict[str, Server]
) -> None:
    server, model = warning_servers[engine], MODELS[engine]
    place = refused_place(name, model)
    answer = server.request("POST", CHAT, body=body(model, **PROBES[name]), headers=server.bearer)
    assert answer.status == 200, answer.body
    named = [text for text in answer.headers.get("x-unsupported-parameters", "").split(", ") if text]
    assert (place in named) is (place is not None)
    assert bool(named) is (place is not None)
    if place is not None:
        assert f"ignored={','.join(named)}" in server.log_line(answer.headers["x-request-id"])


@pytest.mark.live
def test_the_description_of_a_json_format_reaches_the_model(llama_server: Server) -> None:
    def prompt_tokens(**fields: Any) -> int:
        request = body(MODELS["llama"], **form(**fields))
        answer = llama_server.request("POST", CHAT, body=request, headers=llama_server.bearer)
        assert answer.status == 200, answer.body
        return int(answer.json()["usage"]["prompt_tokens"])

    assert prompt_tokens(description="") == prompt_tokens()
    assert prompt_tokens(description="rain " * 20) > prompt_tokens(description="rain") > prompt_tokens()


# -- the wiring --------------------------------------------------------------------------------------------------


def engine_with(**changes: Any) -> EchoEngine:
    engine = EchoEngine()
    engine.models = (replace(engine.models[0], **changes),)
    return engine


def ask(engine: EchoEngine, settings: Settings | None = None, **fields: Any) -> httpx.Response:
    app = wire(settings or Settings(api_keys=("k",)), engine)

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            return await client.post(
                CHAT, json={"model": "parley-echo", **said(), **fields}, headers={"authorization": "Bearer k"}
            )

    return asyncio.run(run())


def error_of(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["param"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 5}, "max_tokens"),
        ({"temperature": 0.2}, "temperature"),
        ({"top_p": 0.9}, "top_p"),
        ({"presence_penalty": 1}, "presence_penalty"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 1}, "top_logprobs"),
        ({"logit_bias": {"1": 1}}, "logit_bias"),
    ],
)
def test_a_model_that_reasons_refuses_what_only_drawing_tokens_has(fields: Any, param: str) -> None:
    response = ask(engine_with(capabilities=reasoning_model(llama.CAPABILITIES)), **fields)
    assert error_of(response) == (400, "unsupported_parameter", param)
    if param == "max_tokens":
        assert "Use 'max_completion_tokens' instead." in response.json()["error"]["message"]


def test_a_model_that_reasons_takes_defaults_and_the_limit_that_counts_hidden_tokens_too() -> None:
    engine = engine_with(capabilities=reasoning_model(llama.CAPABILITIES))
    neutral: dict[str, Any] = {
        "temperature": 1,
        "top_p": 1.0,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logprobs": False,
    }
    response = ask(engine, max_completion_tokens=0, **neutral)
    assert response.status_code == 200
    assert response.json()["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("own", "default", "status"), [("warn", "refuse", 200), ("refuse", "warn", 400), (None, "warn", 200)]
)
def test_a_models_own_policy_wins_over_the_servers(own: str | None, default: Unsupported, status: int) -> None:
    response = ask(engine_with(unsupported=own), Settings(api_keys=("k",), unsupported=default), store=True)
    assert response.status_code == status
    assert response.headers.get("x-unsupported-parameters") == ("store" if status == 200 else None)


class Particular(EchoEngine):
    """Has the capabilities, and finds out with each request what it can do: it thinks hard or not at all, and cannot be
    made to call a tool."""

    def __init__(self) -> None:
        super().__init__()
        self.models = (replace(self.models[0], capabilities=echo.CAPABILITIES | {"reasoning", "tools"}),)
        self.asked: list[dict[str, Any]] = []

    async def prepare(self, request: dict[str, Any], refuse: Refuse, client: str | None = None) -> EchoPlan:
        errors = []
        if request.get("reasoning_effort", "none") not in ("none", "high"):
            errors.append(UnsupportedParameter("Not so much.", param="reasoning_effort"))
        if request.get("tool_choice") == "required":
            errors.append(UnsupportedParameter("Not by force.", param="tool_choice"))
        request = without_refused(request, errors, refuse)
        self.asked.append(request)
        return await super().prepare(request, refuse, client)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("n", [1, 2])
def test_what_only_the_engine_finds_out_follows_the_policy_too(stream: bool, n: int) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    fields: dict[str, Any] = {"stream": stream, "n": n, "reasoning_effort": "low"}
    fields |= {"tools": [tool], "tool_choice": "required"}
    assert error_of(ask(Particular(), **fields)) == (400, "unsupported_parameter", "reasoning_effort")
    engine = Particular()
    response = ask(engine, Settings(api_keys=("k",), unsupported="warn"), **fields)
    assert response.status_code == 200
    assert response.headers["x-unsupported-parameters"] == "reasoning_effort, tool_choice"
    assert "Hello!" in response.text
    (asked,) = engine.asked
    assert not {"reasoning_effort", "tool_choice"} & asked.keys()
    assert asked["tools"] == [tool]
    served = ask(Particular(), Settings(api_keys=("k",), unsupported="warn"), stream=stream, reasoning_effort="high")
    assert "x-unsupported-parameters" not in served.headers


def test_what_cannot_be_left_out_stays_an_error_under_the_policy_warn() -> None:
    class Mute(EchoEngine):
        async def prepare(self, request: dict[str, Any], refuse: Refuse, client: str | None = None) -> EchoPlan:
            refuse(UnsupportedParameter("No.", param=param))
            raise AssertionError("it went on without it")

    for param in ("messages", "model", "stream", "tools[7].custom", "unheard.of", "x[", ""):
        response = ask(Mute(), Settings(api_keys=("k",), unsupported="warn"))
        assert error_of(response) == (400, "unsupported_parameter", param)


@pytest.fixture
def open_document(tmp_path: Path) -> Path:
    """Our document, letting fields pass that it does not know."""
    content = json.loads(Document.load(contract_path(Settings())).json_bytes)
    del content["components"]["schemas"]["CreateChatCompletionRequest"]["additionalProperties"]
    path = tmp_path / "open.json"
    path.write_text(json.dumps(content))
    return path


class Listening(EchoEngine):
    """Keeps what it was asked."""

    asked: dict[str, Any]

    async def prepare(self, request: dict[str, Any], refuse: Refuse, client: str | None = None) -> EchoPlan:
        self.asked = request
        return await super().prepare(request, refuse, client)


def test_a_field_that_an_open_document_lets_pass_follows_the_policy_and_never_reaches_the_engine(
    open_document: Path,
) -> None:
    engine = Listening()
    refusing = Settings(api_keys=("k",), spec=open_document)
    assert error_of(ask(engine, refusing, top_k=1)) == (400, "unsupported_parameter", "top_k")
    warning = Settings(api_keys=("k",), spec=open_document, unsupported="warn")
    response = ask(engine, warning, top_k=1, min_p=None, store=True)
    assert response.status_code == 200
    assert response.headers["x-unsupported-parameters"] == "top_k, store"
    assert engine.asked == {"model": "parley-echo", **said()}


@pytest.mark.long
@pytest.mark.parametrize("name", FOREIGN)
def test_a_document_in_several_files_and_openais_own_are_such_open_ones(name: str) -> None:
    path = foreign(name)
    settings = Settings(api_keys=("k",), spec=path)
    assert error_of(ask(EchoEngine(), settings, top_k=1)) == (400, "unsupported_parameter", "top_k")
    extra = engine_with(extra_parameters=frozenset({"top_k"}))
    assert ask(extra, settings, top_k=1).status_code == 200
    assert error_of(ask(extra, settings, top_k=-1)) == (400, "integer_below_min_value", "top_k")


@pytest.mark.parametrize("name", ["a\r\nset-cookie: x", "ключ", "\x00", "x" * 5000, "", "a, b"])
def test_a_field_of_any_name_is_named_safely(open_document: Path, name: str) -> None:
    warning = Settings(api_keys=("k",), spec=open_document, unsupported="warn")
    response = ask(EchoEngine(), warning, **{name: 1})
    assert response.status_code == 200
    header = response.headers["x-unsupported-parameters"]
    assert re.fullmatch(r"[!-~]{1,500}", header)
    assert "set-cookie" not in response.headers
    refused = ask(EchoEngine(), Settings(api_keys=("k",), spec=open_document), **{name: 1})
    assert refused.status_code == 400
    assert len(refused.json()["error"]["param"]) < 100


def test_a_field_that_our_own_contract_does_not_know_is_an_error_or_named_by_the_policy() -> None:
    tool = {"type": "function", "function": {"name": "f", "extra": 1}}
    other = {"type": "function", "function": {"name": "g"}, "more": {}}
    fields: dict[str, Any] = {"top_k": 1, "num_ctx": 2, "tools": [tool, other]}
    assert error_of(ask(EchoEngine(), **fields)) == (400, "unknown_parameter", "top_k")
    engine = Listening()
    response = ask(engine, Settings(api_keys=("k",), unsupported="warn"), **fields)
    assert response.status_code == 200
    named = "top_k, num_ctx, tools[0].function.extra, tools[1].more"
    assert response.headers["x-unsupported-parameters"] == named
    functions = [{"type": "function", "function": {"name": name}} for name in "fg"]
    assert engine.asked == {"model": "parley-echo", **said(), "tools": functions}


def test_a_field_that_the_contract_does_not_know_follows_the_policy_of_the_model() -> None:
    lenient = engine_with(unsupported="warn")
    assert ask(lenient, top_k=1).headers["x-unsupported-parameters"] == "top_k"
    strict = engine_with(unsupported="refuse")
    settings = Settings(api_keys=("k",), unsupported="warn")
    assert error_of(ask(strict, settings, top_k=1)) == (400, "unknown_parameter", "top_k")


def test_what_else_is_wrong_with_a_request_is_an_error_beside_fields_that_are_not_known() -> None:
    settings = Settings(api_keys=("k",), unsupported="warn")
    response = ask(EchoEngine(), settings, top_k=1, temperature="hot")
    assert error_of(response) == (400, "invalid_type", "temperature")
    assert error_of(ask(EchoEngine(), settings, top_k=1, model=None)) == (400, "invalid_type", "model")


# -- parameters beyond the API -----------------------------------------------------------------------------------


def test_extra_parameters_of_a_model_are_checked_by_the_document_and_reach_its_engine() -> None:
    engine = Listening()
    engine.models = engine_with(extra_parameters=frozenset({"top_k", "min_p"})).models
    assert ask(engine, top_k=40, min_p=0.5).status_code == 200
    assert (engine.asked["top_k"], engine.asked["min_p"]) == (40, 0.5)
    assert error_of(ask(engine, top_k=-1)) == (400, "integer_below_min_value", "top_k")
    assert error_of(ask(engine, min_p="x")) == (400, "invalid_type", "min_p")
    assert error_of(ask(engine, typical_p=1)) == (400, "unknown_parameter", "typical_p")


def test_an_extra_parameter_of_another_model_follows_the_policy() -> None:
    engine = Listening()
    having, plain = engine_with(extra_parameters=frozenset({"top_k"})).models[0], engine_with(id="plain").models[0]
    engine.models = (having, plain)
    assert error_of(ask(engine, model="plain", top_k=1)) == (400, "unsupported_parameter", "top_k")
    response = ask(engine, Settings(api_keys=("k",), unsupported="warn"), model="plain", top_k=1)
    assert response.headers["x-unsupported-parameters"] == "top_k"
    assert "top_k" not in engine.asked


@pytest.mark.live
def test_extra_parameters_that_the_engine_does_not_know_end_the_start() -> None:
    for settings in (Settings(extra_parameters=("top_kk",)), Settings(engine="echo", extra_parameters=("top_k",))):
        with pytest.raises(ConfigurationError, match="PARLEY_EXTRA_PARAMETERS has top_k"):
            wire(settings)
    with pytest.raises(StartError) as caught, serve("echo", {"PARLEY_EXTRA_PARAMETERS": "top_k"}):
        pass
    assert "It knows: none." in caught.value.log


@pytest.mark.live
def test_the_bundled_model_honours_what_is_let_through_and_the_document_says_so() -> None:
    with serve("llama", {"PARLEY_EXTRA_PARAMETERS": ",".join(LLAMA_PARAMETERS)}) as server:
        document = server.request("GET", "/v1/openapi.json").json()
        properties = document["components"]["schemas"]["CreateChatCompletionRequest"]["properties"]
        assert {name: properties.get(name) for name in EXTRA_PARAMETERS} == {
            name: schema if name in LLAMA_PARAMETERS else None for name, schema in EXTRA_PARAMETERS.items()
        }
        assert '"top_k":{"type":"integer"' in server.request("GET", "/v1/openapi.yaml").body.decode()

        def text(**fields: Any) -> str:
            request = {"model": "parley-tiny", **said(content="Tell me a joke."), "max_tokens": 40, **fields}
            answer = server.request("POST", CHAT, body=request, headers=server.bearer)
            assert answer.status == 200, answer.body
            return str(answer.json()["choices"][0]["message"]["content"])

        likeliest, wild = text(temperature=0), {"temperature": 2, "seed": 1}
        assert text(**wild) != likeliest
        assert text(**wild, top_k=1) == likeliest
        assert text(**wild, min_p=1) == likeliest
        assert text(**wild, typical_p=0.01) != text(**wild)
        assert text(temperature=0, repeat_penalty=10) != likeliest
        neutral = {"top_k": 0, "min_p": 0, "typical_p": 1, "repeat_penalty": 1}
        assert text(temperature=0, **neutral) == likeliest
