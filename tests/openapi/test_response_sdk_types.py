"""The contract of `createResponse` knows what the types of OpenAI's Python package know of a request, but for what
belongs to tools that a server runs, and what is newer than OpenAI's document."""

from __future__ import annotations

import re

from openai.types.responses.response_create_params import ResponseCreateParams

from . import schemas
from .sdk_types import of_type
from .shapes import lacks, of_schema

CALLER = "an unknown key of an item, which is taken: who called a tool in a program that the model wrote"
NEWER = "OpenAI's own package has it, and its document of August 2026 had not yet"
AGAIN = "what came with an earlier answer, which is taken and not read again"

# What the types know and the contract has not, each with its reason.
LEFT_OUT = {
    "access_programs": NEWER,
    "background_options": NEWER,
    "image": NEWER,
    "input[assistant].content[output_text].annotations": AGAIN,
    "input[assistant].content[output_text].logprobs": AGAIN,
    "input[function_call].async": NEWER,
    "input[function_call].caller": CALLER,
    "input[function_call_output].call_id: null": "an output without the id of its call is of none",
    "input[function_call_output].caller": CALLER,
    "input[function_call_output].name": CALLER,
    "input[function_call_output].namespace": CALLER,
    "input[developer].tools": "tools that come in the middle of a conversation; the item is refused",
    "input[custom_tool_call_output].caller": CALLER,
    "input[custom_tool_call].async": NEWER,
    "input[custom_tool_call].caller": CALLER,
    "input[item_reference].type: null": "an item without a type is a message",
    "prompt_cache_options.comparison_response_id": NEWER,
    "prompt_cache_options.prewarm": NEWER,
    "prompt_cache_options.ttl: '12h'": NEWER,
    "service_tier: 'ultrafast'": "as in a chat request",
    "tools[function].async": NEWER,
    "tools[custom].async": NEWER,
    "tools[namespace].tools[function].async": NEWER,
    "tools[namespace].tools[custom].async": NEWER,
}


def hosted() -> set[str]:
    """The types of tools and items of which only the tag is described."""
    names = ("HostedTool", "HostedItem", "ToolChoiceHosted")
    return {kind for name in names for kind in schemas()[name]["properties"]["type"]["enum"]}


def test_the_contract_has_each_parameter_value_and_bound_that_the_types_know() -> None:
    ours = of_schema(schemas()["CreateResponse"], schemas())
    # A tool with two tags has none that the comparison knows.
    tagged = re.compile(r"(?:input|tools|tool_choice)\[(\w*)\]")
    found = [
        each
        for each in lacks(ours, of_type(ResponseCreateParams))
        if not ((place := tagged.match(each)) and place[1] in {"", *hosted()})
    ]
    assert found == list(LEFT_OUT)
