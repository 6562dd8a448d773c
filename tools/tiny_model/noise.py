"""How people type: politeness around a question, small letters, no full stop, slips of the finger."""

from __future__ import annotations

from random import Random

_BEFORE = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "Please ",
    "Hey, ",
    "Hi, ",
    "ok, ",
    "so ",
    "Hello, ",
    "um ",
    "well, ",
    "Quick question: ",
)
_AFTER = ("", "", "", "", "", "", "", " please", " thanks", ", please", " pls", " then", " here", " for me")
_SHORT = {"you": "u", "are": "r", "please": "pls", "what is": "what's", "how do i": "how 2", "thanks": "thx"}


def typed(rng: Random, frame: str, *values: str, polite: bool = True) -> str:
    """A frame as somebody might type it; ``values`` fill its ``{}`` and are never changed."""
    parts = frame.split("{}")
    assert len(parts) == len(values) + 1, frame
    if polite and rng.random() < 0.25:
        before = rng.choice(_BEFORE)
        parts[0] = before + (parts[0][:1].lower() + parts[0][1:] if before else parts[0])
    if polite and rng.random() < 0.2:
        body = parts[-1].rstrip("?.!")
        parts[-1] = body + rng.choice(_AFTER) + parts[-1][len(body) :]
    draw = rng.random()
    if draw < 0.3:
        parts = [part.lower() for part in parts]
    if rng.random() < 0.3:
        parts[-1] = parts[-1].rstrip("?.!")
    if rng.random() < 0.08:
        parts = [_shortened(part) for part in parts]
    if rng.random() < 0.2:
        at = rng.randrange(len(parts))
        parts[at] = _slip(rng, parts[at])
    text = parts[0]
    for value, part in zip(values, parts[1:], strict=True):
        text += value + part
    return text.strip() or frame


def _shortened(text: str) -> str:
    for long, short in _SHORT.items():
        text = text.replace(long, short)
    return text


def _slip(rng: Random, text: str) -> str:
    """The text with one letter of one longer word left out, doubled, swapped with the next one, or another."""
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not long:
        return text
    at = rng.choice(long)
    word = words[at]
    spot = rng.randrange(1, len(word) - 1)
    words[at] = rng.choice(
        (
            word[:spot] + word[spot + 1 :],
            word[:spot] + word[spot] + word[spot:],
            word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :],
            word[:spot] + rng.choice("aeioursntl") + word[spot + 1 :],
        )
    )
    return " ".join(words)
