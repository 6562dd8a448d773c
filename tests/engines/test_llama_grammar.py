"""A custom tool's grammar is bounded and understood before llama.cpp sees it, and the inputs of its calls obey it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import pytest

from app.engines.constraints import tools as llama_tools
from app.engines.constraints.grammar import Grammar
from app.engines.llama.engine import LlamaEngine
from app.errors import BadRequest
from app.jsontypes import Json

from ..patience import PATIENCE, little_work
from .asking import complete, stream

HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]
NAMED = {"type": "function", "function": {"name": "get_time"}}

SUM = """
?start: term (OP term)+   // at least two
term: NUM | "(" start ")" -> nested
OP: "+"
  | "-"
%import common.INT -> NUM
%import common (WS, LETTER)
%ignore " "
"""
PLATE = "^[A-Z]{3}-[0-9]{2,4}$"


def _custom(name: str, syntax: str, definition: str) -> Json:
    form = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return {"type": "custom", "custom": {"name": name, "format": form}}


PLATE_TOOL, SUM_TOOL = _custom("plate", "regex", PLATE), _custom("sum", "lark", SUM)


def _obeys(name: str, text: str) -> bool:
    """By other means than the server's."""
    if name == "plate":
        return re.fullmatch("[A-Z]{3}-[0-9]{2,4}", text) is not None
    balanced = text.count("(") == text.count(")")
    return balanced and re.fullmatch(r"[( ]*\d+[) ]*( *[+-] *[( ]*\d+[ )]*)+", text) is not None


def _refusal(syntax: str, definition: str) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        Grammar(syntax, definition, "p")
    assert caught.value.param == "p"
    assert caught.value.code == "invalid_value"
    return caught.value


@pytest.mark.parametrize(
    ("syntax", "definition", "text", "other"),
    [
        ("regex", "a|b", "b", "ab"),
        ("regex", PLATE, "ABC-123", "ABC-1"),
        ("regex", "a/b\n", "a/b\n", "a/b"),
        ("regex", r"(?P<month>May|June)\s+\d{1,2}(?:st|nd)?", "May 1st", "May"),
        ("regex", ".*?!", "wow!", "wow"),
        ("regex", "", "", "a"),
        ("regex", "(?x) a # b\n c", "ac", "a"),
        ("lark", SUM, "(1 + 2) - 3", "1 +"),
        ("lark", 'start: a "!"\na[lazy]: /.*x/', "yx!", "y!"),
        ("lark", 'start: A{2,3} [b] # c\nA: "a"i\nb: "start" | "\\"start: " | /st\\/art/', "aAstart", "A"),
        ("lark", 'start: %json {"enum": ["start", true]} "s".."z"', '"start"z', "start"),
        ("lark", 'start: B\nB: _A & ~"b"\n_A: /[ab]/', "a", "b"),
    ],
)
def test_a_text_obeys_or_does_not(syntax: str, definition: str, text: str, other: str) -> None:
    grammar = Grammar(syntax, definition, "p")
    assert grammar.fits(text)
    assert not grammar.fits(other)
    assert not grammar.fits(text + "\x00")
    assert grammar.begins(text[:1])
    alone = Grammar("lark", f"start: x7_start\n{grammar.rules('x7_')}", "p")
    assert alone.fits(text)
    assert not alone.fits(other)


@pytest.mark.parametrize(
    ("syntax", "definition", "says"),
    [
        ("regex", "a" * 20_001, "20000"),
        ("lark", "start: " + "(" * 33 + '"a"' + ")" * 33, "32"),
        ("regex", "(?=a)b", "lookaround"),
        ("regex", r"(a)\1", "regular"),
        ("regex", "((", "regular"),
        ("regex", "\\", "regular"),
        ("lark", 'start: "a" // \x00', "NUL"),
        ("lark", "", "Lark"),
        ("lark", 'foo: "a"', "Lark"),
        ("lark", 'start: "a"\n  b', "line 2"),
        ("lark", "start: start", "some text can match"),
        ("lark", 'start: A\nA: "a" & "b"', "some text can match"),
        # LLGuidance ends its process when it counts beyond 64 bits, and one that runs in ours would end ours.
        ("lark", f'start: %json {{"type": "integer", "minimum": {-(2**64)}, "maximum": {-(2**63 - 1)}}}', str(2**53)),
        ("lark", 'start: %json {"not": {}}', "keyword not"),
        ("lark", 'start: %json {"multipleOf": NaN}', "JSON"),
        ("lark", "start: a0\n" + "".join(f"a{i}: a{i + 1} a{i + 1}\n" for i in range(30)) + 'a30: "x"', "too complex"),
        ("lark", 'start: <[12]> "a"', "tokens of the model"),
        ("lark", 'start: "a"\nfoo: @other', ""),
        ("lark", '%llguidance {"no_forcing": true}\nstart: "a"', "%import"),
        ("lark", "start: a\na[max_tokens=3]: /a*/", "lazy"),
        ("lark", 'start: a::0\na::_: "a" a::incr(_) | ""', ""),
        ("lark", "\n".join(f"A{i}: A{i + 1} A{i + 1}" for i in range(24)) + '\nA24: "ab"\nstart: A0', "too complex"),
    ],
)
def test_a_grammar_that_cannot_be_obeyed_is_refused_with_the_reason(syntax: str, definition: str, says: str) -> None:
    message = _refusal(syntax, definition).message
    assert says in message
    assert "ab" not in message


def test_a_grammar_that_asks_for_much_work_gets_little() -> None:
    nasty = [
        ("regex", "((a{100}){100}){100}", "a"),
        ("regex", "(((a?){30}b?){30}c?){30}", "ab"),
        ("regex", "(?s:.*)a(?s:.){18}", "a"),
        ("lark", 'start: start start | "a" | ""', "a"),
        ("lark", 'start: a a a a a a a\na: b*\nb: c*\nc: "x"?', "x"),
        ("lark", "start: " + " | ".join(f'"{i}"' for i in range(2_000)), "1"),
    ]
    with little_work(20):
        for syntax, definition, text in nasty:
            with contextlib.suppress(BadRequest):
                Grammar(syntax, definition, "p").fits(text * 20_000)


def _ask(engine: LlamaEngine, *, streamed: bool = False, **request: Any) -> Any:
    async def use() -> Any:
        await engine.start()
        body = {"messages": WEATHER, "temperature": 0, "max_tokens": 200, **request}
        try:
            if streamed:
                return [piece async for piece in stream(engine, body)]
            return (await complete(engine, body))["choices"][0]
        finally:
            await engine.close()

    return asyncio.run(asyncio.wait_for(use(), PATIENCE))


def _inputs(choice: Json) -> list[tuple[str, str]]:
    assert choice["finish_reason"] == "tool_calls"
    return [(call["custom"]["name"], call["custom"]["input"]) for call in choice["message"]["tool_calls"]]


# Grammars under which any model comes to an end.
SHORT_SUM = _custom("sum", "lark", '?start: NUM OP NUM\nOP: "+" | "-"\nNUM: /[1-9]{1,3}/')
SHORT = pytest.mark.parametrize("tool", [PLATE_TOOL, SHORT_SUM], ids=["plate", "sum"])


@pytest.mark.live
@pytest.mark.usefixtures("marks")
@SHORT
def test_a_call_that_must_be_made_obeys_the_grammar(engine: LlamaEngine, tool: Json) -> None:
    named = {"type": "custom", "custom": {"name": tool["custom"]["name"]}}
    for choice in (named, "required"):
        inputs = set()
        for seed in range(4):
            tools = [tool] if choice == "required" else [PLATE_TOOL, SHORT_SUM, NAMED]
            asked: Json = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": False}
            ((name, text),) = _inputs(_ask(engine, **asked, temperature=1, seed=seed))
            assert name == tool["custom"]["name"]
            assert _obeys(name, text), text
            inputs.add(text)
        assert len(inputs) > 1


@pytest.mark.live
@pytest.mark.usefixtures("marks")
@SHORT
def test_a_call_by_the_models_choice_obeys_the_grammar(engine: LlamaEngine, tool: Json) -> None:
    for more in ({}, {"logprobs": True}, {"response_format": {"type": "json_object"}}, {"parallel_tool_calls": False}):
        ((name, text),) = _inputs(_ask(engine, tools=[tool], **more))
        assert name == tool["custom"]["name"]
        assert _obeys(name, text), text
    talk = _ask(engine, tools=[tool, NAMED], messages=HELLO)
    assert talk["finish_reason"] == "stop"
    assert talk["message"]["content"]


@pytest.mark.live
def test_among_many_calls_each_obeys_what_binds_it(engine: LlamaEngine) -> None:
    tools = [PLATE_TOOL, SUM_TOOL, NAMED, _custom("again", "lark", SUM)]
    seen = set()
    for seed in range(12):
        body: Json = {"tools": tools[seed % 3 :], "temperature": 1.5, "frequency_penalty": 1, "seed": seed}
        answer = _ask(engine, tool_choice="required", parallel_tool_calls=True, **body)
        if answer["finish_reason"] == "length":
            continue
        for call in answer["message"]["tool_calls"]:
            seen.add(call[call["type"]]["name"])
            if call["type"] == "custom":
                name = call["custom"]["name"]
                assert _obeys("sum" if name == "again" else name, call["custom"]["input"])
    assert len(seen) > 1


@pytest.mark.live
def test_a_call_with_a_grammar_is_streamed(engine: LlamaEngine) -> None:
    for choice in ("required", "auto"):
        pieces = _ask(engine, streamed=True, tools=[PLATE_TOOL], tool_choice=choice)
        deltas = [c["delta"]["tool_calls"][0] for p in pieces for c in p["choices"] if c["delta"]]
        assert deltas[0].keys() == {"index", "id", "type", "custom"}
        assert deltas[0]["custom"] == {"name": "plate", "input": ""}
        assert all(delta.keys() == {"index", "custom"} for delta in deltas[1:])
        assert _obeys("plate", "".join(delta["custom"]["input"] for delta in deltas))
        assert [c["finish_reason"] for p in pieces for c in p["choices"]][-1] == "tool_calls"


@pytest.mark.live
def test_a_text_that_is_cut_off_ends_by_its_length_or_at_the_stop_sequence(engine: LlamaEngine) -> None:
    body: Json = {"tools": [PLATE_TOOL], "tool_choice": "required"}
    whole = _inputs(_ask(engine, **body))[0][1]
    cut = _ask(engine, **body, stop=["-"])
    assert cut["finish_reason"] == "stop"
    assert cut["message"]["tool_calls"][0]["custom"]["input"] == whole[:3]
    assert _ask(engine, **{**body, "max_tokens": 8})["finish_reason"] == "length"


@pytest.mark.live
@pytest.mark.parametrize("definition", ["start: foo", "a" * 20_001])
def test_a_bad_grammar_is_refused_by_its_path(engine: LlamaEngine, definition: str) -> None:
    for streamed in (False, True):
        with pytest.raises(BadRequest) as caught:
            _ask(engine, streamed=streamed, tools=[NAMED, _custom("f", "lark", definition)])
        assert caught.value.param == "tools[1].custom.format.grammar.definition"


def test_the_number_of_grammars_is_bounded_before_any_is_read() -> None:
    tools = [_custom(f"f{index}", "regex", "((") for index in range(17)]
    with pytest.raises(BadRequest, match="16") as caught:
        asyncio.run(llama_tools.tools_of({"tools": tools}))
    assert caught.value.param == "tools"


@pytest.mark.live
def test_the_model_is_shown_the_grammar(engine: LlamaEngine) -> None:
    async def tokens(tool: Json) -> int:
        await engine.start()
        try:
            answer = await complete(engine, {"messages": HELLO, "tools": [tool], "max_tokens": 1})
            return int(answer["usage"]["prompt_tokens"])
        finally:
            await engine.close()

    plain = {"type": "custom", "custom": {"name": "sum"}}
    assert asyncio.run(tokens(SUM_TOOL)) > asyncio.run(tokens(plain)) + 50
