"""How much a model thinks (``reasoning_effort``) and how much it says (``verbosity``), as far as its template knows.

Which words a template knows shows in the prompts that llama.cpp makes with it: a word that is known makes another
prompt than one that nobody knows. Where a template can only be told to think or not to, the effort is a bound on the
thoughts, a share of the context; and so it is where an answer that is bound follows thoughts.
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

# The API's, for a request that names none.
_DEFAULT = "medium"

# The share of the context that thoughts may take; no bound for the last.
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
    """What a model can be told about thinking.

    ``efforts`` and ``verbosities`` are words that its template knows. ``can_stop``: it can be told not to think;
    ``bounded``: llama.cpp tells its thoughts apart and can end them; ``opened``: the prompt begins them. ``frame`` is
    what stands around its answers; None: nobody has looked.
    """

    efforts: frozenset[str] = frozenset()
    verbosities: frozenset[str] = frozenset()
    can_stop: bool = False
    switch: bool = False
    bounded: bool = False
    opened: bool = False
    frame: Frame | None = None

    def unsupported(self, request: Json, bound: str | None) -> Iterator[UnsupportedParameter]:
        """An error for each of a request's effort and verbosity that the model cannot be told. ``bound`` is as for
        `payload`."""
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
        """What llama.cpp is told of a request's effort and verbosity, which are supported.

        ``bound`` is the parameter for which the answer follows a grammar, None without one: with one, a model that can
        do without thinks only when asked to.
        """
        effort, verbosity = request.get("reasoning_effort"), request.get("verbosity")
        words: Json = {} if verbosity is None else {"verbosity": verbosity}
        if effort == "none" or (bound is not None and not self.thinks(request)):
            told = _NONE if self.can_stop and not self.switch else _OFF
            # Where the prompt says that there are no thoughts, llama.cpp must read it with the answer.
            form = {} if self.switch or self.opened else {"reasoning_format": "none"}
            return {"chat_template_kwargs": {**words, **told}, **form}
        if self.efforts:
            if effort is None:  # the template has a default of its own
                return {"chat_template_kwargs": {**words, **({} if bound is None else _ON)}}
            return {"chat_template_kwargs": {**words, **_ON}, "reasoning_effort": effort}
        if bound is not None:
            return {"chat_template_kwargs": {**words, **_ON}}
        if not self.bounded:
            return {"chat_template_kwargs": words}
        share = _SHARES.get(effort or _DEFAULT)
        # llama.cpp takes 0 for no bound.
        bounds = {} if share is None else {"thinking_budget_tokens": max(1, int(context_length * share))}
        return {"chat_template_kwargs": {**words, **_ON}, **bounds}

    @property
    def _knows_thoughts(self) -> bool:
        return self.frame is not None and self.frame.thinks

    def thinks(self, request: Json) -> bool:
        """Whether an answer that is bound has thoughts before it."""
        effort = request.get("reasoning_effort")
        return self._knows_thoughts and effort != "none" and (effort is not None or not self.can_stop)

    def budget(self, request: Json, context_length: int, limit: int) -> int:
        """How many tokens thoughts may take before an answer that is bound, thoughts and answer together at most
        ``limit``: half of that at most, so that there is room for an answer."""
        if not self.thinks(request):
            return 0
        share = _SHARES.get(request.get("reasoning_effort") or _DEFAULT, _SHARES["xhigh"])
        return min(int(context_length * share), limit // 2)

    def _accepted(self) -> list[str]:
        efforts = _known(EFFORTS, self.efforts or (EFFORTS if self.bounded else ()))
        return ["none", *efforts] if self.can_stop else efforts


async def find_out(render: Render, answer: Answer) -> Reasoning:
    """What can be told to the model behind llama.cpp's ways to render a prompt and to answer one."""

    async def prompt(**more: Any) -> str | None:
        return await render({"messages": _MESSAGES, **more})

    plain = await prompt()
    on, off = await prompt(chat_template_kwargs=_ON), await prompt(chat_template_kwargs=_OFF)
    nothing = await prompt(chat_template_kwargs=_ON, reasoning_effort=_NO_WORD)
    prompts = {word: await prompt(chat_template_kwargs=_ON, reasoning_effort=word) for word in EFFORTS}
    efforts = _words(prompts, nothing, on)
    switch = on is not None and off is not None and on != off
    # A template that writes whatever word it is given knows no "none".
    silent = await prompt(chat_template_kwargs=_NONE)
    selective = bool(efforts) and nothing in (None, plain)
    kwargs = {word: await prompt(chat_template_kwargs={"verbosity": word}) for word in VERBOSITIES}
    no_verbosity = await prompt(chat_template_kwargs={"verbosity": _NO_WORD})
    frame = await find_frame(render, _ON, _OFF if switch else {})
    bounded = frame.thinks and await _is_bounded(answer, frame, on or "")
    if not frame.thinks:
        # What the template does not show llama.cpp may know all the same.
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
    """The words that a template knows, by their prompts; the default is known if any is and it changes nothing."""
    known = {word for word, prompt in prompts.items() if prompt is not None and prompt != nothing}
    if known and prompts[_DEFAULT] is not None and prompts[_DEFAULT] == plain:
        known.add(_DEFAULT)
    return frozenset(known)


async def _is_bounded(answer: Answer, frame: Frame, prompt: str) -> bool:
    """Whether llama.cpp tells the thoughts of a frame apart from the answer."""
    text = f"{frame.open(prompt)[len(prompt) :]}a"
    asked = {"messages": _MESSAGES, "chat_template_kwargs": _ON, "max_tokens": len(text.encode())}
    try:
        told = await answer({**asked, "grammar": f"root ::= {json.dumps(text)}"})
    except ServerError:  # it cannot read such an answer at all
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
