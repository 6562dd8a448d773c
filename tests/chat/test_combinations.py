"""What must hold between parameters is refused before any engine is asked, whichever it is."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from app.chat.combinations import check_combinations
from app.chat.policy import honour
from app.engines.base import Engine, Model
from app.engines.dialects.dialect import UpstreamModel
from app.engines.dialects.known import DIALECTS
from app.engines.echo import EchoEngine
from app.engines.llama.engine import CAPABILITIES, LlamaEngine
from app.engines.transport.options import UpstreamOptions
from app.engines.transport.replicas import Replicas
from app.engines.upstream import UpstreamEngine, model_of
from app.errors import BadRequest
from app.jsontypes import Json
from app.settings import Settings
from app.wiring import wire

from ..web.inprocess import BEARER, KEY


def tool(name: str) -> Json:
    return {"type": "function", "function": {"name": name}}


ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("b")]}}

# What is asked, the parameter that is at fault, and the code of the error where the model has the capability.
CASES: list[tuple[Json, str, str]] = [
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    ({"tools": [], "tool_choice": tool("a")}, "tool_choice", "invalid_value"),
    ({"tools": [tool("a")], "tool_choice": tool("b")}, "tool_choice.function.name", "invalid_value"),
    (
        {"tools": [tool("a")], "tool_choice": ALLOWED},
        "tool_choice.allowed_tools.tools[0].function.name",
        "invalid_value",
    ),
    ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name", "invalid_value"),
    ({"function_call": {"name": "g"}}, "function_call", "invalid_value"),
    ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
    ({"logprobs": False, "top_logprobs": 2}, "top_logprobs", "invalid_value"),
    ({"modalities": ["text", "audio"]}, "audio", "missing_required_parameter"),
]
NEEDS = {"tool_choice": "tools", "tools": "tools", "functions": "functions", "function_call": "functions"}
NEEDS |= {"top_logprobs": "logprobs", "logprobs": "logprobs", "modalities": "audio"}


class Unasked(Replicas):
    """An upstream that nobody may ask."""

    def __init__(self) -> None:
        super().__init__(UpstreamOptions(name="peer", base_urls=("http://127.0.0.1:9/v1",)))

    async def post(self, *_args: Any, **_options: Any) -> Any:
        raise AssertionError("the engine was asked")


def engines() -> list[tuple[str, Engine]]:
    made: list[tuple[str, Engine]] = [("echo", EchoEngine())]
    bundled = Model("m", created=0, owned_by="parley", fingerprint="fp", capabilities=CAPABILITIES)
    made.append(("bundled", LlamaEngine(bundled, context_length=512, address=lambda: ("/nowhere/s.sock", "k"))))
    made += [(name, UpstreamEngine(UpstreamModel(model_of("m", name), "m"), name, Unasked())) for name in DIALECTS]
    return made


def errors(engine: Engine, bodies: list[Json]) -> list[Json]:
    """The errors that requests get, each of them a 400."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(wire(Settings(api_keys=(KEY,)), engine))
        hello = {"model": engine.models[0].id, "messages": [{"role": "user", "content": "Hello!"}]}
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return [
                await client.post("/v1/chat/completions", json={**hello, **body}, headers=BEARER) for body in bodies
            ]

    found = asyncio.run(send())
    assert [response.status_code for response in found] == [400] * len(bodies)
    return [response.json()["error"] for response in found]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("name", "engine"), engines(), ids=[name for name, _ in engines()])
def test_what_does_not_go_together_is_refused_by_every_engine_and_dialect(
    name: str, engine: Engine, stream: bool
) -> None:
    capabilities = engine.models[0].capabilities
    told = errors(engine, [{**body, "stream": stream} for body, _, _ in CASES])
    for (body, param, code), error in zip(CASES, told, strict=True):
        if all(NEEDS[parameter] in capabilities for parameter in body):
            assert (error["param"], error["code"]) == (param, code), (name, body)
        else:
            # Without a capability its parameter is refused by its own name, whatever goes with it.
            assert error["param"].partition(".")[0] in body, (name, body)


@pytest.mark.parametrize(
    "request_",
    [
        {"tools": [tool("a")], "tool_choice": "required"},
        {"tools": [tool("a"), tool("b")], "tool_choice": ALLOWED},
        {"tool_choice": "none"},
        {"tools": [], "tool_choice": "auto"},
        {"function_call": "none"},
        {"tools": [tool("a")], "function_call": "auto"},
        {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
        {"logprobs": True, "top_logprobs": 2},
        {"top_logprobs": 0},
        {"modalities": ["text", "audio"], "audio": {"voice": "ash", "format": "wav"}},
    ],
    ids=str,
)
def test_what_goes_together_passes(request_: Json) -> None:
    check_combinations(request_)


CUSTOM = {"type": "custom", "custom": {"name": "a"}}


def allowing(*tools: Json) -> Json:
    return {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": list(tools)}}


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"tools": [CUSTOM], "tool_choice": tool("a")}, "tool_choice.function.name"),
        ({"tools": [tool("a")], "tool_choice": CUSTOM}, "tool_choice.custom.name"),
        (
            {"tools": [tool("a")], "tool_choice": allowing(tool("a"), {"type": "function", "function": {}})},
            "tool_choice.allowed_tools.tools[1].function.name",
        ),
        (
            {"tools": [tool("a")], "tool_choice": allowing({"type": "other"})},
            "tool_choice.allowed_tools.tools[0]",
        ),
        ({"tools": [tool("a")], "tool_choice": allowing()}, "tool_choice.allowed_tools.tools"),
        ({"tools": [tool("a")], "functions": [{"name": "f"}]}, "functions"),
        ({"tools": [tool("a")], "function_call": "none"}, "function_call"),
        ({"tools": [tool("a")], "function_call": {"name": "a"}}, "function_call"),
        ({"functions": [{"name": "f"}], "tool_choice": "none"}, "tool_choice"),
        ({"functions": [{"name": "f"}], "tool_choice": "required"}, "tool_choice"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_by_its_path(request_: Json, param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_combinations(request_)
    assert caught.value.param == param


def test_a_tool_that_is_left_out_is_taken_off_the_list_of_those_that_may_be_called() -> None:
    custom = {"type": "custom", "custom": {"name": "c"}}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("a"), custom]}}
    model = Model("m", 0, "o", "f", capabilities=frozenset({"tools"}))
    body = {"messages": [], "tools": [tool("a"), custom], "tool_choice": allowed}
    request, ignored = honour(body, model, policy="warn")
    assert ignored == ["tools[1]"]
    assert request["tool_choice"]["allowed_tools"]["tools"] == [tool("a")]
    check_combinations(request)
    assert body["tool_choice"] == allowed
