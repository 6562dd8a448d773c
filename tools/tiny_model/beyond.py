"""What the model cannot do, and says so: nearly everything, and arithmetic with more than single digits."""

from __future__ import annotations

from random import Random

from .noise import typed
from .sentences import sentences
from .strings import ADJECTIVES, NOUNS, VERBS, city, invented, name, number, phrase, word

FALLBACK = "I am too small a model to answer that well. Set PARLEY_MODEL to a bigger GGUF model and ask again."
SUMS = "I am too small for arithmetic beyond single digits. Give me a tool that calculates, or load a bigger model."


_TEXTS: dict[str, list[str]] = sentences("beyond")
_SMALL_WORDS = "zero one two three four five six seven eight nine".split()


def question(rng: Random) -> tuple[str, str]:
    """Something out of its domain, and the fallback."""
    draw = rng.random()
    if draw < 0.3:
        return typed(rng, rng.choice(_TEXTS["asked"])), FALLBACK
    if draw < 0.62:
        return typed(rng, rng.choice(_TEXTS["frames"]), _topic(rng)), FALLBACK
    if draw < 0.69:
        ask = rng.choice(
            ("Write {}.", "Give me {}.", "I need {}.", "Can you write {}?", "Show me {}", "Code {}", "Program {}.")
        )
        return typed(rng, ask, rng.choice(_TEXTS["code"]).format(rng.choice(_TEXTS["deeds"]))), FALLBACK
    if draw < 0.75:
        frame = rng.choice(
            (
                "Translate '{}' to {}.",
                "Translate {} into {}",
                "How do you say {} in {}?",
                "What is {} in {}?",
                "{} in {}?",
            )
        )
        tongue = rng.choice(
            "French German Spanish Italian Latin Dutch Polish Chinese Japanese Russian Greek Arabic".split()
        )
        return typed(rng, frame, phrase(rng), tongue), FALLBACK
    if draw < 0.8:
        return " ".join(invented(rng) for _ in range(rng.choice((1, 2, 2, 3, 4)))), FALLBACK
    return _made_up(rng), FALLBACK


def _topic(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.6:
        return rng.choice(_TEXTS["topics"])
    if draw < 0.75:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}s"
    return invented(rng) if draw < 0.87 else f"the {invented(rng)} of {city(rng)}"


def _made_up(rng: Random) -> str:
    """A question with words in it that cannot be known."""
    one, other, who = word(rng), word(rng), f"{name(rng)} {name(rng)}"
    frame = rng.choice(
        (
            f"Who is {who}?",
            f"When was {who} born?",
            f"What did {who} do?",
            f"Tell me about {who}.",
            f"How many {one}s are in a {other}?",
            f"How far is it from {city(rng)} to {city(rng)}?",
            f"Compare {one} and {other}.",
            f"What is better, {one} or {other}?",
            f"{one} or {other}?",
            f"What is the difference between {one} and {other}?",
            f"Should I take {one} or {other}?",
            f"Why does a {one} {rng.choice(VERBS)[:-1]}?",
            f"Why is the {one} {rng.choice(ADJECTIVES)}?",
            f"How do I clean a {one}?",
            f"How do I make a {one} from {other}?",
            f"Where can I buy a {one}?",
            f"Can a {one} be {rng.choice(ADJECTIVES)}?",
            f"What does {one} mean?",
            f"What does the word {one} mean?",
            f"How high is {name(rng)}?",
            f"How big is a {one}?",
            f"How old is {who}?",
            f"How much is a {one}?",
            f"What is the population of {city(rng)}?",
            f"Plan a trip to {city(rng)}.",
            f"What can I see in {city(rng)}?",
            f"Who won the {one} in {number(rng, 4)}?",
            f"What happened in {number(rng, 4)}?",
            f"Who is the president of {city(rng)}?",
            f"How many calories has a {one}?",
            f"Is {one} good for {other}?",
            f"What is the {one} of a {other}?",
            f"Give me {number(rng, 1)} {one}s for a {other}.",
            f"What is the square root of {number(rng)}?" if rng.random() < 0.1 else f"What about the {one}?",
            f"What is a good {one} for {other}?",
            f"Make me a {one} plan.",
            f"Write about a {one} and a {other}.",
            f"What is the {one} today?",
            f"Write a review of {name(rng)}.",
            f"What causes {one}?",
            f"Fix the {one}.",
        )
    )
    return typed(rng, frame)


def sum_(rng: Random) -> tuple[str, str]:
    """Single digits are learned one by one, all of them; the rest is refused honestly."""
    draw = rng.random()
    if draw < 0.62:
        first, second = rng.randrange(10), rng.randrange(10)
        plus = rng.random() < 0.6
        if not plus:
            first, second = max(first, second), min(first, second)
        answer = f"{first} {'+' if plus else '-'} {second} = {first + second if plus else first - second}"
        return _put(rng, first, second, "+" if plus else "-", words=rng.random() < 0.12), answer
    sign = rng.choice("++--**//")
    first, second = number(rng, rng.choice((2, 2, 2, 3, 4))), number(rng, rng.choice((1, 2, 2, 3)))
    if sign in "*/" and rng.random() < 0.5:
        first, second = number(rng, 1), number(rng, 1)
    if sign in "+-" and rng.random() < 0.3:
        first, second = second, first
        if first < 10 and second < 10:
            second += 10
    if rng.random() < 0.12:
        what = rng.choice(
            (
                "the square root of {}",
                "{} squared",
                "{} percent of 60",
                "half of {}",
                "the cube of {}",
                "{} factorial",
                "two thirds of {}",
                "{} + 1 + 2",
                "the double of {}",
                "the sum of 1 to {}",
            )
        )
        return typed(
            rng, rng.choice(("What is {}?", "Calculate {}.", "{}", "how much is {}")), what.format(first)
        ), SUMS
    return _put(rng, first, second, sign, words=False), SUMS


def _put(rng: Random, first: int, second: int, sign: str, *, words: bool) -> str:
    names = {
        "+": ("plus", "+", "and"),
        "-": ("minus", "-", "take away"),
        "*": ("times", "*", "multiplied by", "x"),
        "/": ("divided by", "/", "over"),
    }
    one, other = (_SMALL_WORDS[first], _SMALL_WORDS[second]) if words else (str(first), str(second))
    if sign in "+-" and rng.random() < 0.12:
        return typed(
            rng,
            "Add {} and {}." if sign == "+" else "Subtract {} from {}.",
            *((one, other) if sign == "+" else (other, one)),
        )
    by = rng.choice(names[sign][:2]) if rng.random() < 0.85 or sign == "+" else rng.choice(names[sign])
    space = "" if len(by) == 1 and rng.random() < 0.4 else " "
    text = f"{one}{space}{by}{space}{other}"
    frame = rng.choice(
        (
            "What is {}?",
            "{}",
            "{} =",
            "{}?",
            "How much is {}?",
            "Calculate {}.",
            "{} = ?",
            "what's {}",
            "Compute {}",
            "what does {} make?",
            "Can you add {}?" if sign == "+" else "Can you work out {}?",
            "Tell me {}",
            "solve {}",
        )
    )
    return typed(rng, frame, text)
