"""The table of parameters is complete: each of the contract's is in it, and each takes effect or is refused."""

from pathlib import Path
from typing import Any

import pytest

from app.chat.parameters import PARAMETERS, honour, support_table
from app.contract.document import Document
from app.engines import echo, llama
from app.engines.base import Model
from app.engines.configured import served_model
from app.errors import UnsupportedParameter
from app.settings import Settings
from app.wiring import contract_path

BARE = Model("m", 0, "o", "f")
KNOWN = echo.CAPABILITIES | llama.CAPABILITIES


def refuse(body: dict[str, Any], model: Model) -> None:
    honour(body, model, policy="refuse")


def request(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}


def test_the_table_has_just_the_parameters_of_the_contract() -> None:
    schemas = Document.load(contract_path(Settings())).content["components"]["schemas"]
    properties = list(schemas["CreateChatCompletionRequest"]["properties"])
    assert len(properties) == 37
    assert sorted(parameter.name for parameter in PARAMETERS) == sorted(properties)


@pytest.mark.parametrize("parameter", [p for p in PARAMETERS if p.needs], ids=lambda p: p.name)
def test_a_model_without_the_capability_refuses_it_by_name_and_lets_neutral_values_pass(parameter: Any) -> None:
    for value in (None, *parameter.neutral):
        refuse(request(**{parameter.name: value}), BARE)
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(request(**{parameter.name: {"some": "thing"}}), BARE)
    assert caught.value.param == parameter.name
    capable = Model("m", 0, "o", "f", frozenset({parameter.needs}))
    refuse(request(**{parameter.name: {"some": "thing"}}), capable)


def test_capabilities_of_the_engines_are_words_of_the_table() -> None:
    assert {parameter.needs for parameter in PARAMETERS} >= KNOWN


def test_true_is_not_one() -> None:
    with pytest.raises(UnsupportedParameter):
        refuse(request(temperature=True), BARE)


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
            "messages[0].content[0]",
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "file", "file": {}}]},
            "messages[0].content[1]",
        ),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[0].audio"),
        (
            {
                "role": "user",
                "content": [{"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            },
            "messages[0].content[0].prompt_cache_breakpoint",
        ),
    ],
)
def test_parts_of_messages_that_a_model_cannot_read_are_refused_by_place(message: Any, param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(request(messages=[message]), BARE)
    assert caught.value.param == param


def test_how_closely_to_look_is_refused_by_place_and_auto_passes() -> None:
    seeing = Model("m", 0, "o", "f", frozenset({"images"}))

    def parts(*details: Any) -> list[Any]:
        return [{"type": "image_url", "image_url": {"url": "data:,", "detail": detail}} for detail in details]

    refuse(request(messages=[{"role": "user", "content": parts("auto", None)}]), seeing)
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(request(messages=[{"role": "user", "content": parts("auto", "high")}]), seeing)
    assert caught.value.param == "messages[0].content[1].image_url.detail"
    body = request(messages=[{"role": "user", "content": parts("low")}])
    assert honour(body, seeing, policy="warn") == (body, ["messages[0].content[0].image_url.detail"])


def test_a_model_that_hears_does_not_speak() -> None:
    hearing = Model("m", 0, "o", "f", frozenset({"audio_input"}))
    sound = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    refuse(request(messages=[{"role": "user", "content": [sound]}]), hearing)
    with pytest.raises(UnsupportedParameter):
        refuse(request(audio={"voice": "alloy", "format": "wav"}), hearing)


def test_under_the_policy_warn_what_is_not_honoured_is_left_out_and_named() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    body = request(
        logprobs=True, temperature=None, messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, image]}]
    )
    got, names = honour(body, BARE, policy="warn")
    assert names == ["logprobs", "messages[0].content[1]"]
    assert got == {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}
    assert body["messages"][0]["content"][1] is image, "the client's own body is not changed"


def test_the_table_of_a_model_has_a_row_for_each_parameter() -> None:
    rows = support_table(Model("m", 0, "o", "f", frozenset({"sampling"}))).splitlines()[2:]
    assert len(rows) == 37
    assert "| `temperature` | honoured |" in rows
    assert '| `tool_choice` | refused, but for `"none"` and `"auto"` |' in rows
    assert "| `store` | refused, but for `false` |" in rows


def test_readme_shows_the_table_of_the_bundled_model() -> None:
    model = served_model(Settings()).model
    assert support_table(model) in (Path(__file__).parents[2] / "README.md").read_text()
