"""The score of the other operations on models is the truth too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.chat.coverage import Surface, coverage, totals
from app.chat.produced import FAILURE
from app.completions.produced import TEXTS
from app.configuration.model_file import served_model
from app.contract.document import Document
from app.contract.operations import operations
from app.contract.properties import property_paths
from app.domains import model_operations
from app.embeddings.produced import VECTORS
from app.engines.base import Model
from app.settings import Settings

from ..chat.test_coverage import observed, paths_of
from ..configuration.entries import model_file
from ..conftest import Command
from ..foreign import OPENAIS, foreign
from ..live import Server
from ..published import page

SURFACES: dict[str, tuple[Surface, dict[str, str]]] = {
    "createCompletion": (
        TEXTS,
        {"completion": "CreateCompletionResponse", "chunk": "CreateCompletionStreamEvent"},
    ),
    "createEmbedding": (VECTORS, {"embeddings": "CreateEmbeddingResponse"}),
}


def lines_of(document: Document, name: str, model: Model) -> Any:
    (operation,) = (each for each, _ in model_operations(Settings(), operations(document)) if each.id == name)
    return coverage(document, operation, model, SURFACES[name][0])


@pytest.mark.parametrize("name", SURFACES)
def test_the_tables_have_every_property_of_the_contract_and_no_other(name: str, document: Document) -> None:
    surface, components = SURFACES[name]
    assert not [line for line in lines_of(document, name, Model("m", 0, "o", "f")) if line.fate == "unknown"]
    schemas = document.content["components"]["schemas"]
    for side, component in components.items():
        assert sorted(property_paths(document, schemas[component])) == sorted(surface.answers[side][1])


@pytest.mark.parametrize("path", OPENAIS)
@pytest.mark.parametrize("name", SURFACES)
def test_openais_own_documents_have_nothing_that_the_tables_lack(name: str, path: str) -> None:
    lines = lines_of(Document.load(foreign(path)), name, Model("m", 0, "o", "f"))
    assert lines
    assert not [line for line in lines if line.fate == "unknown"]


@pytest.mark.live
def test_what_the_bundled_model_answers_has_just_the_properties_that_the_table_calls_produced(
    llama_server: Server, document: Document
) -> None:
    lines = lines_of(document, "createCompletion", served_model(model_file()).model)
    body: Any = {"model": "parley-tiny", "prompt": "Hello! How can", "logprobs": 1, "temperature": 0}
    whole = llama_server.request("POST", "/v1/completions", body=body, headers=llama_server.bearer)
    assert observed(whole.json(), paths_of(lines, "completion")) == paths_of(lines, "completion", "produced")
    options = {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": True}}
    stream = llama_server.request("POST", "/v1/completions", body=body | options, headers=llama_server.bearer)
    *events, _ = stream.body.decode().removesuffix("\n\n").split("\n\n")
    told = [observed(json.loads(event.removeprefix("data: ")), paths_of(lines, "chunk")) for event in events]
    assert set().union(*told) == paths_of(lines, "chunk", "produced") - {*FAILURE}


def test_the_documentation_tells_the_scores(document: Document) -> None:
    told = page("certify")
    bundled = served_model(model_file()).model
    assert f"| Completions | {totals(lines_of(document, 'createCompletion', bundled))} |" in told
    embedding = Model("m", 0, "o", "f", frozenset({"token_prompts"}), operations=frozenset({"embeddings"}))
    assert (
        f"| Embeddings, of a model that makes them | {totals(lines_of(document, 'createEmbedding', embedding))} |"
        in told
    )


def test_the_command_prints_the_score_of_an_operation(command: Command) -> None:
    done = command("contract", "coverage", "--operation", "createEmbedding", PARLEY_ENGINE="echo")
    assert done.stdout.splitlines()[-1].startswith("parley-echo: 14 of 14 properties accounted for: ")
    lacking = command("contract", "coverage", "--operation", "createEmbedding", PARLEY_ENGINE="llama")
    assert "This model does not make embeddings" in lacking.stderr
    unknown = command("contract", "coverage", "--operation", "createImage", PARLEY_ENGINE="echo")
    assert "createChatCompletion, createCompletion, createEmbedding, createResponse" in unknown.stderr
