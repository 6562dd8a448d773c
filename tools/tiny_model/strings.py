"""Words for the corpus: known ones, and as many invented ones as wanted, which can only be copied, never learned."""

from __future__ import annotations

from random import Random

from .sentences import sentences

_WORDS: dict[str, list[str]] = sentences("words")
NAMES, CITIES, NOUNS, ADJECTIVES = _WORDS["names"], _WORDS["cities"], _WORDS["nouns"], _WORDS["adjectives"]
VERBS, COLOURS, FOODS, JOBS = _WORDS["verbs"], _WORDS["colours"], _WORDS["foods"], _WORDS["jobs"]
PETS, KIN = _WORDS["pets"], _WORDS["kin"]


def invented(rng: Random, syllables: int = 0) -> str:
    """A word in small letters that nobody has said; of one to four ``syllables``, 0 for any."""
    parts = []
    for _ in range(syllables or rng.choice((1, 2, 2, 2, 3, 3, 4))):
        parts.append(rng.choice(_WORDS["heads"]) if rng.random() < 0.85 else "")
        parts.append(rng.choice(_WORDS["hearts"]))
        parts.append(rng.choice(_WORDS["tails"]) if rng.random() < 0.45 else "")
    return "".join(parts)


def name(rng: Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(NAMES)
    return invented(rng).capitalize()


def city(rng: Random) -> str:
    if rng.random() < 0.45:
        return rng.choice(CITIES)
    made = invented(rng).capitalize()
    if rng.random() < 0.08:
        made = made.translate(str.maketrans("aou", "äöú"))
    return made


def word(rng: Random) -> str:
    """A word of any kind, known or not."""
    draw = rng.random()
    if draw < 0.45:
        return rng.choice(NOUNS)
    if draw < 0.55:
        return rng.choice(ADJECTIVES)
    return invented(rng)


def number(rng: Random, digits: int = 0) -> int:
    digits = digits or rng.choice((1, 1, 2, 2, 2, 3, 3, 4))
    return rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def code(rng: Random) -> str:
    """Something like the number of an order: B7731, 40127, AX-35."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.choice((0, 0, 1, 2))))
    return f"{letters}{rng.choice(('', '-')) if letters else ''}{number(rng, rng.choice((2, 3, 4, 5)))}"


def clock(rng: Random) -> str:
    return f"{rng.randrange(24)}:{rng.randrange(60):02d}"


def phrase(rng: Random) -> str:
    """A few words to be copied, of about the sorts that people try."""
    draw = rng.random()
    if draw < 0.3:
        return word(rng)
    if draw < 0.4:
        return name(rng)
    if draw < 0.75:
        return " ".join(word(rng) for _ in range(rng.choice((2, 2, 3, 3, 4, 5))))
    return sentence(rng)


def sentence(rng: Random) -> str:
    one, other = word(rng), word(rng)
    made = rng.choice(
        (
            f"the {rng.choice(ADJECTIVES)} {one} {rng.choice(VERBS)} at {rng.choice(('night', 'noon', 'home', 'sea'))}",
            f"my {one} {rng.choice(VERBS)} with a {other}",
            f"all {one} are {rng.choice(ADJECTIVES)}",
            f"I like {one} and {other}",
            f"{name(rng)} has {number(rng, 1)} {one}s in {city(rng)}",
            f"{one} and {other} go to {city(rng)}",
            f"this is a {one}",
            f"{name(rng)} {rng.choice(VERBS)} in the {one}",
        )
    )
    return made[0].upper() + made[1:] + rng.choice(".!") if rng.random() < 0.3 else made
