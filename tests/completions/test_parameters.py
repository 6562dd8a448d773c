"""The table of a completion's parameters is that of the contract, and each is honoured or refused by name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.chat.parameters import ChatParameter
from app.chat.policy import honour
from app.chat.support import support_rows
from app.completions.parameters import TEXT
from app.contract.document import Document
from app.contract.properties import property_paths
from app.embeddings.parameters import EMBEDDING
from app.engines.base import COMPLETIONS, EMBEDDINGS, Model
from app.errors import UnsupportedParameter
from app.jsontypes import Json
from tests.openapi import component_accepts

TABLES = {"CreateCompletionRequest": TEXT, "CreateEmbeddingRequest": EMBEDDING}
PLAIN: dict[str, Json] = {
    COMPLETIONS: {"model": "m", "prompt": "a"},
    EMBEDDINGS: {"model": "m", "input": "a"},
}
# A value of each parameter that some model lacks, which asks for it in earnest.
EARNEST: Json = {
    **{"max_tokens": 5, "temperature": 0, "top_p": 0.5, "best_of": 2, "logprobs": 0, "suffix": "z", "stop": "x"},
    **{"frequency_penalty": 1, "presence_penalty": 1, "logit_bias": {"1": 1}, "seed": 1, "dimensions": 4},
    "stream_options.continuous_usage_stats": True,
}
NEEDY = [(table, each) for table in TABLES.values() for each in table.parameters if each.needs]


def asking(operation: str, name: str, value: Any) -> Json:
    top, _, inner = name.partition(".")
    return {**PLAIN[operation], top: {inner: value} if inner else value}


def model(*capabilities: str) -> Model:
    return Model("m", 0, "o", "f", frozenset(capabilities))


@pytest.mark.parametrize("name", TABLES)
def test_the_table_has_just_the_properties_of_the_contract(name: str, document: Document) -> None:
    contract = property_paths(document, document.content["components"]["schemas"][name])
    rows = Counter(path for parameter in TABLES[name].parameters for path in parameter.paths)
    assert sorted(rows.elements()) == sorted(contract)


@pytest.mark.parametrize(("table", "parameter"), NEEDY, ids=lambda each: getattr(each, "name", ""))
def test_a_model_without_the_capability_refuses_it_by_name_and_lets_neutral_values_pass(
    table: Any, parameter: ChatParameter
) -> None:
    body = asking(table.operation, parameter.name, EARNEST[parameter.name])
    name = next(name for name, each in TABLES.items() if each is table)
    assert component_accepts(name, body)
    others = table.capabilities - {parameter.needs}
    with pytest.raises(UnsupportedParameter) as caught:
        honour(body, model(*others), policy="refuse", table=table)
    assert caught.value.param == parameter.name
    _, names = honour(body, model(*others), policy="warn", table=table)
    assert names == [parameter.name]
    for value in (None, *parameter.neutral):
        assert not honour(asking(table.operation, parameter.name, value), model(*others), policy="refuse", table=table)[
            1
        ]
    assert honour(body, model(*table.capabilities), policy="refuse", table=table) == (body, [])


def test_every_parameter_is_told_for_a_model() -> None:
    for table in TABLES.values():
        rows = support_rows(model(), table)
        assert [row["name"] for row in rows] == [parameter.name for parameter in table.parameters]
        refused = {row["name"] for row in rows if row["verdict"] == "refused"}
        assert refused == {parameter.name for parameter in table.parameters if parameter.needs}
        assert all(component_accepts("ModelParameter", row) for row in rows)
