"""The domain of text completions: like the chat domain, with prompts instead of conversations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, cast

from ..accounts import Account
from ..chat import choices
from ..chat.call import Call
from ..chat.combinations import refuse_options_of_no_stream
from ..chat.service import Chat
from ..chat.token_lists import listed, narrowed, refuse_tokens
from ..engines.base import Completion, Delta, Deltas, Model, Plan, StreamItem, TextEngine, Usage, usage_of
from ..errors import BadRequest
from ..jsontypes import Json
from .answers import TextWriter, text_completion
from .best import best
from .parameters import TEXT, able

# The default maximum of tokens for a choice.
_USUAL_TOKENS = 16


class Completions(Chat):
    """As `Chat`, for text completions. In a call's request ``prompt`` is a list, and the engine gets a separate request
    for each item; ``best`` says how many of the choices are returned. What of ``echo`` and ``best_of`` the engine need
    not know is implemented here."""

    table = TEXT
    writer = TextWriter

    def _check(self, body: Json) -> None:
        refuse_options_of_no_stream(body)
        n, made = body.get("n", 1), body.get("best_of")
        if made is None:
            return
        if made < n:
            raise BadRequest(
                "Invalid value for 'best_of': the best 'n' of this many choices are returned: send at least 'n'.",
                param="best_of",
                code="invalid_value",
            )
        if made > n and body.get("stream"):
            raise BadRequest(
                "Invalid value for 'best_of': the best choices are known only when all are finished, so it cannot be "
                "combined with 'stream'. Leave one of them out.",
                param="best_of",
                code="invalid_value",
            )
        if made > n and body.get("echo") and body.get("logprobs") is not None:
            raise BadRequest(
                "Invalid value for 'best_of': it cannot be combined with the log probabilities of a prompt, which "
                "'echo' and 'logprobs' together ask for.",
                param="best_of",
                code="invalid_value",
            )

    def _call(self, model: Model, body: Json, account: Account, log: Json) -> Call:
        if body.get("best_of") == body.get("n", 1):
            # All choices that are generated are returned, so best_of has no effect.
            body = {name: value for name, value in body.items() if name != "best_of"}
        return super()._call(narrowed(model, body, able), body, account, log)

    def _complete_request(self, request: Json, model: Model, client: str | None) -> int:
        refuse_tokens("prompt", request["prompt"], model)
        prompts = request["prompt"] = listed(request["prompt"])
        request.setdefault("max_tokens", _USUAL_TOKENS)
        given = request.get("n", 1)
        made: int = request.pop("best_of", given)
        if made > given:
            request["n"] = made
            request["best"] = given
        total = len(prompts) * made
        if len(prompts) > 1:
            self.limits.check_choices(total, "prompt", "array_above_max_length")
        else:
            self.limits.check_choices(total, "n" if made == given else "best_of")
        each = min(request["max_tokens"], model.context_length)
        self.limits.check_tokens(total, each, "max_tokens", "ask for fewer choices, or for shorter ones")
        return total

    async def _answer(self, call: Call) -> Completion:
        prompts, plans = call.request["prompt"], await self._plans(call)
        n = call.n // len(prompts)
        asked = [plan.complete() if _asks_once(call, n) else choices.complete(plan, n) for plan in plans]
        answers = await choices.together(asked)
        given = call.request.get("best")
        for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            if given is not None:
                answer.choices = best(answer.choices, given)
            for choice in answer.choices:
                choice.index += number * (given or n)
                if "logprobs" not in call.request:
                    choice.logprobs = None  # requested by us, not by the client
                if _echoes(call.request, prompt):
                    choice.message["content"] = prompt + (choice.message.get("content") or "")
        usages = [answer.facts.pop("usage", None) for answer in answers]
        facts = answers[0].facts
        if all(usages):
            facts["usage"] = _sum(cast(list[Usage], usages))
        return Completion([choice for answer in answers for choice in answer.choices], facts)

    def _told(self, answer: Completion, call: Call) -> Json:
        return text_completion(answer, call.model)

    async def _deltas(self, call: Call) -> Deltas:
        plans = await self._plans(call)
        n = call.n // len(plans)
        counts = call.option("continuous_usage_stats")
        streams = [plan.stream() if _asks_once(call, n) else choices.stream(plan, n, counts=counts) for plan in plans]
        return _in_one(streams, call.request, n)

    async def _plans(self, call: Call) -> list[Plan]:
        engine = cast(TextEngine, self.engine)
        return [
            await engine.prepare_text(_of_engine(call.request, prompt), call.refuse, call.client)
            for prompt in call.request["prompt"]
        ]


def _asks_once(call: Call, n: int) -> bool:
    return n == 1 or call.model.makes_choices


def _of_engine(request: Json, prompt: Any) -> Json:
    """The engine's request for one of the prompts."""
    made = {name: value for name, value in request.items() if name != "best"}
    made["prompt"] = prompt
    if "best" in request:
        made.setdefault("logprobs", 0)
    if _echoes(request, prompt) or not request.get("echo"):
        made.pop("echo", None)
    return made


def _echoes(request: Json, prompt: Any) -> bool:
    """Whether the prompt is prepended to an answer here: its text is known and its log probabilities are not
    requested."""
    return bool(request.get("echo")) and isinstance(prompt, str) and request.get("logprobs") is None


async def _in_one(streams: Sequence[Deltas], request: Json, n: int) -> Deltas:
    """Merge the streams of all prompts into one. Each prompt has ``n`` choices."""
    usages: dict[int, Usage] = {}
    begun: set[int] = set()
    counts = bool(request.get("stream_options", {}).get("continuous_usage_stats"))
    async with aclosing(choices.merged(streams)) as items:
        async for number, item in items:
            if isinstance(item, Delta):
                item.index += number * n
                if "logprobs" not in request:
                    item.logprobs = None  # not requested by the client
                if item.index not in begun:
                    begun.add(item.index)
                    prompt = request["prompt"][number]
                    if _echoes(request, prompt):
                        yield Delta(item.index, {"content": prompt})
                yield item
                continue
            if "usage" in item:
                usages[number] = item.pop("usage")
                if counts and len(usages) == len(streams):
                    yield _usage(usages)
            if item:
                yield item
    if len(usages) == len(streams):
        yield _usage(usages)


def _usage(usages: dict[int, Usage]) -> StreamItem:
    return {"usage": _sum([usages[number] for number in sorted(usages)])}


def _sum(usages: list[Usage]) -> Usage:
    """The total usage of all prompts."""
    if len(usages) == 1:
        return usages[0]
    return usage_of(
        sum(usage["prompt_tokens"] for usage in usages),
        sum(usage["completion_tokens"] for usage in usages),
        cached=sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages),
        reasoning=sum(usage["completion_tokens_details"]["reasoning_tokens"] for usage in usages),
    )
