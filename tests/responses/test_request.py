"""A request for a response comes to the chat request that means the same, and errors name what the client sent."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import BadRequest, UnsupportedParameter
from app.responses.request import read

from .asking import CUSTOM, FUNCTION, Json, asked


def messages(*items: Json, **fields: Any) -> list[Json]:
    found: list[Json] = asked(list(items), **fields).chat["messages"]
    return found


def call(call_id: str, name: str = "f") -> Json:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def output(call_id: str, text: Any = "42") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def thoughts(text: str) -> Json:
    return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def chat_call(call_id: str, name: str = "f") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


USER: Json = {"role": "user", "content": "Hi"}


def test_a_text_is_a_message_of_the_user_after_the_instructions() -> None:
    assert asked("Hi").chat == {"model": "m", "messages": [USER]}
    assert asked("Hi", instructions="Be brief.").chat["messages"] == [{"role": "system", "content": "Be brief."}, USER]


def test_messages_of_all_roles_keep_their_roles_with_a_type_and_without() -> None:
    roles = ("developer", "system", "user", "assistant")
    assert messages(*({"role": role, "content": role} for role in roles)) == [
        {"role": role, "content": role} for role in roles
    ]
    assert messages({"type": "message", "role": "user", "content": "Hi", "id": "msg_1", "status": None}) == [USER]


def test_parts_become_parts() -> None:
    marked = {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
    picture = {"type": "input_image", "image_url": "data:,", "detail": "low", "file_id": None}
    paper = {"type": "input_file", "filename": "a.pdf", "file_data": "AA==", "detail": "auto"}
    (message,) = messages({"role": "user", "content": [marked, picture, paper]})
    assert message["content"] == [
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "AA=="}},
    ]
    assert messages({"role": "user", "content": []}) == [{"role": "user", "content": ""}]


def test_a_part_that_has_no_place_in_its_message_is_refused_by_place() -> None:
    picture = {"type": "input_image", "image_url": "data:,"}
    refusal = {"type": "refusal", "refusal": "No."}
    for role, part in (("developer", picture), ("assistant", picture), ("user", refusal)):
        with pytest.raises(BadRequest) as caught:
            messages({"role": role, "content": [{"type": "input_text", "text": "a"}, part]})
        assert caught.value.param == "input[0].content[1].type"
    with pytest.raises(BadRequest) as caught:
        messages({"role": "user", "content": [{"type": "input_image"}]})
    assert caught.value.param == "input[0].content[0].image_url"
    with pytest.raises(UnsupportedParameter) as refused:
        messages({"role": "user", "content": [{"type": "input_file", "file_data": "AA==", "detail": "high"}]})
    assert refused.value.param == "input[0].content[0].detail"


def test_what_a_tool_gave_has_to_be_text() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:,"}]
    items = [USER, call("1"), output("1", parts)]
    with pytest.raises(UnsupportedParameter) as caught:
        messages(*items)
    assert caught.value.param == "input[2].output[1]"
    left = asked(items, policy="warn")
    assert left.ignored == ["input[2].output[1]"]
    assert left.chat["messages"][2] == {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "a"}]}
    assert messages(USER, call("1"), output("1", []))[2]["content"] == ""


def test_a_turn_of_thoughts_words_and_calls_is_one_message() -> None:
    said = {
        "role": "assistant",
        "content": [{"type": "output_text", "text": "I "}, {"type": "output_text", "text": "look."}],
    }
    assert messages(USER, thoughts("Hm."), said, call("1"), call("2", "g"), output("1"), output("2", "b")) == [
        USER,
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Hm.",
            "tool_calls": [chat_call("1"), chat_call("2", "g")],
        },
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "tool", "tool_call_id": "2", "content": "b"},
    ]


def test_turns_follow_each_other() -> None:
    answer = {"role": "assistant", "content": "a"}
    assert messages(USER, answer, answer, thoughts("b"), call("1"), output("1"), call("2"), output("2"), answer) == [
        USER,
        answer,
        answer,
        {"role": "assistant", "content": None, "reasoning_content": "b", "tool_calls": [chat_call("1")]},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
        {"role": "assistant", "content": None, "tool_calls": [chat_call("2")]},
        {"role": "tool", "tool_call_id": "2", "content": "42"},
        answer,
    ]


def test_thoughts_between_calls_belong_to_their_turn() -> None:
    turn = messages(USER, thoughts("a"), call("1"), thoughts("b"), call("2"), output("1"), output("2"))[1]
    assert turn["reasoning_content"] == "a\n\nb"
    assert len(turn["tool_calls"]) == 2


def test_a_summary_stands_for_thoughts_that_are_not_there_and_empty_thoughts_for_nothing() -> None:
    summary = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}], "content": None}
    answer = {"role": "assistant", "content": "a"}
    assert messages(USER, summary, answer)[1] == {**answer, "reasoning_content": "s"}
    assert messages(USER, {"type": "reasoning", "summary": []}, answer) == [USER, answer]
    assert messages(USER, summary, USER)[1] == {"role": "assistant", "content": "", "reasoning_content": "s"}


def test_a_refusal_is_sent_back_as_one() -> None:
    refusal = {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    assert messages(USER, refusal, USER)[1] == {"role": "assistant", "content": None, "refusal": "No."}


def test_calls_of_custom_tools_and_their_outputs() -> None:
    made = {"type": "custom_tool_call", "call_id": "1", "name": "shell", "input": "ls"}
    gave = {"type": "custom_tool_call_output", "call_id": "1", "output": "a b"}
    assert messages(USER, made, gave)[1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "a b"},
    ]


@pytest.mark.parametrize(
    ("items", "param"),
    [
        ([USER, call("1")], "input[1]"),
        ([USER, call("1"), USER, output("1")], "input[1]"),
        ([USER, call("1"), call("2"), output("2"), {"role": "assistant", "content": "a"}], "input[1]"),
        ([USER, output("1")], "input[1].call_id"),
        ([USER, call("1"), output("1"), output("1")], "input[3].call_id"),
    ],
)
def test_a_call_and_its_output_go_together(items: list[Json], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        asked(items)
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message


def test_tools_and_their_choice() -> None:
    grammar = {"type": "grammar", "syntax": "regex", "definition": "a+"}
    chat = asked(tools=[{**FUNCTION, "strict": True, "description": None}, {**CUSTOM, "format": grammar}]).chat
    assert chat["tools"] == [
        {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}, "strict": True}},
        {
            "type": "custom",
            "custom": {
                "name": "shell",
                "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}},
            },
        },
    ]
    tools = [FUNCTION, CUSTOM]
    named = {"type": "custom", "name": "shell"}
    assert asked(tools=tools, tool_choice="required").chat["tool_choice"] == "required"
    assert asked(tools=tools, tool_choice=named).chat["tool_choice"] == {"type": "custom", "custom": {"name": "shell"}}
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [named, {"type": "mcp", "server_label": "x"}]}
    assert asked(tools=tools, tool_choice=allowed).chat["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [{"type": "custom", "custom": {"name": "shell"}}, {"type": "mcp", "server_label": "x"}],
        },
    }


def test_what_has_another_name_in_a_chat() -> None:
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    chat = asked(
        text={"format": schema, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"},
        max_output_tokens=20,
        include=["reasoning.encrypted_content", "message.output_text.logprobs"],
        top_logprobs=2,
        stream=True,
        store=False,
        metadata={"a": "b"},
    ).chat
    assert chat == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello!"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
        },
        "verbosity": "low",
        "reasoning_effort": "low",
        "max_completion_tokens": 20,
        "logprobs": True,
        "top_logprobs": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_has_the_same_name_in_a_chat_stays_as_it_is() -> None:
    fields: Json = {
        "temperature": 0.5,
        "top_p": 0.5,
        "parallel_tool_calls": False,
        "service_tier": "flex",
        "safety_identifier": "s",
        "user": "u",
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "prompt_cache_options": {"mode": "implicit"},
    }
    assert {name: value for name, value in asked(**fields).chat.items() if name in fields} == fields


def test_alternatives_need_log_probabilities() -> None:
    with pytest.raises(BadRequest) as caught:
        asked(top_logprobs=2)
    assert (caught.value.param, caught.value.code) == ("top_logprobs", "invalid_value")
    assert "top_logprobs" not in asked(top_logprobs=0).chat


def test_null_asks_for_nothing() -> None:
    names = ("instructions", "tools", "tool_choice", "text", "reasoning", "include", "store", "previous_response_id")
    nothing: Json = dict.fromkeys(names)
    assert asked(**nothing).chat == asked().chat


ALLOWED: Json = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}


@pytest.mark.parametrize(
    ("chat", "sent"),
    [
        ("messages", "input"),
        ("messages[0].content", "instructions"),
        ("messages[1].content[0].image_url", "input[0].content[0]"),
        ("messages[1].content[0].image_url.url", "input[0].content[0].image_url"),
        ("messages[1].content[0].image_url.detail", "input[0].content[0].detail"),
        ("messages[1].content[1].prompt_cache_breakpoint", "input[0].content[1].prompt_cache_breakpoint"),
        ("messages[2].reasoning_content", "input[1]"),
        ("messages[2].tool_calls[0]", "input[2]"),
        ("messages[2].tool_calls[0].id", "input[2].call_id"),
        ("messages[2].tool_calls[0].function.arguments", "input[2].arguments"),
        ("messages[3].tool_call_id", "input[3].call_id"),
        ("messages[3].content", "input[3].output"),
        ("max_completion_tokens", "max_output_tokens"),
        ("response_format.json_schema.schema.properties", "text.format.schema.properties"),
        ("reasoning_effort", "reasoning.effort"),
        ("logprobs", "include"),
        ("tools[0].function.parameters", "tools[0].parameters"),
        ("tool_choice.allowed_tools.tools[0].function.name", "tool_choice.tools[0].name"),
        ("temperature", "temperature"),
        ("model", "model"),
    ],
)
def test_a_place_of_the_chat_request_is_told_as_the_client_sent_it(chat: str, sent: str) -> None:
    parts = [{"type": "input_image", "image_url": "data:,"}, {"type": "input_text", "text": "a"}]
    items = [{"role": "user", "content": parts}, thoughts("a"), call("1"), output("1")]
    places = asked(items, instructions="i", tools=[FUNCTION], tool_choice=ALLOWED).places
    assert places.of(chat) == sent
    error = places.translate(BadRequest(f"Invalid value for '{chat}'. It isn't good, or 'so'.", param=chat))
    assert (error.param, error.message) == (sent, f"Invalid value for '{sent}'. It isn't good, or 'so'.")


def test_what_this_operation_does_not_know_is_for_the_model_to_take_or_refuse() -> None:
    assert asked("Hi", top_k=5).chat == {"model": "m", "messages": [USER], "top_k": 5}


def test_what_is_of_chat_completions_alone_is_refused_or_left_out_by_name() -> None:
    others: Json = {"n": 2, "messages": [], "stop": "a"}
    for name, value in others.items():
        with pytest.raises(UnsupportedParameter) as caught:
            read({"model": "m", "input": "Hi", name: value}, "refuse")
        assert caught.value.param == name
        left = read({"model": "m", "input": "Hi", name: value}, "warn")
        assert (left.chat, left.ignored) == ({"model": "m", "messages": [USER]}, [name])


CRM: Json = {
    "type": "namespace",
    "name": "crm",
    "description": "Customers and what they bought.",
    "tools": [
        {"type": "function", "name": "find", "description": "Finds one.", "parameters": {"type": "object"}},
        {"type": "custom", "name": "ask"},
    ],
}


def test_the_tools_of_a_namespace_are_tools_whose_names_begin_with_its_own() -> None:
    read_as = asked("Hi", tools=[FUNCTION, CRM, CUSTOM])
    shell = {"type": "custom", "custom": {"name": "shell"}}
    function = {
        "name": "crm__find",
        "description": "Customers and what they bought.\n\nFinds one.",
        "parameters": {"type": "object"},
    }
    assert read_as.chat["tools"][1:] == [
        {"type": "function", "function": function},
        {"type": "custom", "custom": {"name": "crm__ask", "description": "Customers and what they bought."}},
        shell,
    ]
    assert read_as.namespaced == {"crm__find": ("crm", "find"), "crm__ask": ("crm", "ask")}
    assert read_as.places.of("tools[1].function.parameters") == "tools[1].tools[0].parameters"
    assert read_as.places.of("tools[3].custom.name") == "tools[2].name"
    assert read_as.places.of("tools[3]") == "tools[2]"


def test_a_call_of_a_tool_in_a_namespace_comes_back_under_the_name_that_the_model_knows() -> None:
    items = ({**call("1", "find"), "namespace": "crm"}, output("1"))
    assert messages(*items)[0]["tool_calls"] == [chat_call("1", "crm__find")]
    for none in (None, ""):
        assert messages({**call("1", "find"), "namespace": none}, output("1"))[0]["tool_calls"] == [
            chat_call("1", "find")
        ]
    written: Json = {"type": "custom_tool_call", "call_id": "2", "name": "ask", "input": "a", "namespace": "crm"}
    answered = {"type": "custom_tool_call_output", "call_id": "2", "output": "b"}
    assert messages(written, answered)[0]["tool_calls"][0]["custom"]["name"] == "crm__ask"


def test_a_tool_whose_name_is_too_long_with_that_of_its_namespace_is_refused_by_place() -> None:
    tools = [{**CRM, "tools": [{"type": "function", "name": "f" * 60}]}]
    with pytest.raises(BadRequest) as caught:
        asked("Hi", tools=tools)
    assert (caught.value.param, caught.value.code) == ("tools[0].tools[0].name", "string_above_max_length")
    tools[0]["tools"][0]["name"] = "f" * 59
    assert asked("Hi", tools=tools).chat["tools"][0]["function"]["name"] == "crm__" + "f" * 59
    with pytest.raises(BadRequest) as caught:
        messages({**call("1", "f" * 60), "namespace": "crm"}, output("1"))
    assert caught.value.param == "input[0].name"
