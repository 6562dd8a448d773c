"""Grammars are tried before the model is asked: each once, and large ones while others have their turn."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from app.engines.constraints import trials
from app.engines.constraints.binding import Binding, to_calls, to_schema
from app.engines.constraints.schema import accepted
from app.engines.constraints.tools import tools_of
from app.engines.constraints.trials import Trials
from app.errors import BadRequest
from app.jsontypes import Json

from ...turns import turns_of_others

MOOD: Json = {"enum": ["good", "bad"]}
IMPOSSIBLE: Json = {"type": "string", "pattern": "^a$", "minLength": 2}


def bound(schema: Json, param: str = "p") -> Binding:
    return to_schema(accepted(schema, param))


def large(count: int = 60, **more: Json) -> Binding:
    properties = {f"property_{at}": {"type": "string", "maxLength": at + 1} for at in range(count)}
    return bound({"type": "object", "properties": {**properties, **more}, "required": [*properties, *more]})


def required(*functions: Json, **more: Any) -> Binding:
    request = {"tools": [{"type": "function", "function": each} for each in functions], "tool_choice": "required"}
    tools = asyncio.run(tools_of({**request, **more}))
    assert tools is not None
    return to_calls(tools)


class Tried:
    """What was compiled, and whether in the thread of the event loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, obeyed: bool = True) -> None:
        self.grammars: list[str] = []
        self.in_loop: list[bool] = []
        self.at_once = self.most = 0
        self.obeyed = obeyed
        self._lock = threading.Lock()
        monkeypatch.setattr(trials, "can_be_obeyed", self)

    def __call__(self, grammar: str) -> bool:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.grammars.append(grammar)
        self.in_loop.append(threading.current_thread() is threading.main_thread())
        threading.Event().wait(0.002)
        with self._lock:
            self.at_once -= 1
        return self.obeyed


def check(*bindings: Binding, made: Trials | None = None) -> None:
    async def all_of_them() -> None:
        on = made or Trials()
        for binding in bindings:
            await on.check(binding, None)

    asyncio.run(all_of_them())


def test_a_small_grammar_is_compiled_at_once() -> None:
    assert turns_of_others(Trials().check(bound(MOOD), None)) == 0


def test_others_have_their_turn_while_a_large_grammar_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert turns_of_others(Trials().check(large(), None)) > 0
    tried = Tried(monkeypatch)
    check(bound(MOOD), large())
    assert tried.in_loop == [True, False]


def test_few_large_grammars_are_compiled_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Tried(monkeypatch)

    async def many() -> None:
        made = Trials()
        await asyncio.gather(*(made.check(large(60 + at), f"client {at}") for at in range(8)))

    asyncio.run(many())
    assert len(tried.grammars) == 8
    assert tried.most <= 2


def test_what_was_understood_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Tried(monkeypatch)
    made = Trials()
    check(bound(MOOD), large(), bound(MOOD, "other"), large(), made=made)
    assert tried.grammars == [bound(MOOD).grammar, large().grammar]
    check(bound(MOOD), made=Trials())
    assert len(tried.grammars) == 3, "another model's are not known"


def test_what_was_not_understood_is_refused_every_time() -> None:
    made = Trials()
    for _ in range(2):
        with pytest.raises(BadRequest) as caught:
            check(bound(IMPOSSIBLE), made=made)
        assert caught.value.param == "p"


@pytest.mark.parametrize("binding", [bound(IMPOSSIBLE), large(impossible=IMPOSSIBLE)], ids=["small", "large"])
def test_what_nothing_can_fit_is_refused_whatever_its_size(binding: Binding) -> None:
    with pytest.raises(BadRequest, match="nothing can fit it"):
        check(binding)


def test_what_cannot_be_obeyed_names_the_part() -> None:
    good = {"name": "good"}
    bad = {"name": "bad", "parameters": {"type": "object", "properties": {"a": IMPOSSIBLE}, "required": ["a"]}}
    check(required(good))
    with pytest.raises(BadRequest) as caught:
        check(required(good, bad))
    assert caught.value.param == "tools[1].function.parameters"


def test_parts_that_can_be_obeyed_alone_but_not_together_are_the_fault_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trials, "can_be_obeyed", lambda grammar: "first" not in grammar or "second" not in grammar)
    with pytest.raises(BadRequest) as caught:
        check(required({"name": "first"}, {"name": "second"}))
    assert caught.value.param == "tool_choice"


def test_others_have_their_turn_while_a_binding_is_put_in_llama_cpps_language() -> None:
    assert turns_of_others(Trials().translate(large(), None)) > 0
    assert "root" in asyncio.run(Trials().translate(bound(MOOD), None))


def test_what_cannot_be_said_in_llama_cpps_language_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        asyncio.run(Trials().translate(Binding("answer: /a/", "where"), None))
    assert caught.value.param == "where"


def test_what_cannot_be_said_in_llama_cpps_language_names_the_part() -> None:
    bad = {"name": "bad", "parameters": {"type": "object", "properties": {"a": {"pattern": r"^\p{L}$"}}}}
    with pytest.raises(BadRequest) as caught:
        asyncio.run(Trials().translate(required({"name": "good"}, bad), None))
    assert caught.value.param == "tools[1].function.parameters"


def test_what_was_put_in_llama_cpps_language_is_not_put_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Json] = []

    def grammar_of(schema: Json) -> str:
        said.append(schema)
        return "root"

    monkeypatch.setattr(trials, "grammar_of", grammar_of)
    made = Trials()
    assert [asyncio.run(made.translate(bound(MOOD), None)) for _ in range(3)] == ["root"] * 3
    assert len(said) == 1
