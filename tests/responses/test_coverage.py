"""The score of responses is the truth: what the tables say becomes of a property is what the server does."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from app.chat.coverage import Line, coverage, totals
from app.chat.parameters import CAPABILITIES
from app.configuration.model_file import served_model
from app.contract.document import Document
from app.contract.extend import extend_request
from app.contract.operations import operations
from app.contract.properties import property_paths
from app.domains import asking_operations
from app.engines.base import Model
from app.responses.parameters import PARAMETERS
from app.responses.produced import EVENT, FAILURE, ITEMS, RESPONSE
from app.responses.service import Responses
from app.settings import Settings

from ..chat.test_coverage import observed, paths_of
from ..configuration.entries import model_file
from ..foreign import OPENAIS, foreign
from ..live import Server
from ..published import page

NOTHING = Model("m", 0, "o", "f")
ALL = Model("m", 0, "o", "f", CAPABILITIES)


def lines_of(document: Document, model: Model) -> list[Line]:
    (operation,) = (
        each for each, service in asking_operations(Settings(), operations(document)) if service is Responses
    )
    return coverage(document, operation, model, ITEMS)


def test_the_tables_have_every_property_of_the_contract_and_no_other(document: Document) -> None:
    assert not [line for line in lines_of(document, NOTHING) if line.fate == "unknown"]
    schemas = document.content["components"]["schemas"]
    for name, table in (("Response", RESPONSE), ("ResponseStreamEvent", EVENT)):
        assert sorted(property_paths(document, schemas[name])) == sorted(table)


def test_what_becomes_a_parameter_of_a_chat_is_honoured_by_the_models_that_honour_that(document: Document) -> None:
    without, with_all = (
        {line.path: line for line in lines_of(document, model) if line.side == "request"} for model in (NOTHING, ALL)
    )
    for path in ("tools[].format.syntax", "text.format.schema", "top_logprobs", "tools[].name", "prompt_cache_key"):
        assert (without[path].fate, with_all[path].fate) == ("refused", "honoured"), path
    assert with_all["store"] == Line("request", "store", "refused", "but for `false`")
    assert with_all["input[].type"].note.startswith('one of `"message"` and')
    assert with_all["input[].output[].image_url"].fate == "refused"
    assert with_all["metadata"].note == "comes back with the answer"


def test_what_is_refused_for_every_model_is_what_the_table_refuses(document: Document) -> None:
    refused = paths_of(lines_of(document, ALL), "request", "refused")
    never = {path for each in PARAMETERS if each.refused and not each.chat for path in each.paths}
    assert {path for path in never if not path.endswith("[]")} <= refused


@pytest.mark.parametrize("path", OPENAIS)
def test_what_openais_own_documents_have_besides_are_parts_of_what_is_refused_by_its_type(path: str) -> None:
    document = Document.load(foreign(path))
    names = [each.id for each, service in asking_operations(Settings(), operations(document)) if service is Responses]
    if not names:
        pytest.skip("it is older than responses")
    lines = lines_of(document, ALL)
    besides = paths_of(lines, "request", "unknown")
    assert besides
    assert {re.split(r"\[\]|\.", each)[0] for each in besides} <= {"input", "tools", "tool_choice"}
    # What an earlier answer came with may be sent back, and is not read.
    known = {each for each in besides if re.match(r"input\[\]\.content\[\]\.", each)}
    assert {re.split(r"[.\[]", each.removeprefix("input[].content[]."))[0] for each in known} == {
        "annotations",
        "logprobs",
    }


def test_the_documentation_tells_the_score_of_the_bundled_model(document: Document) -> None:
    told = totals(lines_of(document, served_model(model_file()).model))
    assert f"| Responses | {told} |" in page("certify")


FUNCTION: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 8}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
    "defer_loading": False,
    "allowed_callers": ["direct"],
}
GRAMMAR = {"type": "grammar", "syntax": "regex", "definition": "a+"}
NOTE: dict[str, Any] = {"type": "custom", "name": "note", "format": {**GRAMMAR, "definition": "[a-c]{3}"}}
SCHEMA = {"name": "a", "description": "A.", "schema": {"type": "object"}, "strict": False}
SPACE: dict[str, Any] = {"type": "namespace", "name": "crm", "description": "Customers.", "tools": [FUNCTION, NOTE]}
ANSWERS: tuple[dict[str, Any], ...] = (
    {
        "metadata": {"a": "b"},
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "instructions": "Be brief.",
    },
    {"include": ["message.output_text.logprobs"], "top_logprobs": 2, "max_output_tokens": 16},
    {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "get_weather"}},
    {
        "tools": [FUNCTION],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "get_weather"}],
        },
    },
    {"tools": [NOTE], "tool_choice": {"type": "custom", "name": "note"}},
    {"tools": [SPACE], "tool_choice": "required"},
    {"text": {"format": {"type": "json_schema", **SCHEMA}}, "max_output_tokens": 16},
    {"reasoning": {"summary": "auto", "generate_summary": "auto", "context": "auto", "mode": "standard"}},
)


@pytest.mark.live
def test_what_the_bundled_model_answers_has_just_the_properties_that_the_table_calls_produced(
    llama_server: Server, document: Document
) -> None:
    lines = lines_of(document, served_model(model_file()).model)
    responses: set[str] = set()
    events: set[str] = set()
    for fields in ANSWERS:
        body = {"model": "parley-tiny", "input": "Count from one to a hundred in words.", "temperature": 0, **fields}
        answer = llama_server.request("POST", "/v1/responses", body=body, headers=llama_server.bearer)
        assert answer.status == 200, answer.body
        responses |= observed(answer.json(), paths_of(lines, "response"))
        options = {"stream": True, "stream_options": {"include_obfuscation": True}}
        stream = llama_server.request("POST", "/v1/responses", body=body | options, headers=llama_server.bearer)
        assert stream.status == 200
        for event in stream.body.decode().split("\n\n"):
            for line in event.splitlines():
                if line.startswith("data: "):
                    events |= observed(json.loads(line.removeprefix("data: ")), paths_of(lines, "event"))
    assert responses == paths_of(lines, "response", "produced")
    # Nothing failed here; what comes then is the matter of the tests of streams.
    assert events == paths_of(lines, "event", "produced") - {*FAILURE}


def test_every_capability_that_an_answer_needs_is_one_that_a_parameter_needs() -> None:
    assert {row.needs for row in (*RESPONSE.values(), *EVENT.values())} - {None} <= CAPABILITIES


def test_a_parameter_beyond_the_api_is_honoured_by_a_model_that_takes_it(document: Document) -> None:
    (operation,) = (
        each for each, service in asking_operations(Settings(), operations(document)) if service is Responses
    )
    extended = extend_request(document, operation, {"top_k": {"type": "integer"}})
    taking = replace(ALL, extra_parameters=frozenset({"top_k"}))
    for model, expected in ((ALL, "refused"), (taking, "honoured")):
        fates = {line.path: line.fate for line in coverage(extended, operation, model, ITEMS) if line.side == "request"}
        assert fates["top_k"] == expected
