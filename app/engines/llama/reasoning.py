"""How much a model thinks (``reasoning_effort``) and how much it says (``verbosity``), as far as its template supports.

The supported words are detected in the prompts that llama.cpp renders with the template: a supported word gives a
different prompt than an unknown word. If a template can only switch thinking on or off, the effort limits the length
of the thoughts to a share of the context. The same limit applies to thoughts before a constrained answer.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import ServerError, UnsupportedParameter
from ...jsontypes import Json
from .frames import Frame, Render, find_frame, usual_frames

EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
VERBOSITIES = ("low", "medium", "high")

# The API's default, for a request without an effort.
_DEFAULT = "medium"

# The share of the context that thoughts may take; the last effort, max, has no limit.
_SHARES = {"minimal": 1 / 64, "low": 1 / 16, "medium": 1 / 4, "high": 1 / 2, "xhigh": 3 / 4}

_NO_WORD = "none-of-them"
_MESSAGES = [{"role": "user", "content": "a"}]
_ON: Json = {"enable_thinking": True, "thinking": True}
_OFF: Json = {"enable_thinking": False, "thinking": False}
_NONE: Json = {**_OFF, "reasoning_effort": "none"}

# llama.cpp's answer to a request.
Answer = Callable[[Json], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The reasoning options of a model.

    ``efforts`` and ``verbosities`` are words that its template supports. ``can_stop``: thinking can be switched off;
    ``bounded``: llama.cpp separates the thoughts from the answer and can end them; ``opened``: the prompt ends with the
    opening of the thoughts. ``frame`` is the text around its answers; None: it was not determined.
    """

    efforts: frozenset[str] = frozenset()
    verbosities: frozenset[str] = frozenset()
    can_stop: bool = False
    switch: bool = False
    bounded: bool = False
    opened: bool = False
    frame: Frame | None = None

    def unsupported(self, request: Json, bound: str | None) -> Iterator[UnsupportedParameter]:
        """Yield an error for each of a request's effort and verbosity that the model does not support. ``bound`` is as
        for `payload`."""
        effort, verbosity = request.get("reasoning_effort"), request.get("verbosity")
        if verbosity is not None and verbosity not in self.verbosities:
            yield _refuse("verbosity", _known(VERBOSITIES, self.verbosities))
        if effort is None:
            return
        if effort != "none" and bound is not None and not self._knows_thoughts:
            yield _refuse("reasoning_effort", ["none"] if self.can_stop else [], f" together with '{bound}'")
        elif not (self.can_stop if effort == "none" else effort in self.efforts if self.efforts else self.bounded):
            yield _refuse("reasoning_effort", self._accepted())

    def payload(self, request: Json, *, context_length: int, bound: str | None) -> Json:
        """Return the fields of llama.cpp's request for a request's effort and verbosity, which must be supported.

        ``bound`` is the parameter because of which the answer follows a grammar, None without a grammar. With a
        grammar, a model whose thinking can be switched off thinks only if the request asks for it.
        """
        effort, verbosity = request.get("reasoning_effort"), request.get("verbosity")
        words: Json = {} if verbosity is None else {"verbosity": verbosity}
        if effort == "none" or (bound is not None and not self.thinks(request)):
            told = _NONE if self.can_stop and not self.switch else _OFF
            # If the prompt says that there are no thoughts, llama.cpp must parse it together with the answer.
            form = {} if self.switch or self.opened else {"reasoning_format": "none"}
            return {"chat_template_kwargs": {**words, **told}, **form}
        if self.efforts:
            if effort is None:  # the template has its own default
                return {"chat_template_kwargs": {**words, **({} if bound is None else _ON)}}
            return {"chat_template_kwargs": {**words, **_ON}, "reasoning_effort": effort}
        if bound is not None:
            return {"chat_template_kwargs": {**words, **_ON}}
        if not self.bounded:
            return {"chat_template_kwargs": words}
        share = _SHARES.get(effort or _DEFAULT)
        # For llama.cpp, 0 means no limit.
        bounds = {} if share is None else {"thinking_budget_tokens": max(1, int(context_length * share))}
        return {"chat_template_kwargs": {**words, **_ON}, **bounds}

    @property
    def _knows_thoughts(self) -> bool:
        return self.frame is not None and self.frame.thinks

    def thinks(self, request: Json) -> bool:
        """Return whether a constrained answer has thoughts before it."""
        effort = request.get("reasoning_effort")
        return self._knows_thoughts and effort != "none" and (effort is not None or not self.can_stop)

    def budget(self, request: Json, context_length: int, limit: int) -> int:
        """Return how many tokens thoughts may take before a constrained answer. Thoughts and answer together have at
        most ``limit`` tokens; thoughts get at most half of that, so that there is room for the answer."""
        if not self.thinks(request):
            return 0
        share = _SHARES.get(request.get("reasoning_effort") or _DEFAULT, _SHARES["xhigh"])
        return min(int(context_length * share), limit // 2)

    def _accepted(self) -> list[str]:
        efforts = _known(EFFORTS, self.efforts or (EFFORTS if self.bounded else ()))
        return ["none", *efforts] if self.can_stop else efforts


async def find_out(render: Render, answer: Answer) -> Reasoning:
    """Return the reasoning options of the model behind ``render`` and ``answer``."""

    async def prompt(**more: Any) -> str | None:
        return await render({"messages": _MESSAGES, **more})

    plain = await prompt()
    on, off = await prompt(chat_template_kwargs=_ON), await prompt(chat_template_kwargs=_OFF)
    nothing = await prompt(chat_template_kwargs=_ON, reasoning_effort=_NO_WORD)
    prompts = {word: await prompt(chat_template_kwargs=_ON, reasoning_effort=word) for word in EFFORTS}
    efforts = _words(prompts, nothing, on)
    switch = on is not None and off is not None and on != off
    # A template that renders any word as it is does not support "none".
    silent = await prompt(chat_template_kwargs=_NONE)
    selective = bool(efforts) and nothing in (None, plain)
    kwargs = {word: await prompt(chat_template_kwargs={"verbosity": word}) for word in VERBOSITIES}
    no_verbosity = await prompt(chat_template_kwargs={"verbosity": _NO_WORD})
    frame = await find_frame(render, _ON, _OFF if switch else {})
    bounded = frame.thinks and await _is_bounded(answer, frame, on or "")
    if not frame.thinks:
        # llama.cpp may know a frame that the template does not show.
        for usual in usual_frames(frame.lead):
            if await _is_bounded(answer, usual, on or ""):
                frame, bounded = usual, True
                break
    opened = on is not None and frame.thinks and frame.open(on) == on
    return Reasoning(
        efforts=efforts,
        verbosities=_words(kwargs, no_verbosity, plain),
        can_stop=switch or (selective and silent is not None and silent != nothing),
        switch=switch,
        bounded=bounded,
        opened=opened,
        frame=frame,
    )


def _words(prompts: dict[str, str | None], nothing: str | None, plain: str | None) -> frozenset[str]:
    """Return the words that a template supports, judging by their prompts. The default word is supported if any word
    is, and its prompt is the plain one."""
    known = {word for word, prompt in prompts.items() if prompt is not None and prompt != nothing}
    if known and prompts[_DEFAULT] is not None and prompts[_DEFAULT] == plain:
        known.add(_DEFAULT)
    return frozenset(known)


async def _is_bounded(answer: Answer, frame: Frame, prompt: str) -> bool:
    """Return whether llama.cpp separates the thoughts of a frame from the answer."""
    text = f"{frame.open(prompt)[len(prompt) :]}a"
    asked = {"messages": _MESSAGES, "chat_template_kwargs": _ON, "max_tokens": len(text.encode())}
    try:
        told = await answer({**asked, "grammar": f"root ::= {json.dumps(text)}"})
    except ServerError:  # llama.cpp cannot parse such an answer at all
        return False
    choices = told.get("choices") or [{}]
    return bool((choices[0].get("message") or {}).get("reasoning_content"))


def _known(words: Iterable[str], known: Iterable[str]) -> list[str]:
    return [word for word in words if word in set(known)]


def _refuse(param: str, accepted: list[str], where: str = "") -> UnsupportedParameter:
    also = " or send " + " or ".join(f'"{word}"' for word in accepted) if accepted else ""
    return UnsupportedParameter(
        f"Unsupported parameter: this model cannot do what '{param}' asks for{where}. Leave it out{also}.", param=param
    )
