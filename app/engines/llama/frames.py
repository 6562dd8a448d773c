"""The text around an answer in the form that a model was trained on: before its thoughts, after them, and before its
words.

llama.cpp's parser knows the marks of the template but none of our grammars, so it does not read an answer that is
constrained from its first token. Instead, the prompt is rendered up to the place where the answer begins. The text to
add to the prompt is found by rendering a past answer with the template.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from ...jsontypes import Json
from ...model_process.template import CLOSINGS

# Returns the prompt that llama.cpp renders for a request, None if it cannot.
Render = Callable[[Json], Awaitable[str | None]]

_USER: Json = {"role": "user", "content": "a"}
_WORDS, _THOUGHTS = "xWORDSx", "xTHOUGHTSx"
# Marks are short; a longer text is something else.
_LONGEST = 100
_MARK = re.compile(r"<[^<>\s]+>|\[[^\[\]\s][^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class Frame:
    """``lead`` is the text between the prompt and an answer without thoughts. Thoughts follow ``opening`` and end at
    ``closing``; the answer follows ``after``, which begins with the closing. If ``opening`` is None, there are no
    thoughts."""

    lead: str = ""
    opening: str | None = None
    closing: str = ""
    after: str = ""

    @property
    def thinks(self) -> bool:
        """Return whether it is known how thoughts begin and end."""
        return self.opening is not None

    def open(self, prompt: str) -> str:
        """Return the prompt, extended up to the place where thoughts begin."""
        opening = self.opening or ""
        return prompt if opening.strip() and prompt.rstrip().endswith(opening.strip()) else prompt + opening


async def find_frame(render: Render, on: Json, off: Json) -> Frame:
    """Return the frame of a model's answers. ``on`` and ``off`` are the template's arguments for an answer with
    thoughts and for one without."""

    async def asked(kwargs: Json) -> str:
        return await render({"messages": [_USER], "chat_template_kwargs": kwargs}) or ""

    async def said(kwargs: Json, **more: str) -> str:
        answer = {"role": "assistant", "content": _WORDS, **more}
        ask = {"messages": [_USER, answer], "chat_template_kwargs": kwargs, "add_generation_prompt": False}
        return await render(ask) or ""

    lead = _between(await asked(off), await said(off), _WORDS)
    prompt, past = await asked(on), await said(on, reasoning_content=_THOUGHTS)
    opening = _between(prompt, past, _THOUGHTS)
    after = past.partition(_THOUGHTS)[2].partition(_WORDS)
    closing = _MARK.search(after[0])
    if opening is not None and closing is not None and after[1]:
        return Frame(lead or "", opening, closing[0], after[0])
    # Many templates omit the thoughts of past answers.
    known = (frame for frame in usual_frames(lead or "") if frame.open(prompt) == prompt)
    return next(known, Frame(lead or ""))


def usual_frames(lead: str) -> Iterator[Frame]:
    """Yield the frames that models use, one for each known pair of marks around thoughts."""
    for begin, end in CLOSINGS.items():
        yield Frame(lead, begin, end, f"{end}\n\n" if begin == "<think>" else end)


def _between(prompt: str, past: str, mark: str) -> str | None:
    """Return the text between a prompt and a mark in a rendered past answer, None if it cannot be determined."""
    begin, found, _ = past.partition(mark)
    common = next((at for at, (one, other) in enumerate(zip(prompt, begin, strict=False)) if one != other), None)
    if common is None:
        common = min(len(prompt), len(begin))
    # A prompt may have text that the past answer lacks: marks that open thoughts, or marks of empty thoughts.
    rest, between = prompt[common:], begin[common:]
    if not found or rest.strip() or len(between) > _LONGEST:
        return None
    return between
