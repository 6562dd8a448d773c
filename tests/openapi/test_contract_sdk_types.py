"""The contract knows all that the types of OpenAI's Python package know: parameters, values, bounds, and what answers
and chunks have."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, Literal, Required

import pytest
from openai import BaseModel
from openai.pagination import SyncPage
from openai.types import Completion, CreateEmbeddingResponse, Model, completion_create_params
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionDeleted, ChatCompletionStoreMessage
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.shared import ErrorObject
from typing_extensions import TypedDict

from . import Json, schemas
from .sdk_types import add_bounds, of_type
from .shapes import Shape, lacks, of_schema

REQUEST = "CreateChatCompletionRequest"
TYPES: dict[str, Any] = {
    REQUEST: CompletionCreateParams,
    "CreateCompletionRequest": completion_create_params.CompletionCreateParams,
    "CreateEmbeddingRequest": EmbeddingCreateParams,
    "CreateChatCompletionResponse": ChatCompletion,
    "StoredChatCompletion": ChatCompletion,
    "StoredChatCompletionMessage": ChatCompletionStoreMessage,
    "ChatCompletionDeleted": ChatCompletionDeleted,
    "CreateCompletionResponse": Completion,
    "CreateEmbeddingResponse": CreateEmbeddingResponse,
    "CreateChatCompletionStreamResponse": ChatCompletionChunk,
    "ListModelsResponse": SyncPage[Model],
    "Model": Model,
    "Error": ErrorObject,
}

# What the types know and the contract is not to have, each with its reason.
LEFT_OUT = {
    "CreateCompletionRequest.prompt: null": "a prompt must be there, and null is none",
    "CreateEmbeddingRequest.input: maxItems 300, not 2048": "a number of tokens, of 300,000, in a sentence about them",
    **{
        f"StoredChatCompletionMessage.{name}": "it is a message of a request, which has no such member"
        for name in ("annotations", "audio.data", "audio.expires_at", "audio.transcript")
    },
    "Error.misalignment": "the findings of OpenAI's reviews of its agents, of which there are none here",
}


def missing(components: Json) -> list[str]:
    """What the types know and the components lack, each with the component before it."""
    found = []
    for name, kind in TYPES.items():
        ours = of_schema(components[name], components)
        found += [f"{name}.{each}" for each in lacks(ours, of_type(kind), answer=not name.endswith("Request"))]
    return found


def test_the_contract_has_each_parameter_value_and_bound_that_the_types_know() -> None:
    assert missing(schemas()) == list(LEFT_OUT)


@pytest.mark.parametrize(
    ("component", "path", "name"),
    [
        (REQUEST, "properties/verbosity", f"{REQUEST}.verbosity"),
        (REQUEST, "properties/safety_identifier/maxLength", f"{REQUEST}.safety_identifier: maxLength 128, not None"),
        ("StopConfiguration", "oneOf/1/maxItems", f"{REQUEST}.stop: maxItems 4, not None"),
        ("StopConfiguration", "oneOf/2", f"{REQUEST}.stop: null"),
        ("ReasoningEffort", "anyOf/0/enum/6", f"{REQUEST}.reasoning_effort: 'max'"),
        (
            "ChatCompletionRequestMessageContentPartImage",
            "properties/image_url/properties/detail/anyOf/0/enum/3",
            f"{REQUEST}.messages[user].content[image_url].image_url.detail: 'original'",
        ),
        (
            "ChatCompletionRequestMessage",
            "oneOf/4",
            f"{REQUEST}.messages[tool]",
        ),
        (
            "ChatCompletionStreamResponseDelta",
            "properties/audio",
            "CreateChatCompletionStreamResponse.choices[].delta.audio",
        ),
        (
            "CompletionUsage",
            "properties/prompt_tokens_details/properties/cache_write_tokens",
            "CreateChatCompletionResponse.usage.prompt_tokens_details.cache_write_tokens",
        ),
    ],
)
def test_what_the_contract_loses_is_told_by_name(component: str, path: str, name: str) -> None:
    components = copy.deepcopy(schemas())
    place: Any = components[component]
    *way, last = path.split("/")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    del place[int(last) if isinstance(place, list) else last]
    assert name in missing(components)


# -- the comparison itself ---------------------------------------------------------------------------------------


class Size(TypedDict, total=False):
    unit: Required[Literal["mm", "inch"]]
    width: int
    """The width, between 1 and 20."""


class Square(TypedDict, total=False):
    type: Required[Literal["square"]]
    size: Size


class Circle(TypedDict, total=False):
    type: Required[Literal["circle"]]
    colour: str | Literal["red", "blue"]


class Described(TypedDict, total=False):
    title: str | None
    """The title, with a maximum length of 30 characters."""


class Drawing(Described, total=False):
    shapes: Required[Iterable[Square | Circle]]
    """Up to 9 shapes."""
    labels: dict[str, str]


class Drawn(BaseModel):
    state: Literal["done", "failed"]
    note: str | None = None


def an_object(**properties: Any) -> Json:
    return {"type": "object", "properties": properties}


def tagged(value: str, **properties: Any) -> Json:
    return an_object(type={"type": "string", "enum": [value]}, **properties)


TEXT: Json = {"type": "string"}
SIZE = an_object(unit={"enum": ["mm", "inch"]}, width={"type": "integer", "minimum": 1, "maximum": 20})
COMPONENTS: Json = {"Square": tagged("square", size=SIZE), "Circle": tagged("circle", colour=TEXT)}
SHAPES: Json = {"oneOf": [{"$ref": "#/components/schemas/Square"}, {"$ref": "#/components/schemas/Circle"}]}
DRAWING = an_object(
    title={"type": ["string", "null"], "maxLength": 30},
    shapes={"type": "array", "maxItems": 9, "items": SHAPES},
    labels={"type": "object", "additionalProperties": TEXT},
)


def lacking(**changes: Any) -> list[str]:
    """What a drawing of the types has, and one with other properties in its schema has not."""
    changed = {name: schema for name, schema in (DRAWING["properties"] | changes).items() if schema is not None}
    return [*lacks(of_schema(an_object(**changed), COMPONENTS), of_type(Drawing))]


def test_a_schema_with_all_that_the_types_know_lacks_nothing() -> None:
    assert lacking() == []
    assert lacking(more=TEXT) == []
    assert lacking(labels={}) == [], "a schema without rules takes anything"


def test_each_lack_is_told_by_the_path_of_its_place() -> None:
    assert lacking(title=None) == ["title"]
    assert lacking(title=TEXT) == ["title: null", "title: maxLength 30, not None"]
    assert lacking(labels={"type": "object", "additionalProperties": {"type": "integer"}}) == ["labels.*: any string"]
    bounds = ["shapes: maxItems 9, not None", "shapes[]"]
    assert lacking(shapes={"type": "array"}) == bounds
    only = {"type": "array", "maxItems": 9, "items": tagged("circle", colour={"enum": ["red"]})}
    assert lacking(shapes=only) == [
        "shapes[square]",
        "shapes[circle].colour: 'blue'",
        "shapes[circle].colour: any string",
    ]
    smaller = tagged("square", size=an_object(unit={"enum": ["mm"]}, width={"type": "string", "maximum": 30}))
    assert lacking(shapes={"type": "array", "maxItems": 9, "items": {"anyOf": [smaller, COMPONENTS["Circle"]]}}) == [
        "shapes[square].size.unit: 'inch'",
        "shapes[square].size.width: any integer",
        "shapes[square].size.width: maximum 20, not 30",
        "shapes[square].size.width: minimum 1, not None",
    ]


def test_an_answer_may_be_narrower_than_its_type_but_for_its_values_and_members() -> None:
    done = {"type": "string", "enum": ["done"]}
    known = of_type(Drawn)
    assert [*lacks(of_schema(an_object(state=done, note=TEXT), {}), known, answer=True)] == ["state: 'failed'"]
    assert [*lacks(of_schema(an_object(state=TEXT), {}), known, answer=True)] == ["note"]
    assert [*lacks(of_schema(an_object(state=TEXT, note=done), {}), known, answer=True)] == []


def test_a_type_of_an_unknown_kind_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="complex"):
        of_type(list[complex])


NUMBER, WORD, LIST = {"number"}, {"string"}, Shape(kinds={"string"})


@pytest.mark.parametrize(
    ("shape", "sentences", "bounds"),
    [
        (Shape(kinds=NUMBER), "Number between -2.0 and 2.0.", {"minimum": -2, "maximum": 2}),
        (Shape(kinds=NUMBER), "An integer\nbetween 0 and\n20 of tokens", {"minimum": 0, "maximum": 20}),
        (Shape(kinds=NUMBER), "It must be at least 1. The maximum value of 8 is rare.", {"minimum": 1, "maximum": 8}),
        (Shape(kinds=NUMBER), "Higher values like 0.8 are better, up to 4 sequences.", {}),
        (Shape(kinds=WORD), "An id with a maximum length of 128 characters.", {"maxLength": 128}),
        (Shape(kinds=WORD), "Letters, with a maximum length of 64.", {"maxLength": 64}),
        (Shape(kinds=WORD), "No more than 10 characters. A minimum length of 2.", {"maxLength": 10, "minLength": 2}),
        (Shape(kinds=WORD), "Kept for up to a maximum of 24 hours, between 1 and 3 times.", {}),
        (Shape(items=LIST), "Not for all. Up to 4 sequences at which to end.", {"maxItems": 4}),
        (Shape(items=LIST), "A max of 128 functions are supported, at least 1.", {"maxItems": 128, "minItems": 1}),
        (Shape(items=LIST), "Texts of up to 80 characters.", {}),
    ],
)
def test_a_bound_is_read_from_sentences_where_it_fits_what_they_are_about(
    shape: Shape, sentences: str, bounds: dict[str, float]
) -> None:
    add_bounds(shape, sentences)
    assert shape.bounds == bounds


def test_a_map_has_bounds_for_its_keys_and_for_its_values() -> None:
    texts = Shape(others=Shape(kinds=WORD))
    add_bounds(texts, "16 key-value pairs. Keys have a maximum length of 64, values at most 512.")
    assert (texts.bounds, texts.others) == (
        {"maxProperties": 16, "longest key": 64},
        Shape(kinds=WORD, bounds={"maxLength": 512}),
    )
    numbers = Shape(others=Shape(kinds=NUMBER))
    add_bounds(numbers, "A bias value from -100 to 100; values between -1 and 1 do little.")
    assert numbers.others == Shape(kinds=NUMBER, bounds={"minimum": -100, "maximum": 100})
