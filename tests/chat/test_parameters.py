"""The table of parameters is complete: each property of the contract's request is in it, and each takes effect or is
refused."""

import json
from collections import Counter
from typing import Any

import pytest

from app.chat.parameters import PARAMETERS, ChatParameter
from app.chat.policy import honour
from app.chat.support import plain_value, support_rows, support_table
from app.configuration.capabilities import CAPABILITIES
from app.configuration.document import contract_path
from app.configuration.model_file import served_model
from app.contract.document import Document
from app.contract.properties import property_paths
from app.engines import echo
from app.engines.base import Model, reasoning_model
from app.engines.llama import engine as llama
from app.errors import UnsupportedParameter
from app.settings import Settings

from ..configuration.entries import model_file
from ..published import DOCS, hold

BARE = Model("m", 0, "o", "f")
# What rows that stand inside others need besides their own capability, so that it is them that is looked at.
HOLDERS = frozenset({"tools", "images", "response_format", "prompt_cache"})
NEEDY = [parameter for parameter in PARAMETERS if parameter.needs]


def refuse(body: dict[str, Any], model: Model) -> None:
    honour(body, model, policy="refuse")


def request(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}


def having(path: str, value: Any) -> dict[str, Any]:
    """A request with a value at a path of the table."""
    for step in reversed(path.split(".")):
        name, items = step.removesuffix("[]"), step.endswith("[]")
        value = {name: [value] if items else value}
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], **value}


def place(parameter: ChatParameter) -> str:
    """The path that an error about a parameter names, each list having one item."""
    steps = parameter.name.replace("[]", "[0]").split(".")
    return ".".join(steps[: len(steps) - parameter.carrier])


def test_the_table_has_just_the_properties_of_the_contract() -> None:
    document = Document.load(contract_path(Settings()))
    contract = property_paths(document, document.content["components"]["schemas"]["CreateChatCompletionRequest"])
    assert len([path for path in contract if "." not in path]) == 37
    assert len(contract) == 134
    rows = Counter(path for parameter in PARAMETERS for path in parameter.paths)
    assert sorted(rows.elements()) == sorted(contract)


@pytest.mark.parametrize("parameter", NEEDY, ids=lambda p: p.name)
def test_a_model_without_the_capability_refuses_it_by_name_and_lets_neutral_values_pass(
    parameter: ChatParameter,
) -> None:
    lacking = Model("m", 0, "o", "f", (HOLDERS - {str(parameter.needs)}))
    for value in (None, *parameter.neutral):
        refuse(having(parameter.name, value), lacking)
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(having(parameter.name, {"some": "thing"}), lacking)
    assert caught.value.param == place(parameter)
    assert f"'{place(parameter)}'" in caught.value.message
    for value in parameter.neutral:
        assert plain_value(value) in caught.value.message
    capable = Model("m", 0, "o", "f", HOLDERS | {str(parameter.needs)})
    refuse(having(parameter.name, {"some": "thing"}), capable)


@pytest.mark.parametrize("parameter", NEEDY, ids=lambda p: p.name)
def test_under_the_policy_warn_it_is_left_out_with_what_makes_no_sense_without_it(parameter: ChatParameter) -> None:
    body = having(parameter.name, {"some": "thing"})
    lacking = Model("m", 0, "o", "f", HOLDERS - {str(parameter.needs)})
    got, names = honour(body, lacking, policy="warn")
    assert names[0] == place(parameter)
    assert "some" not in repr(got)
    assert body == having(parameter.name, {"some": "thing"}), "the client's own body is not changed"
    assert honour(got, lacking, policy="refuse") == (got, [])


def test_capabilities_of_the_engines_are_words_of_the_table() -> None:
    assert echo.CAPABILITIES | llama.CAPABILITIES <= CAPABILITIES


def test_true_is_not_one() -> None:
    with pytest.raises(UnsupportedParameter):
        refuse(request(temperature=True), BARE)


IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "user", "content": [IMAGE]}, "messages[0].content[0]"),
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


def test_what_a_model_lacks_of_something_that_it_has_is_refused_by_its_nested_path() -> None:
    sees = Model("m", 0, "o", "f", frozenset({"images"}))
    part = {**IMAGE, "image_url": {"url": "data:,", "detail": "low"}}
    body = request(messages=[{"role": "user", "content": [IMAGE, part]}])
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(body, sees)
    assert caught.value.param == "messages[0].content[1].image_url.detail"
    got, _ = honour(body, sees, policy="warn")
    assert got["messages"][0]["content"] == [IMAGE, IMAGE]


def test_under_the_policy_warn_what_is_not_honoured_is_left_out_and_named() -> None:
    body = request(
        logprobs=True, temperature=None, messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, IMAGE]}]
    )
    got, names = honour(body, BARE, policy="warn")
    assert names == ["messages[0].content[1]", "logprobs"]
    assert got == {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}
    assert body["messages"][0]["content"][1] is IMAGE, "the client's own body is not changed"


def test_the_choice_of_a_tool_goes_with_the_last_tool() -> None:
    model = Model("m", 0, "o", "f", frozenset({"tools"}))
    custom = {"type": "custom", "custom": {"name": "c"}}
    function = {"type": "function", "function": {"name": "f"}}
    got, names = honour(request(tools=[custom], tool_choice="required"), model, policy="warn")
    assert ("tool_choice" in got, got["tools"], names) == (False, [], ["tools[0]", "tool_choice"])
    got, names = honour(request(tools=[custom, function], tool_choice="required"), model, policy="warn")
    assert (got["tool_choice"], got["tools"], names) == ("required", [function], ["tools[0]"])


def test_a_field_that_no_document_of_ours_knows_is_not_passed_on() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(request(top_k=1), BARE)
    assert caught.value.param == "top_k"
    assert honour(request(top_k=1, min_p=None), BARE, policy="warn") == (request(), ["top_k"])
    assert honour(request(top_k=None), BARE, policy="refuse") == (request(), [])


def test_an_extra_parameter_reaches_the_models_that_have_it() -> None:
    extra = Model("m", 0, "o", "f", extra_parameters=frozenset({"top_k"}))
    assert honour(request(top_k=1), extra, policy="refuse") == (request(top_k=1), [])
    with pytest.raises(UnsupportedParameter):
        refuse(request(min_p=1), extra)


def test_a_model_that_reasons_takes_sampling_parameters_at_their_defaults_only() -> None:
    model = Model("m", 0, "o", "f", reasoning_model(llama.CAPABILITIES))
    refuse(
        request(temperature=1, top_p=1, presence_penalty=0, frequency_penalty=0, logprobs=False, logit_bias={}), model
    )
    refuse(request(seed=1, max_completion_tokens=5, stop="x", tools=[{"type": "function"}]), model)
    for name, value in (
        ("temperature", 0.5),
        ("top_p", 0.5),
        ("presence_penalty", 1),
        ("frequency_penalty", 1),
        ("logprobs", True),
        ("top_logprobs", 2),
        ("logit_bias", {"1": 1}),
        ("max_tokens", 5),
    ):
        with pytest.raises(UnsupportedParameter) as caught:
            refuse(request(**{name: value}), model)
        assert caught.value.param == name
    assert "Use 'max_completion_tokens' instead." in caught.value.message


def test_the_table_of_a_model_has_a_row_for_each_parameter() -> None:
    model = Model("m", 0, "o", "f", frozenset({"sampling"}), extra_parameters=frozenset({"top_k"}))
    rows = support_table(model).splitlines()[2:]
    assert len(rows) == len(PARAMETERS) + 1
    assert "| `temperature` | honoured |" in rows
    assert '| `tool_choice` | refused, but for `"none"` and `"auto"` |' in rows
    assert "| `tools[].function.strict` | refused |" in rows, "it is a part of what is refused"
    assert "| `store` | refused, but for `false` |" in rows
    assert "| `messages[].content[].image_url.detail` | refused |" in rows, "without a picture there is nothing to see"
    assert any(row.startswith("| `top_k` | honoured") for row in rows)


def test_the_rows_of_a_model_say_what_its_table_says() -> None:
    model = Model("m", 0, "o", "f", frozenset({"sampling", "tools"}), extra_parameters=frozenset({"top_k"}))
    lines = support_table(model).splitlines()[2:]
    rows = support_rows(model)
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert line.startswith(f"| `{row['name']}` | {row['verdict']}")
        assert ("values" in row) is ("refused, but for" in line)
        for value in row.get("values", ()):
            assert f"`{plain_value(json.loads(value))}`" in line
    assert rows[-1] == {"name": "top_k", "verdict": "honoured", "note": "beyond the API"}


def test_the_documentation_shows_the_table_of_the_bundled_model() -> None:
    model = served_model(model_file()).model
    hold(DOCS / "parameters.md", "chat", f"{support_table(model)}\n")
