"""What Schemathesis cannot know: which model there is, and what a refusal of a valid request must say."""

from typing import Any

import schemathesis

from tests.published import error_codes

# The codes of a 400 on a request that fits the contract.
CODES = {
    "unsupported_parameter",
    "missing_tool_answer",
    "missing_required_parameter",
    "array_above_max_length",  # more prompts times choices than the server makes
    "integer_above_max_value",
    "invalid_value",
    "context_length_exceeded",
}


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    # Otherwise hardly any request would get past the 404 of a model that does not exist.
    if isinstance(body, dict) and isinstance(body.get("model"), str) and body["model"]:
        body["model"] = "parley-echo"
    return body


@schemathesis.hook
def before_load_schema(_context: Any, document: Any) -> None:
    # OpenAPI 3.1 leaves open what a schema of server-sent events describes. Ours, as OpenAI's, is that of each event's
    # data; Schemathesis reads it as that of the event. So it is told in its own words, and checks the data as well.
    for path in document["paths"].values():
        for operation in path.values():
            # Any HTTP server may say this of a request line that is too long, before the contract is looked at.
            operation.get("responses", {}).setdefault("414", {"description": "The request line is too long."})
            for response in operation.get("responses", {}).values():
                media = response.get("content", {}).get("text/event-stream")
                if media:
                    chunk = {"contentMediaType": "application/json", "contentSchema": media["schema"]}
                    media["schema"] = {
                        "properties": {"data": {"anyOf": [{"const": "[DONE]"}, chunk]}},
                        "required": ["data"],
                    }


@schemathesis.check
def every_refusal_names_its_reason(_context: Any, response: Any, case: Any) -> None:
    """A request that fits the contract is refused only by name."""
    if response.status_code != 400 or not case.meta or not case.meta.generation.mode.is_positive:
        return
    error = response.json()["error"]
    assert error["param"], "a refusal of valid data names no parameter"
    assert error["code"] in CODES & error_codes(), f"{error['code']} is not a published code"
