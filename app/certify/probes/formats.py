"""The format of an answer. The schemas allow only what no model would say by itself, so that a match is not chance."""

from __future__ import annotations

from typing import Any

from ...jsontypes import Json
from ..answers import count, finish, parsed, said, text
from ..exchange import shortened
from ..probe import Answers, Probe, step
from ..verdicts import Verdict, honoured, ignored, not_seen

GROUP = "format"
SCHEMA: Json = {
    "type": "object",
    "properties": {"zyr": {"type": "string", "enum": ["qixotl"]}, "vex": {"type": "integer", "enum": [4711]}},
    "required": ["zyr", "vex"],
    "additionalProperties": False,
}
_ONLY = {"zyr": "qixotl", "vex": 4711}
# OpenAI's servers require the word JSON in the conversation; nothing else here requests an object.
_PROMPT = "Say good morning in one word. This is a test of JSON mode."
_TOKENS = 200


def _object(answers: Answers) -> Verdict:
    bound, free = answers["bound"], answers["free"]
    if isinstance(parsed(text(bound)), dict):
        if isinstance(parsed(text(free)), dict):
            return not_seen("the answer is an object without it too")
        return honoured("an object, where the answer without it is none")
    if finish(bound) == "length":
        return not_seen("the answer did not end in time to be read as an object")
    return ignored(f"no object: {shortened(text(bound), 60)!r}")


def obeyed(answers: Answers) -> Verdict:
    """Whether answers, whole and streamed, are the only value that the schema allows."""
    for name in ("bound", "streamed"):
        if name not in answers:
            continue
        came = text(answers[name])
        if parsed(came) != _ONLY:
            if finish(answers[name]) == "length" and parsed(came) is None:
                return not_seen("the answer did not end in time")
            return ignored(f"the answer does not obey the schema: {shortened(came, 60)!r}")
    return honoured("the answer is the one thing that the schema allows")


def _text(answers: Answers) -> Verdict:
    if said(answers["text"]) == said(answers["reference"]):
        return honoured("the same answer as without it")
    return not_seen("another answer than without it, which may be chance")


def _told(answers: Answers) -> Verdict:
    short, long = (count(answers[name], "prompt_tokens") for name in ("short", "long"))
    if short is not None and long is not None and long > short:
        return honoured(f"it is told to the model: {long - short} more tokens are read with a longer one")
    return not_seen("no more tokens are read with a longer one; it may be for people alone")


def format_of(**more: Any) -> Json:
    """A ``response_format`` with the schema of this module; ``more`` are further properties of its ``json_schema``."""
    return {"type": "json_schema", "json_schema": {"name": "zyr", "schema": SCHEMA, **more}}


def _in(schema: str) -> tuple[str, ...]:
    return tuple(f"response_format{part}" for part in schema.split())


SCHEMAS = Probe(
    GROUP,
    "",
    (
        step("bound", _PROMPT, _TOKENS, response_format=format_of()),
        step("streamed", _PROMPT, _TOKENS, role="aid", response_format=format_of(), stream=True),
        step("nonsense", role="nonsense", response_format={"type": "nonsense"}),
    ),
    obeyed,
    ("response_format", *_in(".type .json_schema .json_schema.schema")),
    _in(".json_schema.name"),
)

PROBES = (
    SCHEMAS,
    Probe(
        GROUP,
        "strict",
        (step("bound", _PROMPT, _TOKENS, response_format=format_of(strict=True)),),
        obeyed,
        _in(".json_schema.strict"),
    ),
    Probe(
        GROUP,
        "json_object",
        (
            step("bound", _PROMPT, _TOKENS, response_format={"type": "json_object"}),
            step("free", _PROMPT, _TOKENS, role="compare"),
        ),
        _object,
        _in(".type"),
    ),
    Probe(
        GROUP,
        "text",
        (step("text", response_format={"type": "text"}), step("reference", role="compare")),
        _text,
        _in(".type"),
    ),
    Probe(
        GROUP,
        "",
        (
            step("short", _PROMPT, _TOKENS, response_format=format_of(description="A zyr.")),
            step("long", _PROMPT, _TOKENS, response_format=format_of(description="A zyr, " + "and a vex, " * 20)),
        ),
        _told,
        _in(".json_schema.description"),
    ),
)
