"""A conversation that the model's template cannot show is put in a form that it can, and says the same."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from app.engines.llama.conversation import Conversation
from app.jsontypes import Json

from .conversations import (
    TEMPLATES,
    Messages,
    calls,
    chat,
    mistral,
    no_words_beside,
    one_system,
    result,
    roles,
    says,
    short_ids,
    system_first,
    texts,
    without,
)
from .templates import Template, rendering, told

LONG_ID = "call_0123456789abcdef01234567"
ODD_ID = "call_time"
CONVERSATIONS: dict[str, Messages] = {
    "system": [says("system", "S1"), says("user", "U1")],
    "two systems": [says("system", "S1"), says("system", "S2"), says("user", "U1")],
    "a late system": [says("user", "U1"), says("assistant", "A1"), says("system", "S1"), says("user", "U2")],
    "nothing but systems": [says("system", "S1"), says("system", "S2")],
    "users in a row": [says("user", "U1"), says("user", "U2"), says("assistant", "A1"), says("user", "U3")],
    "assistants in a row": [says("user", "U1"), says("assistant", "A1"), says("assistant", "A2"), says("user", "U2")],
    "assistant first": [says("assistant", "A1"), says("user", "U1")],
    "assistant after system": [says("system", "S1"), says("assistant", "A1"), says("user", "U1")],
    "call": [says("user", "U1"), calls(LONG_ID), result(LONG_ID, "R1")],
    "a call with an odd id": [says("user", "U1"), calls(ODD_ID), result(ODD_ID, "R1")],
    "ids of many lengths": [says("user", "U1"), calls("abcdefgh1", "a"), result("abcdefgh1", "R1"), result("a", "R2")],
    "calls": [
        *(says("system", "S1"), says("user", "U1"), calls(LONG_ID, "b"), result(LONG_ID, "R1"), result("b", "R2")),
        *(says("assistant", "A1"), says("user", "U2"), calls("c"), result("c", "R3"), says("assistant", "A2")),
        says("user", "U3"),
    ],
}
ORDINARY: dict[str, Messages] = {
    "one user": [says("user", "U1")],
    "questions": [says("user", "U1"), says("assistant", "A1"), says("user", "U2")],
}


async def fitting(template: Template, messages: Messages, *, tools: bool = False) -> Messages:
    return await Conversation(rendering(template)).fitted(messages, tools=tools)


def fitted(template: Template, messages: Messages, *, tools: bool = False) -> Messages:
    before = json.dumps(messages)
    made = asyncio.run(fitting(template, messages, tools=tools))
    assert json.dumps(messages) == before, "what was given stays as it is"
    return made


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_conversation_takes_a_form_that_shows_all_that_is_said_in_order(template: str, conversation: str) -> None:
    given = CONVERSATIONS[conversation]
    made = fitted(TEMPLATES[template], given)
    prompt = TEMPLATES[template]({"messages": made})
    assert prompt is not None
    said = re.findall(r"\b[SUAR]\d\b", prompt)
    assert said == texts(given)
    assert prompt.count("look_up") >= sum(len(message.get("tool_calls", ())) for message in given)


@pytest.mark.parametrize("conversation", ["call", "calls", "a call with an odd id"])
@pytest.mark.parametrize("template", ["short_ids", "mistral", "alternating", "one_system"])
def test_ids_of_results_are_still_those_of_their_calls(template: str, conversation: str) -> None:
    given = CONVERSATIONS[conversation]

    def ids(messages: Messages) -> tuple[list[str], list[str]]:
        called = [call["id"] for message in messages for call in message.get("tool_calls", ())]
        return called, [message["tool_call_id"] for message in messages if message["role"] == "tool"]

    called, answered = ids(fitted(TEMPLATES[template], given))
    assert called == answered
    assert len(called) == len({*called}) == len(ids(given)[0])
    assert (called == ids(given)[0]) is ("short_ids" not in template and "mistral" not in template)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("conversation", ORDINARY)
def test_an_ordinary_conversation_is_untouched(template: str, conversation: str) -> None:
    given = ORDINARY[conversation]
    assert fitted(TEMPLATES[template], given) is given


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_what_the_template_can_show_is_untouched(conversation: str) -> None:
    given = CONVERSATIONS[conversation]
    assert fitted(chat, given) is given


def test_what_no_form_can_show_is_left_as_it_was() -> None:
    given = CONVERSATIONS["calls"]
    assert fitted(lambda _: None, given) is given
    assert fitted(lambda _: "something else", given) is given


def test_words_beside_a_call_that_would_be_left_out_are_said_before_it() -> None:
    given = [says("user", "U1"), calls("a", text="A1"), result("a", "R1")]
    made = fitted(TEMPLATES["no_words_beside"], given)
    assert made == [given[0], says("assistant", "A1"), calls("a"), given[2]]
    assert fitted(chat, given) is given


@pytest.mark.parametrize("demand", [one_system, system_first, short_ids])
def test_words_beside_a_call_are_said_before_it_in_any_form(demand: Callable[[Messages], bool]) -> None:
    system = [says("system", "S1"), says("system", "S2")]
    given = [*system, says("user", "U1"), calls(LONG_ID, text="A1"), result(LONG_ID, "R1")]

    def template(payload: Json) -> str | None:
        return without(no_words_beside)(payload) if demand(payload["messages"]) else None

    prompt = template({"messages": fitted(template, given)})
    assert prompt is not None
    assert re.findall(r"\b[SUAR]\d\b", prompt) == texts(given)


def test_calls_are_told_in_words_where_the_words_beside_them_can_stand_nowhere_else() -> None:
    given = [says("system", "S1"), says("system", "S2"), says("user", "U1"), calls("a", text="A1"), result("a", "R1")]

    def strict(payload: Json) -> str | None:
        messages = payload["messages"]
        twice = any(one["role"] == other["role"] for one, other in pairwise(messages))
        return None if twice else without(no_words_beside)(payload)

    made = fitted(strict, given)
    call = '<tool_call>\n{"name": "look_up", "arguments": {}}\n</tool_call>'
    assert texts(made) == ["S1\n\nS2", "U1", f"A1\n\n{call}", "Result of look_up:\n\nR1"]
    assert roles(made) == ["system", "user", "assistant", "user"]


PICTURE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}
SOUND: Json = {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}


def test_pictures_and_sounds_stay_where_messages_are_joined() -> None:
    shown = {"role": "user", "content": [{"type": "text", "text": "U2"}, PICTURE]}
    heard = {"role": "user", "content": [SOUND]}
    made = fitted(TEMPLATES["alternating"], [says("user", "U1"), shown, heard, says("assistant", "A1")])
    parts = [{"type": "text", "text": "U1"}, {"type": "text", "text": "U2"}, PICTURE, SOUND]
    assert made[:2] == [{"role": "user", "content": parts}, says("assistant", "A1")]


def test_a_call_in_words_says_its_name_its_arguments_and_whose_result_follows() -> None:
    made = fitted(TEMPLATES["no_tools"], CONVERSATIONS["call"])
    assert roles(made) == ["user", "assistant", "user"]
    assert '{"name": "look_up", "arguments": {}}' in made[1]["content"]
    assert "look_up" in made[2]["content"]
    assert made[2]["content"].endswith("R1")


def test_the_template_is_given_tools_where_the_model_is() -> None:
    asked: list[Json] = []
    conversation = Conversation(rendering(chat, asked))
    for tools in (True, False):
        asyncio.run(conversation.fitted(CONVERSATIONS["call"], tools=tools))
    assert [bool(told(payload, "tools")) for payload in asked] == [True, False]


def turns(count: int, secret: str, parallel: int = 1) -> Messages:
    """A long conversation of which each turn has texts of its own."""
    made = [says("system", secret)]
    for at in range(count):
        ids = [f"call_{at:03}{number}" for number in range(parallel)]
        made += [says("user", f"{secret} {at}"), calls(*ids), *(result(each, f"{secret} {at}") for each in ids)]
        made.append(says("assistant", f"{secret} {at}"))
    return [*made, says("user", secret)]


@pytest.mark.parametrize("parallel", [1, 2, 4])
@pytest.mark.parametrize("template", [chat, TEMPLATES["one_system"]], ids=["all", "one system"])
def test_a_form_is_asked_about_once_with_marks_however_long_the_conversation(template: Template, parallel: int) -> None:
    asked: list[Json] = []
    conversation = Conversation(rendering(template, asked))

    async def all_of_them() -> list[Messages]:
        given = [
            turns(count, secret, parallel) for count, secret in ((2, "SECRET"), (300, "SECRET"), (301, "OTHER SECRET"))
        ]
        return [await conversation.fitted(each, tools=False) for each in given]

    asyncio.run(all_of_them())
    assert len(asked) == 1
    assert "SECRET" not in json.dumps(asked)
    assert len(asked[0]["messages"]) < 12


def test_a_row_of_messages_of_one_role_is_one_form_however_long_and_one_message_is_none() -> None:
    asked: list[Json] = []
    conversation = Conversation(rendering(chat, asked))
    for count in (300, 301, 1):
        asyncio.run(conversation.fitted([says("user", f"U{at}") for at in range(count)], tools=False))
    assert [len(payload["messages"]) for payload in asked] == [2]


def test_what_the_system_says_stays_its_own_where_others_must_take_turns() -> None:
    given = [says("system", "S1"), says("user", "U1"), says("user", "U2")]
    assert fitted(TEMPLATES["alternating"], given) == [given[0], says("user", "U1\n\nU2")]


def test_what_repeats_itself_is_put_in_another_form_all_the_same() -> None:
    secret = "S1"
    made = fitted(TEMPLATES["mistral"], turns(50, secret))
    assert mistral(made)
    assert len(made) == 202
    many: Any = [says("user", f"U{at}") for at in range(300)]
    assert texts(fitted(TEMPLATES["alternating"], many)) == ["\n\n".join(f"U{at}" for at in range(300))]


def test_finding_out_a_form_is_bounded_whatever_a_conversation_is() -> None:
    chance = Random(1)
    asked: list[Json] = []
    given = [says(chance.choice(["system", "user", "assistant"]), "a") for _ in range(3_000)]
    given += [calls("c" * 100_000, "d", text=""), result("d", "R")]
    asyncio.run(Conversation(rendering(TEMPLATES["alternating"], asked)).fitted(given, tools=False))
    assert asked
    assert max(len(json.dumps(payload)) for payload in asked) < 10_000
