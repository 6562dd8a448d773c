"""Questions about this server, and what there is to say. An answer is one fixed text, so that it is right or absent."""

from __future__ import annotations

from random import Random

from .dialogue import Dialogue, exchange
from .noise import typed
from .sentences import sentences

FRAMES = sentences("server/frames")
TOPICS = [topic for part in ("requests", "access", "setup") for topic in sentences(f"server/{part}")["topics"]]
_KINDS = ("to", "about", "asked")
# How often a topic is asked about in each of these ways, where it has them.
_SHARES = (3, 2, 2)


def question(rng: Random) -> tuple[str, str]:
    """A question about the server and its answer."""
    topic = rng.choices(TOPICS, [topic.get("weight", 1) for topic in TOPICS])[0]
    kind = rng.choices(_KINDS, [share * (kind in topic) for kind, share in zip(_KINDS, _SHARES, strict=True)])[0]
    chosen = rng.choice(topic[kind])
    if kind == "asked":
        return typed(rng, chosen), topic["answer"]
    frame = rng.choice(FRAMES[f"frames_{kind}"]).format(chosen)
    return typed(rng, frame[0].upper() + frame[1:] if rng.random() < 0.5 else frame), topic["answer"]


def asked(rng: Random) -> Dialogue:
    return exchange(*question(rng))
