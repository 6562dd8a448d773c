"""Calls are found in a model's words however they are cut, and go on only when they are such as may be made."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, cast

import pytest

from app.engines.base import Choice, Delta, Deltas, Message, TokenLogprob
from app.engines.collecting import collect
from app.engines.constraints.calls import CallReader, Found
from app.engines.constraints.tools import Tools, tools_of
from app.errors import ServerError
from app.jsontypes import Json

CITY: Json = {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]}
TIME, WEATHER = ({"name": "get_time"}, {"name": "get_weather", "parameters": CITY})
NOTE: Json = {"type": "custom", "custom": {"name": "note"}}
SUM: Json = {
    "type": "custom",
    "custom": {"name": "sum", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[0-9]{2}"}}},
}


def function(body: Json, **more: Any) -> Json:
    return {"type": "function", "function": {**body, **more}}


TOOLS = [function(TIME), function(WEATHER), NOTE, SUM]


def tools(*given: Json, **request: Any) -> Tools:
    found = asyncio.run(tools_of({"tools": list(given or TOOLS), **request}))
    assert found is not None
    return found


def made(deltas: Iterable[Delta], given: Tools, found: Found, *, may_stop: bool = False, **more: bool) -> Choice:
    """The choice that the deltas add up to."""
    reader = CallReader(given, found, may_stop=may_stop, **more)

    async def stream() -> Deltas:
        for delta in deltas:
            for told in reader.feed(delta):
                yield told

    (choice,) = asyncio.run(collect(stream())).choices
    return choice


def words(*texts: str, reason: str = "stop") -> list[Delta]:
    return [*(Delta(0, {"content": text}) for text in texts), Delta(0, {}, reason)]


def fragments(*calls: tuple[int, str | None, str], reason: str = "tool_calls") -> list[Delta]:
    """llama.cpp's own deltas: index, name and arguments of each fragment."""
    told = []
    for index, name, arguments in calls:
        body: Any = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
        told.append(Delta(0, {"tool_calls": [{"index": index, "function": body}]}))
    return [*told, Delta(0, {}, reason)]


def called(choice: Choice) -> list[tuple[str, str]]:
    """The name and the text of each call, whose form is checked."""
    calls = choice.message.get("tool_calls", [])
    for call in calls:
        assert re.fullmatch("call_[0-9a-f]{24}", call["id"])
        assert call["type"] == ("custom" if "custom" in call else "function")
    return [
        (call["custom"]["name"], call["custom"]["input"])
        if "custom" in call
        else (call["function"]["name"], call["function"]["arguments"])
        for call in calls
    ]


# The words of an answer, the mode in which its calls are found, what it says and what it calls.
CALL = '{"name": "get_weather", "arguments": {"city": "Rome"}}'
MARKED = f"<tool_call>\n{CALL}\n</tool_call>"
TEXTS: list[tuple[str, Found, str | None, list[tuple[str, str]]]] = [
    (CALL, Found.EVERYWHERE, None, [("get_weather", '{"city": "Rome"}')]),
    (f"[{CALL}, {CALL}]", Found.EVERYWHERE, None, [("get_weather", '{"city": "Rome"}')] * 2),
    (MARKED, Found.EVERYWHERE, None, [("get_weather", '{"city": "Rome"}')]),
    (MARKED, Found.AT_MARK, None, [("get_weather", '{"city": "Rome"}')]),
    (f"Well, {MARKED}\n{MARKED}", Found.AT_MARK, "Well, ", [("get_weather", '{"city": "Rome"}')] * 2),
    ('{"name": "note", "arguments": {"input": "a"}}', Found.EVERYWHERE, None, [("note", "a")]),
    ('{"name": "sum"}\n12', Found.EVERYWHERE, None, [("sum", "12")]),
    ('So <tool_call>\n{"name": "sum"}\n12', Found.AT_MARK, "So ", [("sum", "12")]),
    *((text, Found.AT_MARK, text, []) for text in ("a < b <tool", "<tool_cal>", "<tool_<tool_")),
    ("{}", Found.AT_MARK, "{}", []),
]


@pytest.mark.parametrize(("text", "found", "said", "calls"), TEXTS, ids=range(len(TEXTS)))
def test_calls_are_found_however_the_words_are_cut(
    text: str, found: Found, said: str | None, calls: list[tuple[str, str]]
) -> None:
    random = Random(text)
    given = tools(parallel_tool_calls=True)
    for cutting in range(30):
        cuts = sorted(random.randrange(len(text) + 1) for _ in range(cutting % 7))
        pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        choice = made(words(*pieces), given, found)
        assert (choice.message["content"], called(choice)) == (said, calls), pieces
        assert choice.finish_reason == ("tool_calls" if calls else "stop")
    choice = made(words(*text), given, found)
    assert (choice.message["content"], called(choice)) == (said, calls)


def test_calls_that_llama_cpp_has_found_go_on_fragment_by_fragment() -> None:
    reader = CallReader(tools(), Found.PARSED, may_stop=False)
    first, more, end = fragments((0, "get_weather", '{"city"'), (0, None, ': "Rome"}'))
    head, begun = reader.feed(first)
    assert head.message["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": ""}
    assert begun.message == {"tool_calls": [{"index": 0, "function": {"arguments": '{"city"'}}]}
    assert [told.message for told in reader.feed(more)] == [
        {"tool_calls": [{"index": 0, "function": {"arguments": ': "Rome"}'}}]}
    ]
    assert list(reader.feed(end)) == [Delta(0, {}, "tool_calls")]


def test_words_beside_calls_that_llama_cpp_has_found_are_words() -> None:
    choice = made(
        [*words("Hi")[:1], *fragments((0, "get_time", "{}"), (1, "note", '{"input": "a"}'))], tools(), Found.PARSED
    )
    assert choice.message["content"] == "Hi"
    assert called(choice) == [("get_time", "{}"), ("note", "a")]


def test_a_function_of_the_old_kind_is_answered_in_the_old_shape() -> None:
    old = asyncio.run(tools_of({"functions": [TIME, WEATHER]}))
    assert old is not None
    choice = made(fragments((0, "get_time", "{}"), (1, "get_time", "{}")), old, Found.PARSED)
    assert choice.message == {"function_call": {"name": "get_time", "arguments": "{}"}, "content": None}
    assert choice.finish_reason == "function_call"


def test_of_several_calls_only_one_goes_on_where_no_more_may_be_made() -> None:
    one = tools(parallel_tool_calls=False)
    assert len(called(made(fragments((0, "get_time", "{}"), (1, "get_time", "{}")), one, Found.PARSED))) == 1
    assert len(called(made(words(f"[{CALL}, {CALL}]"), one, Found.EVERYWHERE))) == 1


@pytest.mark.parametrize(
    ("deltas", "found"),
    [
        (fragments((0, "other", "{}")), Found.PARSED),
        (fragments((0, "get_time", "{")), Found.PARSED),
        (fragments((0, "get_time", "[]")), Found.PARSED),
        (fragments((0, "note", '{"input": 7}')), Found.PARSED),
        (fragments((0, "get_weather", '{"city": "Bonn"}')), Found.PARSED),
        (words("Hi"), Found.EVERYWHERE),
        (words(CALL.replace("Rome", "Bonn")), Found.EVERYWHERE),
        (words(CALL[:-4]), Found.EVERYWHERE),
        (words('{"name": "sum"}\n1'), Found.EVERYWHERE),
        *(
            (words(f"<tool_call>\n{text}"), Found.AT_MARK)
            for text in (
                "nonsense",
                '{"name": "sum"}\n1',
                '{"name": "sum"}\nnonsense',
                '{"name": "other"}\n12',
                '{"name": "get_time", "arguments": [1]}\n</tool_call>',
                '{"name": "get_time", "arguments": {',
            )
        ),
    ],
    ids=range(15),
)
def test_a_call_that_may_not_be_made_is_no_answer(deltas: list[Delta], found: Found) -> None:
    strict = tools(function(TIME), function(WEATHER, strict=True), NOTE, SUM)
    with pytest.raises(ServerError):
        made(deltas, strict, found)


def test_a_call_that_llama_cpp_has_found_need_fit_only_where_it_must() -> None:
    choice = made(fragments((0, "get_weather", '{"city": "Bonn"}')), tools(), Found.PARSED)
    assert called(choice) == [("get_weather", '{"city": "Bonn"}')]


@pytest.mark.parametrize(
    ("deltas", "found"),
    [
        (fragments((0, "get_weather", '{"city": "Ro'), reason="length"), Found.PARSED),
        (words(CALL[:-6], reason="length"), Found.EVERYWHERE),
        (words('{"name": "sum"}\n1', reason="length"), Found.EVERYWHERE),
        (words("", reason="length"), Found.EVERYWHERE),
    ],
    ids=range(4),
)
def test_a_call_that_is_cut_off_ends_by_its_length(deltas: list[Delta], found: Found) -> None:
    assert made(deltas, tools(), found).finish_reason == "length"


@pytest.mark.parametrize("text", ["1 - (2", " 1 - (2", " "])
def test_what_a_grammar_ignores_may_stand_before_a_text_that_is_cut_off(text: str) -> None:
    definition = 'start: TERM (" - " TERM)*\nTERM: /[0-9]/ | "(" /[0-9]/ ")"\n%ignore / +/'
    grammar = {"syntax": "lark", "definition": definition}
    spaced = {"type": "custom", "custom": {"name": "sum", "format": {"type": "grammar", "grammar": grammar}}}
    given = tools(spaced)
    choice = made(words(f'<tool_call>\n{{"name": "sum"}}\n{text}', reason="length"), given, Found.AT_MARK)
    assert choice.finish_reason == "length"
    with pytest.raises(ServerError):
        made(words(f'<tool_call>\n{{"name": "sum"}}\n{text}', reason="stop"), given, Found.AT_MARK)


def test_a_stop_sequence_may_end_an_answer_before_its_call_is_whole() -> None:
    assert made(words("Hi"), tools(), Found.EVERYWHERE, may_stop=True).finish_reason == "stop"
    choice = made(words(CALL[:-6]), tools(), Found.EVERYWHERE, may_stop=True)
    assert (choice.finish_reason, called(choice)[0][0]) == ("stop", "get_weather")
    cut = '<tool_call>\n{"name": "sum"}\n1'
    assert made(words(cut), tools(), Found.AT_MARK, may_stop=True).finish_reason == "stop"
    for text, found in ((CALL.replace("Rome", "Bonn"), Found.EVERYWHERE), (f"{cut}nonsense", Found.AT_MARK)):
        with pytest.raises(ServerError):
            made(words(text), tools(), found, may_stop=True)


def test_log_probabilities_wait_for_the_delta_that_their_token_becomes_part_of() -> None:
    def entries(*tokens: str) -> list[TokenLogprob]:
        return cast("list[TokenLogprob]", [{"token": token} for token in tokens])

    def deltas(*tokens: str) -> Sequence[Delta]:
        told = [Delta(0, {"content": text}, None, {"content": entries(text), "refusal": None}) for text in tokens]
        return [*told, Delta(0, {}, "stop")]

    choice = made(deltas("Well", " <tool_call>\n", CALL, "\n</tool_call>"), tools(), Found.AT_MARK)
    assert choice.logprobs is not None
    assert choice.logprobs["content"] == entries("Well", " <tool_call>\n", CALL, "\n</tool_call>")
    reader = CallReader(tools(), Found.AT_MARK, may_stop=False)
    told = [each for delta in deltas("a <", "b") for each in reader.feed(delta)]
    assert [(each.message.get("content"), each.logprobs and each.logprobs["content"]) for each in told] == [
        ("a ", entries("a <")),
        ("<b", entries("b")),
        (None, None),
    ]


def test_what_else_a_delta_has_goes_on() -> None:
    thoughts: Message = {"reasoning_content": "Hm"}
    choice = made([Delta(0, thoughts), *words("Hi")], tools(), Found.AT_MARK)
    assert choice.message == {"reasoning_content": "Hm", "content": "Hi"}


QUOTED = '{"name": "sum", "arguments": {"input": "12"}}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (QUOTED, Found.EVERYWHERE),
        (f"[{QUOTED}, {QUOTED}]", Found.EVERYWHERE),
        (f"<tool_call>\n{QUOTED}\n</tool_call>\n<tool_call>\n{QUOTED}\n</tool_call>", Found.AT_MARK),
    ],
    ids=range(3),
)
def test_texts_for_grammars_may_be_quoted_in_json(text: str, found: Found) -> None:
    for pieces in ([text], list(text)):
        choice = made(words(*pieces), tools(parallel_tool_calls=True), found, quoted=True)
        assert called(choice) == [("sum", "12")] * text.count("sum")
        assert choice.finish_reason == "tool_calls"


def test_a_quoted_text_obeys_its_grammar_unless_it_is_cut_off() -> None:
    wrong = [(QUOTED.replace("12", "a"), "stop"), (QUOTED[:-4], "stop"), (QUOTED.replace("12", "1"), "length")]
    for text, reason in wrong:
        with pytest.raises(ServerError):
            made(words(text, reason=reason), tools(), Found.EVERYWHERE, quoted=True)
    assert made(words(QUOTED[:-4], reason="length"), tools(), Found.EVERYWHERE, quoted=True).finish_reason == "length"
