"""What stands around an answer in the texts that a model has learned: before its thoughts, after them, and before its
words.

An answer that is bound from its first token on is not read by llama.cpp's parser, which knows its template's marks and
none of our grammars: its prompt is written out up to the place where the answer begins. What is to be written shows in
how the template renders an answer of the past.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from ...jsontypes import Json
from ...model_process.template import CLOSINGS

# The prompt that llama.cpp makes of a request, None where it cannot.
Render = Callable[[Json], Awaitable[str | None]]

_USER: Json = {"role": "user", "content": "a"}
_WORDS, _THOUGHTS = "xWORDSx", "xTHOUGHTSx"
# Marks are short; what is longer is something else.
_LONGEST = 100
_MARK = re.compile(r"<[^<>\s]+>|\[[^\[\]\s][^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class Frame:
    """``lead`` is what follows the prompt before an answer without thoughts. Thoughts follow ``opening``, end at
    ``closing``, and the answer follows ``after``, which begins with the closing. Without an opening there are none."""

    lead: str = ""
    opening: str | None = None
    closing: str = ""
    after: str = ""

    @property
    def thinks(self) -> bool:
        """Whether it is known how thoughts begin and end."""
        return self.opening is not None

    def open(self, prompt: str) -> str:
        """A prompt that ends where thoughts begin."""
        opening = self.opening or ""
        return prompt if opening.strip() and prompt.rstrip().endswith(opening.strip()) else prompt + opening


async def find_frame(render: Render, on: Json, off: Json) -> Frame:
    """The frame of a model's answers. ``on`` and ``off`` are what its template is given to have it think, or not."""

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
    # Many templates leave the thoughts of the past out.
    known = (frame for frame in usual_frames(lead or "") if frame.open(prompt) == prompt)
    return next(known, Frame(lead or ""))


def usual_frames(lead: str) -> Iterator[Frame]:
    """The frames of models by the marks between which they think."""
    for begin, end in CLOSINGS.items():
        yield Frame(lead, begin, end, f"{end}\n\n" if begin == "<think>" else end)


def _between(prompt: str, past: str, mark: str) -> str | None:
    """What the past has between a prompt and a mark, None where it cannot be told."""
    begin, found, _ = past.partition(mark)
    common = next((at for at, (one, other) in enumerate(zip(prompt, begin, strict=False)) if one != other), None)
    if common is None:
        common = min(len(prompt), len(begin))
    # What a prompt may have beyond the past are the marks of thoughts that it opens, or has none of.
    rest, between = prompt[common:], begin[common:]
    if not found or rest.strip() or len(between) > _LONGEST:
        return None
    return between
