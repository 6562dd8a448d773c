"""How much a model thinks and says, by copies of the bundled one with templates that know of it.

The bundled model was not trained to think; what it writes where thoughts go are its thoughts all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from app.configuration.model_file import served_model
from app.engines.llama.engine import LlamaEngine
from app.errors import UnsupportedParameter
from app.jsontypes import Json
from app.model_process.child import ChildOptions
from app.model_process.supervisor import Supervision
from tools.tiny_model.dialogue import IDS

from ..configuration.entries import model_file
from ..live import serve
from ..patience import PATIENCE
from .asking import complete, stream
from .conftest import ENDLESS, supervised
from .gguf_template import template, with_template

pytestmark = pytest.mark.live

CONTEXT = 512

_END = "{{- '<|im_start|>assistant\\n' }}{%- endif %}"
_PAST = "{%- else %}{{- '<|im_start|>' + m.role"
_PAST_THOUGHTS = (
    "{%- elif m.role == 'assistant' and m.reasoning_content %}{{- '<|im_start|>assistant\\n<think>\\n' }}"
    "{{- m.reasoning_content + '\\n</think>\\n\\n' + m.content + '<|im_end|>\\n' }}" + _PAST
)
_OFF = "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}"
_BEGIN = "{%- for m in messages %}"


def _ending(text: str) -> str:
    thinks = template().replace(_PAST, _PAST_THOUGHTS)
    assert thinks.count(_END) == 1
    return thinks.replace(_END, text)


def _beginning(text: str) -> str:
    assert template().count(_BEGIN) == 1
    return template().replace(_BEGIN, text + _BEGIN)


TEMPLATES = {
    # The prompt begins the thoughts, or says that there are none.
    "opens": _ending(
        "{{- '<|im_start|>assistant\\n' }}" + _OFF + "{%- else %}{{- '<think>\\n' }}{%- endif %}{%- endif %}"
    ),
    # The model begins them itself.
    "may": _ending("{{- '<|im_start|>assistant\\n' }}" + _OFF + "{%- endif %}{%- endif %}"),
    # There always are some.
    "always": _ending("{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}"),
    # The prompt says any word.
    "says": _beginning("{{- '<|im_start|>system\\nReasoning: ' + (reasoning_effort or 'medium') + '<|im_end|>\\n' }}"),
    # The prompt knows some words.
    "knows": _beginning(
        "{%- if reasoning_effort == 'high' %}{{- '<|im_start|>system\\nHard.<|im_end|>\\n' }}{%- endif %}"
    ),
    # The prompt fails with the others.
    "demands": _beginning(
        "{%- set effort = reasoning_effort if reasoning_effort is defined else 'high' %}"
        "{%- if effort == 'high' %}{{- '<|im_start|>system\nHard.<|im_end|>\n' }}"
        "{%- elif effort != 'none' %}{{- raise_exception('unknown') }}{%- endif %}"
    ),
    "verbose": _beginning(
        "{%- if verbosity == 'low' %}{{- '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}{%- endif %}"
    ),
}


class Served:
    """A model with one of the templates, and a way to ask it."""

    def __init__(self, running: Supervision, path: Path) -> None:
        self._running = running
        self._file = model_file(path=path, context_length=CONTEXT)

    def use(self, use: Callable[[LlamaEngine], Awaitable[Any]]) -> Any:
        address = (self._running.socket, self._running.key)
        model = served_model(self._file).model
        engine = LlamaEngine(model, context_length=CONTEXT, address=lambda: address)

        async def run() -> Any:
            await engine.start()
            try:
                return await asyncio.wait_for(use(engine), PATIENCE)
            finally:
                await engine.close()

        return asyncio.run(run())

    def ask(self, **request: Any) -> Json:
        asked = {"messages": [{"role": "user", "content": "Hello!"}], "temperature": 0, **request}
        completion: Json = self.use(lambda engine: complete(engine, asked))
        return completion

    def refuses(self, **request: Any) -> str:
        with pytest.raises(UnsupportedParameter) as refused:
            self.ask(**request)
        return f"{refused.value.param}: {refused.value}"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Served]]:
    """Each of the templates' models, started when first asked for."""
    folder = tmp_path_factory.mktemp("models")
    served: dict[str, Served] = {}
    with contextlib.ExitStack() as running:

        def model(name: str) -> Served:
            if name not in served:
                path = with_template(folder / f"{name}.gguf", TEMPLATES[name])
                options = ChildOptions(model=str(path), context_length=CONTEXT, slots=1)
                served[name] = Served(running.enter_context(supervised(options)), path)
            return served[name]

        yield model


def _message(completion: Json) -> Json:
    message: Json = completion["choices"][0]["message"]
    return message


def _thoughts(completion: Json) -> int:
    count: int = completion["usage"]["completion_tokens_details"]["reasoning_tokens"]
    return count


Models = Callable[[str], Served]


@pytest.mark.parametrize("name", ["opens", "always"])
def test_an_effort_bounds_the_thoughts_to_a_share_of_the_context(models: Models, name: str) -> None:
    efforts = ("minimal", "low", "medium", "high", "xhigh")
    answers = {effort: models(name).ask(reasoning_effort=effort, max_tokens=450, **ENDLESS) for effort in efforts}
    # One token less than the share: the prompt's own line break is the first of the thoughts.
    assert [_thoughts(answer) for answer in answers.values()] == [7, 31, 127, 255, 383]
    for answer in answers.values():
        assert _message(answer)["reasoning_content"]
        assert _message(answer)["content"]
        assert answer["usage"]["completion_tokens"] == 450


def test_the_highest_effort_has_no_bound(models: Models) -> None:
    answer = models("opens").ask(reasoning_effort="max", max_tokens=450, **ENDLESS)
    assert _thoughts(answer) == 450
    assert _message(answer)["content"] == ""
    assert answer["choices"][0]["finish_reason"] == "length"


def test_without_an_effort_a_model_that_thinks_does_so_as_with_medium(models: Models) -> None:
    answers = [models("opens").ask(max_tokens=200, **ENDLESS, **more) for more in ({}, {"reasoning_effort": "medium"})]
    assert _thoughts(answers[0]) == 127
    assert answers[0]["choices"] == answers[1]["choices"]


@pytest.mark.parametrize("name", ["opens", "may"])
def test_with_no_effort_there_are_no_thoughts(models: Models, name: str) -> None:
    answer = models(name).ask(reasoning_effort="none")
    assert _thoughts(answer) == 0
    assert "reasoning_content" not in _message(answer)
    thinking = models(name).ask(reasoning_effort="high")
    assert answer["usage"]["prompt_tokens"] > thinking["usage"]["prompt_tokens"], "the prompt says so"


def test_a_model_that_always_thinks_refuses_not_to(models: Models) -> None:
    told = models("always").refuses(reasoning_effort="none")
    assert told.startswith("reasoning_effort: ")
    assert '"minimal" or "low"' in told
    assert '"none"' not in told


def test_thoughts_that_the_model_begins_itself_are_told_apart_and_bounded(models: Models) -> None:
    begins = {str(IDS["<think>"]): 100}  # the token that opens thoughts
    bias = {**ENDLESS["logit_bias"], **begins}
    answer = models("may").ask(reasoning_effort="minimal", max_tokens=20, logit_bias=bias)
    # The bound ends thoughts that would go on for ever.
    assert 0 < _thoughts(answer) <= 9
    assert _message(answer)["reasoning_content"]


def test_the_deltas_of_a_stream_tell_thoughts_first(models: Models) -> None:
    request = {"messages": [{"role": "user", "content": "Hello!"}], "reasoning_effort": "minimal", "temperature": 0}

    async def use(engine: LlamaEngine) -> list[Json]:
        return [piece async for piece in stream(engine, {**request, "max_tokens": 20, **ENDLESS})]

    pieces = models("opens").use(use)
    kinds = [name for piece in pieces for choice in piece["choices"] for name in choice["delta"]]
    assert kinds == sorted(kinds, reverse=True)
    assert set(kinds) == {"reasoning_content", "content"}
    assert pieces[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] == kinds.count("reasoning_content") == 7


def test_log_probabilities_are_those_of_the_answer_alone(models: Models) -> None:
    for more in ({}, {"stop": ["Nowhere in it"]}):
        answer = models("opens").ask(reasoning_effort="minimal", logprobs=True, max_tokens=30, **ENDLESS, **more)
        (choice,) = answer["choices"]
        assert "".join(entry["token"] for entry in choice["logprobs"]["content"]) == choice["message"]["content"]
        assert len(choice["logprobs"]["content"]) == 30 - 7 - 1


def test_a_model_may_think_before_it_chooses_a_tool(models: Models) -> None:
    tools = {**TOOL, "tool_choice": "auto"}
    answer = models("opens").ask(reasoning_effort="minimal", max_tokens=40, **tools, **ENDLESS)
    assert _message(answer)["reasoning_content"]
    assert _thoughts(answer) == 7


@pytest.mark.parametrize(
    ("name", "anyway"), [("opens", {"verbosity": "medium"}), ("verbose", {"reasoning_effort": "none"})]
)
def test_a_model_may_be_asked_for_what_it_does_anyway(models: Models, name: str, anyway: Json) -> None:
    plain, asked = models(name).ask(max_tokens=5), models(name).ask(max_tokens=5, **anyway)
    assert plain["choices"] == asked["choices"]


SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 10, "maximum": 99}},
    "required": ["age"],
    "additionalProperties": False,
}
FORM = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}}
TOOL = {
    "tools": [{"type": "function", "function": {"name": "greet", "parameters": SCHEMA}}],
    "tool_choice": "required",
}


@pytest.mark.parametrize("name", ["opens", "may", "always"])
def test_an_answer_in_a_format_comes_after_the_thoughts_that_were_asked_for(models: Models, name: str) -> None:
    answer = models(name).ask(reasoning_effort="minimal", **FORM)
    assert _thoughts(answer) > 0
    assert _message(answer)["reasoning_content"]
    assert 10 <= json.loads(_message(answer)["content"])["age"] <= 99
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("name", ["opens", "may"])
def test_a_call_that_must_be_comes_after_the_thoughts_that_were_asked_for(models: Models, name: str) -> None:
    answer = models(name).ask(reasoning_effort="minimal", **TOOL)
    assert _message(answer)["reasoning_content"]
    (call,) = _message(answer)["tool_calls"]
    assert 10 <= json.loads(call["function"]["arguments"])["age"] <= 99
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("opens", {}),
        ("opens", {"reasoning_effort": "none"}),
        ("may", {}),
        ("may", {"reasoning_effort": "none"}),
        ("says", {}),
        ("knows", {}),
    ],
)
def test_an_answer_in_a_format_has_no_thoughts_unless_asked_for(models: Models, name: str, more: Json) -> None:
    answer = models(name).ask(**FORM, **more)
    assert "reasoning_content" not in _message(answer)
    assert json.loads(_message(answer)["content"])["age"]


def test_a_model_that_always_thinks_does_so_before_an_answer_in_a_format(models: Models) -> None:
    answer = models("always").ask(**FORM)
    assert _message(answer)["reasoning_content"]
    assert json.loads(_message(answer)["content"])["age"]


def test_thoughts_of_past_answers_reach_the_template(models: Models) -> None:
    said = {"role": "assistant", "content": "Hi!"}
    messages = [{"role": "user", "content": "Hello!"}, said, {"role": "user", "content": "Hello again!"}]
    plain = models("opens").ask(messages=messages, max_tokens=0)["usage"]["prompt_tokens"]
    said["reasoning_content"] = "They greet me, so I shall greet them."
    assert models("opens").ask(messages=messages, max_tokens=0)["usage"]["prompt_tokens"] > plain


def test_what_cannot_think_before_an_answer_in_a_format_says_so(models: Models) -> None:
    assert "'response_format'" in models("says").refuses(reasoning_effort="high", **FORM)
    assert "'tool_choice'" in models("says").refuses(reasoning_effort="high", **TOOL)


def test_an_effort_is_a_word_of_the_prompt_where_the_template_says_it(models: Models) -> None:
    model = models("says")
    lengths = {
        effort: model.ask(reasoning_effort=effort, max_tokens=0)["usage"]["prompt_tokens"]
        for effort in ("low", "medium", "high")
    }
    assert model.ask(max_tokens=0)["usage"]["prompt_tokens"] == lengths["medium"]
    answers = {
        str(model.ask(reasoning_effort=effort, max_tokens=20, logprobs=True, **ENDLESS)["choices"])
        for effort in lengths
    }
    assert len(answers) > 1, "another prompt, other probabilities"
    assert model.refuses(reasoning_effort="none").startswith("reasoning_effort: ")


def test_an_effort_that_the_template_does_not_know_is_refused(models: Models) -> None:
    model = models("knows")
    plain, medium, high = (
        model.ask(max_tokens=0, **more)["usage"]["prompt_tokens"]
        for more in ({}, {"reasoning_effort": "medium"}, {"reasoning_effort": "high"})
    )
    assert high > plain == medium
    told = model.refuses(reasoning_effort="low")
    assert told.startswith("reasoning_effort: ")
    assert '"medium" or "high"' in told


def test_an_effort_with_which_the_template_fails_is_refused(models: Models) -> None:
    model = models("demands")
    plain, none, high = (
        model.ask(max_tokens=0, **more)["usage"]["prompt_tokens"]
        for more in ({}, {"reasoning_effort": "none"}, {"reasoning_effort": "high"})
    )
    assert none < plain == high, "the template's own default"
    assert '"none" or "high"' in model.refuses(reasoning_effort="medium")


def test_verbosity_is_told_to_the_model_where_the_template_knows_it(models: Models) -> None:
    model = models("verbose")
    plain, medium, low = (
        model.ask(max_tokens=0, **more)["usage"]["prompt_tokens"]
        for more in ({}, {"verbosity": "medium"}, {"verbosity": "low"})
    )
    assert low > plain == medium
    told = model.refuses(verbosity="high")
    assert told.startswith("verbosity: ")
    assert '"low" or "medium"' in told


def test_a_client_gets_thoughts_beside_the_answer(tmp_path: Path) -> None:
    path = with_template(tmp_path / "thinker.gguf", TEMPLATES["opens"])
    with serve("llama", {"PARLEY_MODEL": str(path), "PARLEY_MODEL_CONTEXT": str(CONTEXT)}) as server:
        client = openai.OpenAI(base_url=server.base, api_key=server.key, max_retries=0)
        asked: Any = {
            "model": "thinker",
            "messages": [{"role": "user", "content": "Hello!"}],
            "reasoning_effort": "minimal",
            "temperature": 0,
            "max_completion_tokens": 20,
            **ENDLESS,
        }
        whole = client.chat.completions.create(**asked)
        (choice,) = whole.choices
        assert whole.usage is not None
        assert whole.usage.completion_tokens_details is not None
        assert whole.usage.completion_tokens_details.reasoning_tokens == 7
        deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(**asked, stream=True)]
        thoughts = "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas)
        assert thoughts == (choice.message.model_extra or {})["reasoning_content"] != ""
        assert "".join(delta.content or "" for delta in deltas) == choice.message.content
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(**{**asked, "verbosity": "high"})
        assert refused.value.param == "verbosity"
