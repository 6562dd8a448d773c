"""The table of a completion's parameters is that of the contract, and each is honoured or refused by name."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from app.chat.parameters import ChatParameter
from app.chat.policy import honour
from app.chat.support import support_rows, support_table
from app.completions.parameters import TEXT
from app.configuration.model_file import served_model
from app.contract.document import Document
from app.contract.properties import property_paths
from app.embeddings.parameters import EMBEDDING
from app.engines.base import COMPLETIONS, EMBEDDINGS, Model
from app.engines.dialects.known import DIALECTS
from app.errors import UnsupportedParameter
from app.jsontypes import Json
from tests.configuration.entries import model_file
from tests.conftest import Command
from tests.openapi import component_accepts
from tests.published import DOCS, hold

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


def test_the_documentation_has_the_table_of_the_bundled_model() -> None:
    hold(DOCS / "completions.md", "completions", f"{support_table(served_model(model_file()).model, TEXT)}\n")


def test_the_documentation_tells_what_servers_of_each_kind_honour() -> None:
    rows = {
        "prompts and texts as tokens": "token_prompts",
        "`echo` with `logprobs`": "prompt_logprobs",
        "penalties": "penalties",
        **{f"`{name}`": name for name in ("logprobs", "suffix", "dimensions", "logit_bias", "seed")},
        "`continuous_usage_stats`": "continuous_usage",
    }
    lines = [["", *DIALECTS], ["---"] * (len(DIALECTS) + 1)]
    for row, capability in rows.items():
        told = ["yes" if capability in dialect.capabilities else "refused" for dialect in DIALECTS.values()]
        lines.append([row, *told])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("|  |", "| |")
    hold(DOCS / "upstreams.md", "dialects", table)
    # Whatever else the tables know, servers of each kind honour.
    others = (TEXT.capabilities | EMBEDDING.capabilities) - {*rows.values()}
    assert all(others <= dialect.capabilities for dialect in DIALECTS.values())


def test_the_command_shows_the_table_of_each_operation_of_a_model(command: Command) -> None:
    shown = command("models", "show", "parley-echo", PARLEY_ENGINE="echo").stdout
    assert shown.count("| Parameter | With this model |") == 3
    assert "| `encoding_format` | honoured: made here where the engine has the other form |" in shown
    assert command("models", "show", "parley-tiny", PARLEY_ENGINE="llama").stdout.count("| Parameter |") == 2
