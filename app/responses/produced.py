"""Every property of a response, whole or in events, and how each property of its requests is handled: the score of the
operation, as `app.chat.produced` and `app.chat.coverage` define it for a chat."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..chat.coverage import Line, Surface
from ..chat.produced import ALWAYS, Produced, Rows, rows
from ..chat.support import honours, plain_value, support
from ..chat.tables import CHAT
from ..engines.base import Model
from .parameters import PARAMETERS, WITH_ITS_PART, ResponseParameter

_BY_PATH: Mapping[str, tuple[ResponseParameter, str]] = {
    path: (parameter, path.removeprefix(parameter.name)) for parameter in PARAMETERS for path in parameter.paths
}


def _asked(path: str, model: Model) -> Line:
    """How a request property is handled."""
    line = partial(Line, "request", path)
    if path in model.extra_parameters:
        return line("honoured", "beyond the API")
    if path not in _BY_PATH:
        # The policy handles unknown properties at the top level; nested ones are not checked.
        return line("unknown") if "." in path else line("refused", "not of the API")
    parameter, inside = _BY_PATH[path]
    if parameter.chat:
        chat = f"{parameter.chat}{inside}" if f"{parameter.chat}{inside}" in CHAT.by_path else parameter.chat
        if not honours(model, chat, CHAT):
            return line("refused", support(CHAT.by_path[chat], model).removeprefix("refused").removeprefix(", "))
        return line("honoured", "" if inside else _only(parameter) or parameter.effect)
    if parameter.refused or parameter.effect == WITH_ITS_PART:
        return line("refused", parameter.effect or _but_for(parameter) or parameter.refused)
    return line("honoured", "" if inside else parameter.effect)


def _only(parameter: ResponseParameter) -> str:
    return f"one of {_values(parameter)}" if parameter.takes else ""


def _but_for(parameter: ResponseParameter) -> str:
    return f"but for {_values(parameter)}" if parameter.takes else ""


def _values(parameter: ResponseParameter) -> str:
    return " and ".join(f"`{plain_value(value)}`" for value in parameter.takes)


_SENT = Produced(note="as it was sent")
_REFUSAL = Produced(never="a refusal is text of the answer here")
_THOUGHTS = Produced(never="thoughts come whole")
_TOKEN = ("token", "logprob", "bytes", "top_logprobs")
_ALTERNATIVE = tuple(f"top_logprobs[].{name}" for name in ("token", "logprob", "bytes"))


def _token(at: str) -> Rows:
    return rows(Produced("logprobs"), (*_TOKEN, *_ALTERNATIVE), at)


def _part() -> Rows:
    """A part of a message."""
    return {
        **rows(ALWAYS, "type text"),
        "annotations": Produced(note="empty without a search of the web"),
        **rows(Produced("web_search"), "type url title start_index end_index", "annotations[]"),
        "logprobs": Produced(note="empty unless asked for"),
        **_token("logprobs[]"),
        "refusal": _REFUSAL,
    }


def _item() -> Rows:
    """An item of an output."""
    return {
        **rows(ALWAYS, "id type role status content"),
        **_inside("content[]", _part()),
        **rows(Produced("tools"), "call_id name arguments"),
        "namespace": Produced("tools", note="of a tool that is of one"),
        "input": Produced("custom_tools"),
        "summary": Produced("reasoning", note="always empty"),
        **rows(_THOUGHTS, "type text", "summary[]"),
        "encrypted_content": Produced("reasoning", note="always null"),
    }


def _inside(at: str, made: Rows) -> Rows:
    return {f"{at}.{name}": produced for name, produced in made.items()}


def _tool(at: str) -> Rows:
    """A tool of the request, repeated in the response."""
    sent, of_custom = Produced("tools", note="as it was sent"), Produced("custom_tools", note="as it was sent")
    return {
        **rows(sent, "type name description parameters strict", at),
        f"{at}.output_schema": Produced(never="refused in requests"),
        **rows(sent, "defer_loading allowed_callers", at),
        **rows(of_custom, "format", at),
        **rows(of_custom, "type syntax definition", f"{at}.format"),
    }


def _response(failure: Produced) -> Rows:
    """A response. ``failure`` describes the error in it."""
    return {
        **rows(ALWAYS, "id object created_at completed_at status error incomplete_details model output"),
        **rows(failure, "code message", "error"),
        "incomplete_details.reason": Produced(note="of an answer that was cut short"),
        **_inside("output[]", _item()),
        **rows(
            _SENT, "instructions max_output_tokens metadata parallel_tool_calls safety_identifier temperature top_p"
        ),
        **rows(_SENT, "top_logprobs text text.format text.format.type tool_choice tools prompt_cache_key user"),
        "prompt_cache_key": Produced("prompt_cache_key", note="null unless sent"),
        "background": Produced(note="always false"),
        "previous_response_id": Produced(note="always null"),
        "store": Produced(note="always false"),
        "truncation": Produced(note="always `disabled`"),
        "service_tier": Produced(note="always `default`"),
        "reasoning": ALWAYS,
        **rows(_SENT, "effort summary generate_summary context mode", "reasoning"),
        **rows(Produced("response_format", note="as it was sent"), "name description schema strict", "text.format"),
        "text.verbosity": Produced("verbosity", note="as it was sent"),
        **rows(Produced("tools", note="as it was sent"), "type mode tools name", "tool_choice"),
        **_tool("tools[]"),
        "tools[].tools": Produced("tools", note="as it was sent"),
        **_tool("tools[].tools[]"),
        **rows(ALWAYS, "usage"),
        **rows(ALWAYS, "input_tokens output_tokens total_tokens input_tokens_details output_tokens_details", "usage"),
        **rows(ALWAYS, "cached_tokens cache_write_tokens", "usage.input_tokens_details"),
        **rows(ALWAYS, "reasoning_tokens", "usage.output_tokens_details"),
    }


# The properties of the last event of a stream that fails.
FAILURE = ("response.error.code", "response.error.message")

RESPONSE = _response(Produced(never="a failure before the answer is an error of HTTP"))
EVENT: Rows = {
    **rows(ALWAYS, "type sequence_number response item part item_id output_index content_index delta text"),
    "logprobs": Produced(note="empty unless asked for"),
    **_token("logprobs[]"),
    "obfuscation": Produced(note="when asked for"),
    **_inside("response", _response(Produced(note="when the answer fails after its beginning"))),
    **_inside("item", _item()),
    **_inside("part", _part()),
    "refusal": _REFUSAL,
    **rows(Produced("tools"), "name arguments"),
    "input": Produced("custom_tools"),
}

ITEMS = Surface(
    CHAT.operation, _asked, {"response": ("application/json", RESPONSE), "event": ("text/event-stream", EVENT)}
)
