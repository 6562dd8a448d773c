"""The table of parameters is complete: each property of the contract's request is in it, and has one fate."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.chat.parameters import BY_PATH
from app.contract.document import Document
from app.contract.properties import property_paths
from app.errors import UnsupportedParameter
from app.responses.parameters import PARAMETERS, ResponseParameter
from app.responses.refusing import refuse

REFUSED = [parameter for parameter in PARAMETERS if parameter.refused]


def having(path: str, value: Any) -> dict[str, Any]:
    """A request with a value at a path of the table."""
    for step in reversed(path.split(".")):
        name, items = step.removesuffix("[]"), step.endswith("[]")
        value = {name: [value] if items else value}
    return {"model": "m", **value}


def place(parameter: ResponseParameter) -> str:
    """The path that an error about a parameter names, each list having one item."""
    steps = parameter.name.replace("[]", "[0]").split(".")
    return ".".join(steps[: len(steps) - parameter.carrier])


def test_the_table_has_just_the_properties_of_the_contract(document: Document) -> None:
    contract = property_paths(document, document.content["components"]["schemas"]["CreateResponse"])
    assert len([path for path in contract if "." not in path]) == 32
    assert len(contract) == 127
    rows = Counter(path for parameter in PARAMETERS for path in parameter.paths if not path.endswith("[]"))
    assert sorted(rows.elements()) == sorted(contract)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_each_becomes_a_parameter_of_the_chat_or_says_what_it_does_or_why_it_is_refused(
    parameter: ResponseParameter,
) -> None:
    assert parameter.chat or parameter.effect or parameter.refused
    assert not parameter.chat or parameter.chat in BY_PATH
    assert bool(parameter.refused) or not (parameter.takes or parameter.always or parameter.carrier)


@pytest.mark.parametrize("parameter", REFUSED, ids=lambda parameter: parameter.name)
def test_what_no_model_honours_is_refused_by_name_but_for_values_that_ask_for_nothing(
    parameter: ResponseParameter,
) -> None:
    for value in parameter.takes:
        body = having(parameter.name, value)
        assert refuse(body, "refuse") == (body, [])
    with pytest.raises(UnsupportedParameter) as caught:
        refuse(having(parameter.name, "something else"), "refuse")
    assert caught.value.param == place(parameter)
    assert caught.value.message == (
        f"Unsupported parameter: '{place(parameter)}' is not supported. {parameter.refused}"
    )


@pytest.mark.parametrize("parameter", REFUSED, ids=lambda parameter: parameter.name)
def test_under_the_policy_warn_it_is_left_out_and_named_unless_the_request_would_be_another(
    parameter: ResponseParameter,
) -> None:
    body = having(parameter.name, "something else")
    if parameter.always:
        with pytest.raises(UnsupportedParameter):
            refuse(body, "warn")
        return
    left, names = refuse(body, "warn")
    assert names[0] == place(parameter)
    assert "something else" not in repr(left)
    assert body == having(parameter.name, "something else"), "the client's own body is not changed"


def test_what_another_request_would_come_of_are_state_and_the_background() -> None:
    assert [parameter.name for parameter in PARAMETERS if parameter.always] == [
        *("previous_response_id", "conversation", "prompt", "background"),
    ]


def test_false_is_not_zero() -> None:
    with pytest.raises(UnsupportedParameter):
        refuse({"store": 0}, "refuse")


def test_the_choice_of_a_tool_goes_with_the_last_tool() -> None:
    hosted, own = {"type": "web_search"}, {"type": "function", "name": "f"}
    left, names = refuse({"tools": [hosted], "tool_choice": "required"}, "warn")
    assert (left, names) == ({"tools": []}, ["tools[0]", "tool_choice"])
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [hosted, own]}
    left, names = refuse({"tools": [hosted, own], "tool_choice": allowed}, "warn")
    assert (left["tools"], left["tool_choice"]["tools"], names) == ([own], [own], ["tools[0]"])
