"""The contract against OpenAI's published document: the same names, types, bounds and nulls, but for a table.

Both documents are brought into one form, a table of facts: from a path such as
``CreateChatCompletionRequest.n|integer#maximum`` to a value. In a path ``.name`` is a property, ``[]`` the
items of an array, ``.*`` the value of any other key, ``|kind`` an alternative of a union, and ``#word`` what is
said there.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from . import FILES, SHARED, Json, contract

REFERENCE = SHARED / "specs" / "openai-3.1.0-2026-08.yaml"

# Components that ours need not have.
FLATTENED = {
    "CreateModelResponseProperties": "a parent, whose properties stand in the request itself",
    "ModelResponseProperties": "a parent, whose properties stand in the request itself",
    "ModelIdsShared": "a list of OpenAI's models; here `model` is a plain string",
}
# Components that only ours has.
NAMED_HERE = {
    "ModelSupport": "what a model does with each parameter, which OpenAI tells nobody",
    "ModelParameter": "what a model does with each parameter, which OpenAI tells nobody",
    "CustomToolTextFormat": "an inline branch there; unions of components suit client generators",
    "CustomToolGrammarFormat": "an inline branch there; unions of components suit client generators",
    "CustomVoice": "an inline branch there; unions of components suit client generators",
    "ChatCompletionModerationOutcome": "written out twice there; rust-server's generator needs the name",
    "ModerationResultList": "an inline array there; rust-server's generator needs the name",
    "CreateChatCompletionStreamEvent": "an event that tells of an error has no schema there",
    "ChatCompletionStreamChoiceList": "an inline array there; rust-server's generator needs the name",
    "CompletionStreamChoiceList": "an inline array there; rust-server's generator needs the name",
    "ChatCompletionStreamChoice": "inline there; the items of a named array suit client generators better by name",
    "CompletionChoice": "inline there; the items of a named array suit client generators better by name",
    "CompletionLogprobs": "inline there; here whole answers and streams share it",
    "CreateCompletionStreamEvent": "an event that tells of an error has no schema there",
    "CreateCompletionStreamResponse": "a whole answer there, in which no choice has yet to end",
    "CompletionStreamChoice": "a whole answer's there, in which no choice has yet to end",
    "EmbeddingUsage": "inline there; a name suits client generators better",
    "StoredChatCompletion": "an answer that was made whole there; here it may have been cut off",
    "StoredChatCompletionState": "says that an answer was cut off, which OpenAI does not store",
    "StoredChatCompletionChoice": "a whole answer's there; here it may have been cut off",
    "StoredChatCompletionMessage": "inline there, and an answer of a model; here a message of any role",
    "StoredChatCompletionContentPart": "inline there; rust-server's generator needs the name",
}

# Components that stand where OpenAI has another one, which they are compared with.
INSTEAD = {"StoredChatCompletion": "CreateChatCompletionResponse"}

PROSE = "a bound that OpenAI states in prose alone"
CLOSED = "a misspelt key would change the answer in silence, so it is refused"
VALUES = "which exist is configuration, and a plain string suits client generators"
COUNT = "a number of tokens; SDKs do send 0"
EXACT = "64 bits, which OpenAI's document rounds"
NEWER = "OpenAI's own package has it, and its document of August 2026 had not yet"
THOUGHTS = "what many servers and clients have, and OpenAI has not"
STREAMED = "OpenAI's document has no form for calls of custom tools in a stream"
COUNTS = "what load generators made for vLLM ask for, and OpenAI has not"
LENGTH = "what clients of many servers look for, and OpenAI tells nobody"
SUPPORT = "what a model does with each parameter, which OpenAI tells nobody"
EMPTY = "an empty list asks for nothing"
FIRST = "what OpenAI's servers say of a token before which there is nothing"
PACKED = "base64 is a text, which OpenAI's document overlooks"
CHUNK = "ChatCompletionMessageToolCallChunk"
OPTIONS = "ChatCompletionStreamOptions"
ASSISTANT = "ChatCompletionRequestAssistantMessage"
ANSWER = "ChatCompletionResponseMessage"
DELTA = "ChatCompletionStreamResponseDelta"
SUPPORTED = "Model.x_parley|object"
NAME = "^[a-zA-Z0-9_-]{1,64}$"
TEXT = "CreateCompletionRequest"
LOGPROBS = "CreateCompletionResponse.choices|array[]|object.logprobs|object"
STORED = "ChatCompletionMessageList.data|array[]|object"
STATE = "StoredChatCompletion.x_parley"
CUT = "an answer that was cut off is stored too, and says so"
SENT = "a stored message is one of the request: of any role, with what such messages may have"
CITED = f"{STORED}.annotations|array[]"
NOTHING = "an empty list has no first and no last item"
PART = "=ChatCompletionRequestMessageContentPart"

# Those of both lists of stored completions.
PAGES: dict[str, tuple[object, object, str]] = {
    "first_id#kinds": (["null", "string"], ["string"], NOTHING),
    "last_id#kinds": (["null", "string"], ["string"], NOTHING),
    "object#default": (None, ["list"], "it is always there"),
}

# The deliberate differences, each with its reason: fact -> (ours, OpenAI's, why); None stands for "not said".
DIFFERENCES: dict[str, tuple[object, object, str]] = (
    {
        "ChatCompletionFunctions.name|string#pattern": (NAME, None, PROSE),
        "CustomToolChatCompletions.custom|object.name|string#pattern": (NAME, None, PROSE),
        "FunctionObject.name|string#pattern": (NAME, None, PROSE),
        "ResponseFormatJsonSchema.json_schema|object.name|string#pattern": (NAME, None, PROSE),
        "Metadata|object#maxProperties": (16, None, PROSE),
        "Metadata|object#longest key": (64, None, PROSE),
        "Metadata|object.*|string#maxLength": (512, None, PROSE),
        "CreateChatCompletionRequest.logit_bias|object.*|integer#minimum": (-100, None, PROSE),
        "CreateChatCompletionRequest.logit_bias|object.*|integer#maximum": (100, None, PROSE),
        "CreateChatCompletionRequest.tools|array#maxItems": (128, None, "as many as `functions`; OpenAI's limit"),
        "CreateChatCompletionRequest.max_tokens|integer#minimum": (0, None, COUNT),
        "CreateChatCompletionRequest.max_completion_tokens|integer#minimum": (0, None, COUNT),
        "CreateChatCompletionRequest.seed|integer#minimum": (-(2**63), -9223372036854776000, EXACT),
        "CreateChatCompletionRequest.seed|integer#maximum": (2**63 - 1, 9223372036854776000, EXACT),
        "CreateChatCompletionRequest.seed|integer#format": ("int64", None, "generators take 32 bits otherwise"),
        "CreateChatCompletionRequest.model#kinds": (["string"], ["enum", "string"], VALUES),
        "CreateChatCompletionRequest.model|string#minLength": (1, None, "an empty name names no model"),
        "VoiceIdsShared#kinds": (["string"], ["enum", "string"], VALUES),
        f"{CHUNK}|object#properties": (
            ["custom", "function", "id", "index", "type"],
            ["function", "id", "index", "type"],
            STREAMED,
        ),
        f"{CHUNK}.type|enum#enum": (["custom", "function"], ["function"], STREAMED),
        f"{CHUNK}.custom#kinds": (["object"], None, STREAMED),
        f"{CHUNK}.custom|object#extra keys": ("accepted", None, STREAMED),
        f"{CHUNK}.custom|object#properties": (["input", "name"], None, STREAMED),
        f"{CHUNK}.custom|object#required": ([], None, STREAMED),
        f"{CHUNK}.custom|object.input#kinds": (["string"], None, STREAMED),
        f"{CHUNK}.custom|object.name#kinds": (["string"], None, STREAMED),
        "CreateChatCompletionRequest.safety_identifier|string#maxLength": (128, 64, NEWER),
        "ChatCompletionRequestMessageContentPartImage.image_url|object.detail|enum#enum": (
            ["auto", "high", "low", "original"],
            ["auto", "high", "low"],
            NEWER,
        ),
        "PromptCacheBreakpointParam|object#properties": (["mode", "ttl"], ["mode"], NEWER),
        "PromptCacheBreakpointParam.ttl#kinds": (["enum", "null"], None, NEWER),
        "PromptCacheBreakpointParam.ttl|enum#enum": (["12h", "30m"], None, NEWER),
        f"{DELTA}|object#properties": (
            ["audio", "content", "function_call", "reasoning_content", "refusal", "role", "tool_calls"],
            ["content", "function_call", "refusal", "role", "tool_calls"],
            f"{NEWER} (audio); {THOUGHTS} (reasoning_content)",
        ),
        f"{DELTA}.audio#kinds": (["object"], None, NEWER),
        f"{DELTA}.audio|object#extra keys": ("accepted", None, NEWER),
        f"{DELTA}.audio|object#properties": (["data", "expires_at", "id", "transcript"], None, NEWER),
        f"{DELTA}.audio|object#required": ([], None, NEWER),
        f"{DELTA}.audio|object.data#kinds": (["string"], None, NEWER),
        f"{DELTA}.audio|object.expires_at#kinds": (["integer"], None, NEWER),
        f"{DELTA}.audio|object.expires_at|integer#format": ("unixtime", None, NEWER),
        f"{DELTA}.audio|object.id#kinds": (["string"], None, NEWER),
        f"{DELTA}.audio|object.transcript#kinds": (["string"], None, NEWER),
        f"{DELTA}.reasoning_content#kinds": (["string"], None, THOUGHTS),
        f"{ANSWER}|object#properties": (
            ["annotations", "audio", "content", "function_call", "reasoning_content", "refusal", "role", "tool_calls"],
            ["annotations", "audio", "content", "function_call", "refusal", "role", "tool_calls"],
            THOUGHTS,
        ),
        f"{ANSWER}.reasoning_content#kinds": (["string"], None, THOUGHTS),
        f"{ASSISTANT}|object#properties": (
            ["audio", "content", "function_call", "name", "reasoning_content", "refusal", "role", "tool_calls"],
            ["audio", "content", "function_call", "name", "refusal", "role", "tool_calls"],
            THOUGHTS,
        ),
        f"{OPTIONS}.continuous_usage_stats#kinds": (["boolean", "null"], None, COUNTS),
        f"{OPTIONS}|object#properties": (
            ["continuous_usage_stats", "include_obfuscation", "include_usage"],
            ["include_obfuscation", "include_usage"],
            COUNTS,
        ),
        f"{ASSISTANT}.reasoning_content#kinds": (["null", "string"], None, THOUGHTS),
        "StopConfiguration#default": ([None], ["<|endoftext|>", None], "two defaults contradict each other"),
        "ReasoningEffort#default": (
            None,
            ["medium"],
            "generated clients send it, and models that do not reason refuse it",
        ),
        "Model|object#properties": (
            ["context_length", "created", "id", "max_model_len", "object", "owned_by", "shutdown_date", "x_parley"],
            ["created", "id", "object", "owned_by", "shutdown_date"],
            f"{LENGTH}; {SUPPORT} (x_parley)",
        ),
        "Model.context_length#kinds": (["integer"], None, LENGTH),
        "Model.context_length|integer#minimum": (1, None, LENGTH),
        "Model.max_model_len#kinds": (["integer"], None, LENGTH),
        "Model.max_model_len|integer#minimum": (1, None, LENGTH),
        "Model.x_parley#kinds": (["object"], None, SUPPORT),
        "Model.x_parley|object#extra keys": ("accepted", None, SUPPORT),
        f"{SUPPORTED}#properties": (
            ["completion_parameters", "embedding_parameters", "operations", "parameters"],
            None,
            SUPPORT,
        ),
        f"{SUPPORTED}#required": (["operations", "parameters"], None, SUPPORT),
        f"{SUPPORTED}.operations#kinds": (["array"], None, SUPPORT),
        f"{SUPPORTED}.operations|array[]#kinds": (["enum"], None, SUPPORT),
        f"{SUPPORTED}.operations|array[]|enum#enum": (
            ["createChatCompletion", "createCompletion", "createEmbedding"],
            None,
            SUPPORT,
        ),
        f"{TEXT}.model#kinds": (["string"], ["enum", "string"], VALUES),
        f"{TEXT}.model|string#minLength": (1, None, "an empty name names no model"),
        f"{TEXT}.prompt#kinds": (
            ["array of array", "array of integer", "array of string", "string"],
            ["array of array", "array of integer", "array of string", "null", "string"],
            "a prompt must be there, by OpenAI's document too, and null is none",
        ),
        f"{TEXT}.prompt#default": (None, ["", "<|endoftext|>"], "it must be there"),
        f"{TEXT}.prompt|array of string#minItems": (1, None, EMPTY),
        f"{TEXT}.prompt|array of string[]#default": (None, [""], "an item of a list is there"),
        f"{TEXT}.logit_bias|object.*|integer#minimum": (-100, None, PROSE),
        f"{TEXT}.logit_bias|object.*|integer#maximum": (100, None, PROSE),
        f"{LOGPROBS}.token_logprobs|array[]#kinds": (["null", "number"], ["number"], FIRST),
        f"{LOGPROBS}.top_logprobs|array[]#kinds": (["null", "object"], ["object"], FIRST),
        "CreateEmbeddingRequest.model#kinds": (["string"], ["enum", "string"], VALUES),
        "CreateEmbeddingRequest.model|string#minLength": (1, None, "an empty name names no model"),
        "CreateEmbeddingRequest.input#default": (None, [""], "it must be there"),
        "CreateEmbeddingRequest.input|array of string[]#default": (None, [""], "an item of a list is there"),
        "Embedding.embedding#kinds": (["array", "string"], ["array"], PACKED),
        "StoredChatCompletion|object#properties": (
            [
                "choices",
                "created",
                "id",
                "metadata",
                "model",
                "moderation",
                "object",
                "service_tier",
                "system_fingerprint",
                "usage",
                "x_parley",
            ],
            [
                "choices",
                "created",
                "id",
                "metadata",
                "model",
                "moderation",
                "object",
                "service_tier",
                "system_fingerprint",
                "usage",
            ],
            CUT,
        ),
        "StoredChatCompletion.choices|array[]|object.finish_reason#kinds": (["enum", "null"], ["enum"], CUT),
        f"{STATE}#kinds": (["object"], None, CUT),
        f"{STATE}|object#extra keys": ("accepted", None, CUT),
        f"{STATE}|object#properties": (["incomplete"], None, CUT),
        f"{STATE}|object#required": (["incomplete"], None, CUT),
        f"{STATE}|object.incomplete#kinds": (["enum"], None, CUT),
        f"{STATE}|object.incomplete|enum#enum": (["disconnected", "failed"], None, CUT),
        f"{STORED}#properties": (
            [
                "audio",
                "content",
                "content_parts",
                "function_call",
                "id",
                "name",
                "reasoning_content",
                "refusal",
                "role",
                "tool_call_id",
                "tool_calls",
            ],
            [
                "annotations",
                "audio",
                "content",
                "content_parts",
                "function_call",
                "id",
                "refusal",
                "role",
                "tool_calls",
            ],
            SENT,
        ),
        f"{STORED}.role|enum#enum": (
            ["assistant", "developer", "function", "system", "tool", "user"],
            ["assistant"],
            SENT,
        ),
        f"{STORED}.content_parts|array[]#kinds": (
            [f"{PART}{kind}" for kind in ("Audio", "File", "Image", "Refusal", "Text")],
            [f"{PART}{kind}" for kind in ("Image", "Text")],
            SENT,
        ),
        **{
            f"{STORED}.{name}#kinds": (["string"], None, SENT) for name in ("name", "tool_call_id", "reasoning_content")
        },
        f"{STORED}.audio#kinds": (["object"], ["null", "object"], SENT),
        f"{STORED}.audio|object#properties": (["id"], ["data", "expires_at", "id", "transcript"], SENT),
        f"{STORED}.audio|object#required": (["id"], ["data", "expires_at", "id", "transcript"], SENT),
        f"{STORED}.audio|object.data#kinds": (None, ["string"], SENT),
        f"{STORED}.audio|object.transcript#kinds": (None, ["string"], SENT),
        f"{STORED}.audio|object.expires_at#kinds": (None, ["integer"], SENT),
        f"{STORED}.audio|object.expires_at|integer#format": (None, "unixtime", SENT),
        f"{STORED}.annotations#kinds": (None, ["array"], SENT),
        f"{CITED}#kinds": (None, ["object"], SENT),
        f"{CITED}|object.type#kinds": (None, ["enum"], SENT),
        f"{CITED}|object#extra keys": (None, "accepted", SENT),
        f"{CITED}|object#properties": (None, ["type", "url_citation"], SENT),
        f"{CITED}|object#required": (None, ["type", "url_citation"], SENT),
        f"{CITED}|object.url_citation#kinds": (None, ["object"], SENT),
        f"{CITED}|object.url_citation|object#extra keys": (None, "accepted", SENT),
        **{
            f"{CITED}|object.url_citation|object#{fact}": (None, ["end_index", "start_index", "title", "url"], SENT)
            for fact in ("properties", "required")
        },
        **{
            f"{CITED}|object.url_citation|object.{name}#kinds": (None, [kind], SENT)
            for name, kind in (
                ("url", "string"),
                ("title", "string"),
                ("end_index", "integer"),
                ("start_index", "integer"),
            )
        },
        f"{CITED}|object.url_citation|object.url|string#format": (None, "uri", SENT),
    }
    | {
        f"{page}.{fact}": difference
        for page in ("ChatCompletionList", "ChatCompletionMessageList")
        for fact, difference in PAGES.items()
    }
    | {
        f"{SUPPORTED}.{table}{fact}": (value, None, SUPPORT)
        for table in ("parameters", "completion_parameters", "embedding_parameters")
        for fact, value in {
            "#kinds": ["array"],
            "|array[]#kinds": ["object"],
            "|array[]|object#extra keys": "accepted",
            "|array[]|object#properties": ["name", "note", "values", "verdict"],
            "|array[]|object#required": ["name", "verdict"],
            "|array[]|object.name#kinds": ["string"],
            "|array[]|object.note#kinds": ["string"],
            "|array[]|object.values#kinds": ["array"],
            "|array[]|object.values|array[]#kinds": ["string"],
            "|array[]|object.verdict#kinds": ["enum"],
            "|array[]|object.verdict|enum#enum": ["honoured", "refused"],
        }.items()
    }
    | {
        f"{path}#extra keys": ("refused", "accepted", CLOSED)
        for path in (
            "ChatCompletionAllowedTools|object",
            "ChatCompletionAllowedToolsChoice|object",
            "ChatCompletionFunctionCallOption|object",
            "ChatCompletionFunctions|object",
            "ChatCompletionNamedToolChoice|object",
            "ChatCompletionNamedToolChoice.function|object",
            "ChatCompletionNamedToolChoiceCustom|object",
            "ChatCompletionNamedToolChoiceCustom.custom|object",
            "ChatCompletionStreamOptions|object",
            "ChatCompletionTool|object",
            "CreateChatCompletionRequest|object",
            "CreateCompletionRequest|object",
            "CreateChatCompletionRequest.audio|object",
            "CreateChatCompletionRequest.web_search_options|object",
            "CreateChatCompletionRequest.web_search_options|object.user_location|object",
            "CustomToolChatCompletions|object",
            "CustomToolChatCompletions.custom|object",
            "CustomToolChatCompletions.custom|object.format|object grammar.grammar|object",
            "FunctionObject|object",
            "ModerationConfigParam|object",
            "ModerationParam|object",
            "ModerationPolicyParam|object",
            "PredictionContent|object",
            "PromptCacheOptionsParam|object",
            "ResponseFormatJsonObject|object",
            "ResponseFormatJsonSchema|object",
            "ResponseFormatJsonSchema.json_schema|object",
            "ResponseFormatText|object",
            "WebSearchLocation|object",
        )
    }
)

OPERATIONS = (
    *(("/chat/completions", "post"), ("/completions", "post"), ("/embeddings", "post")),
    *(("/models", "get"), ("/models/{model}", "get")),
    *(("/chat/completions", "get"), ("/chat/completions/{completion_id}", "get")),
    *(("/chat/completions/{completion_id}", "post"), ("/chat/completions/{completion_id}", "delete")),
    ("/chat/completions/{completion_id}/messages", "get"),
)

BOUNDS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "format"),
    *("minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
)


class Reading:
    """A document, read as facts. References to ``shared`` components stay references, others are followed."""

    def __init__(self, document: Json, shared: frozenset[str]) -> None:
        self.components: Json = document["components"]["schemas"]
        self.shared = shared

    def facts(self, component: str, name: str | None = None) -> dict[str, object]:
        return dict(self._facts(self.components[component], name or component))

    def _facts(self, schema: Json, path: str) -> Iterator[tuple[str, object]]:
        several = sum(each.get("type") == "array" for each in self._alternatives(schema)) > 1
        alternatives = {self._kind(each, several): each for each in self._alternatives(schema)}
        # The null of a union may be written twice; no other alternative may hide another.
        others = [each for each in self._alternatives(schema) if each != {"type": "null"}]
        assert len(others) == len(alternatives.keys() - {"null"}), f"{path}: two alternatives look alike"
        yield f"{path}#kinds", sorted(alternatives)
        defaults = {repr(each): each for each in self._annotations(schema, "default")}
        if defaults:
            yield f"{path}#default", [defaults[key] for key in sorted(defaults)]
        if any(self._annotations(schema, "deprecated")):
            yield f"{path}#deprecated", True
        for kind, each in alternatives.items():
            yield from self._of_one(each, f"{path}|{kind}", path if kind == "object" else None)

    def _of_one(self, schema: Json, path: str, short: str | None) -> Iterator[tuple[str, object]]:
        for bound in BOUNDS:
            if bound in schema:
                yield f"{path}#{bound}", schema[bound]
        if "enum" in schema:
            yield f"{path}#enum", sorted(schema["enum"])
        if "items" in schema:
            yield from self._facts(schema["items"], f"{path}[]")
        if schema.get("type") != "object":
            return
        yield f"{path}#required", sorted(schema.get("required", []))
        yield f"{path}#properties", sorted(schema.get("properties", {}))
        if "propertyNames" in schema:
            yield f"{path}#longest key", schema["propertyNames"]["maxLength"]
        # A component's own object is written without its kind, which keeps the paths of the table short.
        stem = short if short is not None and "." not in path and "[" not in path else path
        for name, value in schema.get("properties", {}).items():
            yield from self._facts(value, f"{stem}.{name}")
        extra = schema.get("additionalProperties", True)
        if isinstance(extra, bool):
            yield f"{path}#extra keys", "accepted" if extra else "refused"
        else:
            yield from self._facts(extra, f"{path}.*")

    def _alternatives(self, schema: Json) -> Iterator[Json]:
        """The branches of nested unions as one list, each of one type; a 3.0 `nullable` is a null branch."""
        if schema.get("nullable"):
            yield {"type": "null"}
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if INSTEAD.get(name, name) in self.shared:
                yield {"$ref": INSTEAD.get(name, name)}
            else:
                yield from self._alternatives(self.components[name])
        elif "allOf" in schema:
            yield self._merged(schema)
        elif "oneOf" in schema or "anyOf" in schema:
            for branch in schema.get("oneOf", []) + schema.get("anyOf", []):
                yield from self._alternatives(branch)
        else:
            types = schema.get("type", "object" if "properties" in schema else None)
            assert types is not None, f"a schema without a type: {schema}"
            for each in [types] if isinstance(types, str) else types:
                yield {"type": "null"} if each == "null" else {**schema, "type": each}

    def _merged(self, schema: Json) -> Json:
        """An allOf of objects as one. Where parts disagree about a property, the last one is right."""
        merged: Json = {"type": "object", "properties": {}, "required": []}
        for part in schema["allOf"]:
            part = self.components[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
            part = self._merged(part) if "allOf" in part else part
            assert part["type"] == "object"
            assert part.keys() <= {*merged, "description"}
            merged["properties"] |= part["properties"]
            merged["required"] = merged["required"] + part.get("required", [])
        return merged

    def _annotations(self, schema: Json, word: str) -> list[object]:
        """What is said with ``word`` of a place, at the union or at one of its branches."""
        said = [schema[word]] if word in schema else []
        if "$ref" in schema and (name := schema["$ref"].rsplit("/", 1)[1]) not in self.shared:
            said += self._annotations(self.components[name], word)
        for branch in schema.get("oneOf", []) + schema.get("anyOf", []):
            said += self._annotations(branch, word)
        return said

    @staticmethod
    def _kind(schema: Json, several: bool = False) -> str:
        """What an alternative is called; where there are several arrays, by their items."""
        if "$ref" in schema:
            return f"={schema['$ref']}"
        if schema["type"] == "array" and several:
            return f"array of {schema['items']['type']}"
        if schema["type"] == "string" and "enum" in schema:
            return "enum"
        tag = schema.get("properties", {}).get("type", {}).get("enum", [])
        # The one union of two objects that are not components: a custom tool's format.
        return "object grammar" if tag == ["grammar"] else str(schema["type"])


@cache
def _theirs() -> Json:
    if not REFERENCE.exists():
        pytest.skip("OpenAI's document is not beside the checkout (../shared/specs)")
    loaded: Json = yaml.load(REFERENCE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/components/schemas/"):
            yield reference.rsplit("/", 1)[1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _closure(document: Json) -> frozenset[str]:
    """The components that the operations, a stream's events and errors are made of."""
    wanted = [document["paths"][path][method] for path, method in OPERATIONS]
    waiting = {"CreateChatCompletionStreamResponse", "ErrorResponse", *_references(wanted)}
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(_references(document["components"]["schemas"][name])) - found
    return frozenset(found)


def _readings(ours: Json | None = None) -> tuple[Reading, Reading, frozenset[str]]:
    shared = _closure(contract()) & _closure(_theirs())
    return Reading(ours or contract(), shared), Reading(_theirs(), shared), shared


def _differences(ours: Json | None = None) -> tuple[dict[str, tuple[object, object]], int]:
    """The facts that differ, with ours first, and how many facts are in both documents."""
    left, right, shared = _readings(ours)
    found: dict[str, tuple[object, object]] = {}
    compared = 0
    for component, theirs in [*((name, name) for name in sorted(shared)), *INSTEAD.items()]:
        here, there = left.facts(component), right.facts(theirs, component)
        compared += len(here.keys() & there.keys())
        for path in here.keys() | there.keys():
            # The values of an enum that we leave out are a consequence, not a difference of their own.
            left_out = path.endswith("|enum#enum") and path not in here
            if here.get(path) != there.get(path) and not left_out and not _adds_null(path, here, there):
                found[path] = (here.get(path), there.get(path))
    return found, compared


def _adds_null(path: str, ours: Json, theirs: Json) -> bool:
    """Whether ours takes null besides, as every property of a request does that may be left out."""
    here, there = ours.get(path), theirs.get(path)
    if not (path.endswith("#kinds") and isinstance(here, list) and isinstance(there, list)):
        return False
    return here == sorted([*there, "null"]) and path.split(".")[0].split("|")[0] in _of_requests()


@cache
def _of_requests() -> frozenset[str]:
    """The components that a request is made of."""
    found, waiting = set[str](), {"CreateChatCompletionRequest", TEXT, "CreateEmbeddingRequest"}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(_references(contract()["components"]["schemas"][name])) - found
    return frozenset(found)


@pytest.mark.long
def test_the_components_are_those_of_openai_but_for_the_named_ones() -> None:
    ours, theirs = _closure(contract()), _closure(_theirs())
    assert len(theirs) == 83
    assert theirs - ours == set(FLATTENED)
    assert ours - theirs == set(NAMED_HERE)
    responses = yaml.safe_load(FILES[1].read_text(encoding="utf-8"))["components"]["schemas"]
    assert ours | set(responses) == set(contract()["components"]["schemas"])


def test_the_request_has_the_37_properties_of_openai() -> None:
    ours, theirs, _ = _readings()
    name = "CreateChatCompletionRequest"
    properties = theirs.facts(name)[f"{name}|object#properties"]
    assert isinstance(properties, list)
    assert len(properties) == 37
    assert ours.facts(name)[f"{name}|object#properties"] == properties
    assert ours.facts(name)[f"{name}|object#required"] == ["messages", "model"]


def test_every_fact_is_that_of_openai_but_for_the_deliberate_differences() -> None:
    found, compared = _differences()
    assert compared > 700
    assert found == {path: (ours, theirs) for path, (ours, theirs, _) in DIFFERENCES.items()}


@pytest.mark.parametrize(
    ("component", "path", "value", "fact"),
    [
        ("CreateChatCompletionRequest", "properties/n/type", "integer", ".n#kinds"),
        ("CreateChatCompletionRequest", "properties/n/maximum", 129, ".n|integer#maximum"),
        ("CreateChatCompletionRequest", "properties/tools/type", ["array", "string"], ".tools#kinds"),
        ("ServiceTier", "anyOf/0/enum", ["auto"], "|enum#enum"),
        ("CompletionUsage", "required", [], "|object#required"),
        ("ListModelsResponse", "properties", {}, "|object#properties"),
        ("StopConfiguration", "oneOf/1/maxItems", 5, "|array#maxItems"),
        ("CreateChatCompletionStreamResponse", "properties/usage/anyOf/1/type", "string", ".usage#kinds"),
    ],
)
def test_a_departure_from_openai_would_be_seen(component: str, path: str, value: object, fact: str) -> None:
    changed = copy.deepcopy(contract())
    place: Any = changed["components"]["schemas"][component]
    *way, last = path.split("/")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    assert last in place
    place[last] = value
    before, _ = _differences()
    after, _ = _differences(changed)
    assert component + fact in after.keys() - before.keys()


def test_the_operations_bear_openai_names_paths_and_bodies() -> None:
    event = {"$ref": "#/components/schemas/CreateChatCompletionStreamEvent"}
    chunk, _error = contract()["components"]["schemas"]["CreateChatCompletionStreamEvent"]["anyOf"]
    for path, method in OPERATIONS:
        ours, theirs = contract()["paths"][path][method], _theirs()["paths"][path][method]
        assert (ours["operationId"], ours["tags"]) == (theirs["operationId"], theirs["tags"])
        parameters = [_resolved(each) for each in ours.get("parameters", [])]
        assert sorted((each["name"], each["in"]) for each in parameters if each["name"] != "Idempotency-Key") == sorted(
            (each["name"], each["in"]) for each in theirs.get("parameters", [])
        )
        for place in ("requestBody", "responses"):
            left = ours.get(place, {}) if place == "requestBody" else ours[place]["200"]
            right = theirs.get(place, {}) if place == "requestBody" else theirs[place]["200"]
            # An event is a chunk there, and here, besides, what tells of an error.
            schemas = {kind: media["schema"] for kind, media in left.get("content", {}).items()}
            if path == "/completions":
                schemas.pop("text/event-stream", None)  # which OpenAI's document does not mention
            found = {kind: _theirs_for(chunk if schema == event else schema) for kind, schema in schemas.items()}
            assert found == {kind: media["schema"] for kind, media in right.get("content", {}).items()}


def _resolved(parameter: Json) -> Json:
    if "$ref" in parameter:
        found: Json = contract()["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]
        return found
    return parameter


def _theirs_for(schema: Json) -> Json:
    """A schema with the names that OpenAI has for what stands there, without what only ours says."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in INSTEAD:
        return {"$ref": f"#/components/schemas/{INSTEAD[name]}"}
    return {key: value for key, value in schema.items() if key not in ("description", "additionalProperties")}


def test_none_of_the_nulls_that_openai_writes_in_the_manner_of_3_0_is_overlooked() -> None:
    """The comparison reads `nullable` as null; this counts what it has to find."""
    components = _theirs()["components"]["schemas"]
    leftovers = {name: len(list(_nullable(components[name]))) for name in _closure(_theirs())}
    assert {name: count for name, count in leftovers.items() if count} == {
        "CreateChatCompletionRequest": 14,
        "CreateCompletionRequest": 14,
        "StopConfiguration": 2,
        "CreateChatCompletionStreamResponse": 5,
    }


def _nullable(node: Any, path: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("nullable") is True:
            yield path
        for key, value in node.items():
            yield from _nullable(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _nullable(value, f"{path}/{index}")
