"""What the model cannot do, and says so: nearly everything, and arithmetic with more than single digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from .noise import typed
from .sentences import sentences
from .strings import ADJECTIVES, NAMES, NOUNS, VERBS, city, invented, name, number, phrase, word

FALLBACK = "I am too small a model to answer that well. Set PARLEY_MODEL to a bigger GGUF model and ask again."
SUMS = "I am too small for arithmetic beyond single digits. Give me a tool that calculates, or load a bigger model."

_TEXTS: dict[str, list[str]] = sentences("beyond")
_KINDS: list[list[str]] = sentences("beyond")["kinds"]
_SHAPES: dict[str, list[str]] = sentences("beyond")["shapes"]
_SLOTS: dict[str, list[str]] = sentences("beyond")["slots"]
# How one asks about the server: asked about something else, only what it is about tells the two apart.
_ABOUT_SERVER: dict[str, list[str]] = sentences("server/frames")
# Fields that say the same all through a prompt.
_SAME = ("device", "dish", "machine", "pet", "plant", "where")
_FIELD = re.compile(r"\{(\w+)\}")
_AN = re.compile(r"\b([Aa]) (?=[aeio])(?!eu|one)")
_SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "over"}
_DIGITS = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def question(rng: Random) -> tuple[str, str]:
    """Something out of its domain, and the fallback."""
    makers = [make for make, _ in _SORTS]
    return rng.choices(makers, [share for _, share in _SORTS])[0](rng), FALLBACK


def _whole(rng: Random) -> str:
    return typed(rng, rng.choice(_TEXTS["asked"]))


def _replaced(rng: Random) -> str:
    """A whole prompt in which nobody knows one or two of the words."""
    words = rng.choice(_TEXTS["asked"]).split(" ")
    long = [at for at, each in enumerate(words) if len(each) > 3]
    for at in rng.sample(long, min(len(long), rng.choice((1, 1, 2)))):
        words[at] = invented(rng) + words[at][len(words[at].rstrip(".,?!:;")) :]
    return typed(rng, " ".join(words))


def _about(rng: Random) -> str:
    frames = _ABOUT_SERVER["frames_about"] if rng.random() < 0.15 else _TEXTS["frames"]
    return typed(rng, rng.choice(frames), _topic(rng))


def _topic(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.65:
        return rng.choice(_TEXTS["topics"])
    if draw < 0.7:
        return rng.choice(_TEXTS[rng.choice(("people", "places"))])
    if draw < 0.75:
        return f"{rng.choice(_TEXTS['topics'])} and {rng.choice(_TEXTS['topics'])}"
    if draw < 0.85:
        return f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}s"
    return invented(rng) if draw < 0.93 else f"the {invented(rng)} of {city(rng)}"


def _deed(rng: Random) -> str:
    """Something that is to be done, now and then with a word that nobody knows."""
    act = rng.choice(_TEXTS["acts"])
    if rng.random() < 0.15:
        act = f"{rng.choice((invented(rng), act.split()[0]))} {rng.choice(('a', 'the', 'my', 'some'))} {word(rng)}"
    frames = _ABOUT_SERVER["frames_to"] if rng.random() < 0.25 else _TEXTS["act_frames"]
    return typed(rng, rng.choice(frames), act)


def _known(rng: Random) -> str:
    """About somebody or a place that many know."""
    of, frames = rng.choice((("people", "people_frames"), ("places", "place_frames")))
    return typed(rng, rng.choice(_TEXTS[frames]), rng.choice(_TEXTS[of]))


def _program(rng: Random) -> str:
    wanted = rng.choice(_TEXTS["code"]).format(rng.choice(_TEXTS["deeds"]))
    return typed(rng, rng.choice(_TEXTS["code_asked"]), wanted)


def _translation(rng: Random) -> str:
    return _filled(rng, rng.choice(_TEXTS["translations"]), text=phrase(rng), tongue=rng.choice(_TEXTS["tongues"]))


def _babble(rng: Random) -> str:
    """Words that nobody knows, or keys hit at random."""
    if rng.random() < 0.3:
        keys = rng.choice(("asdfghjkl", "qwertyuiop", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "0123456789", "jkl;'#"))
        return "".join(rng.choice(keys) for _ in range(rng.randint(4, 14)))
    count = rng.choice((1, 2, 2, 3, 4, 6))
    babble = " ".join(invented(rng, 0 if count > 1 else rng.choice((2, 3, 4))) for _ in range(count))
    return (babble.capitalize() if rng.random() < 0.3 else babble) + rng.choice(("", "", "", "?", ".", "!"))


def _made_up(rng: Random) -> str:
    """A question with words in it that cannot be known."""
    return _filled(
        rng,
        rng.choice(_TEXTS["made_up"]),
        one=word(rng),
        other=word(rng),
        who=f"{name(rng)} {name(rng)}",
        name=name(rng),
        city=city(rng),
        town=city(rng),
        verb=rng.choice(VERBS)[:-1],
        adjective=rng.choice(ADJECTIVES),
        number=str(number(rng, rng.choice((1, 2)))),
        year=str(rng.randrange(1000, 2030)),
    )


def _unknown(rng: Random) -> str:
    """A question that is made of little words, and of others that nobody knows."""
    frame = rng.choice(_TEXTS["unknown"])
    values = [" ".join(invented(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))) for _ in range(frame.count("{}"))]
    if rng.random() < 0.15:
        values = [rng.choice((each.capitalize(), each.upper(), f"{each}_{invented(rng)}")) for each in values]
    return typed(rng, frame, *values)


def _everyday(rng: Random) -> str:
    """Words that are the domain's, in the sense that everybody else gives them."""
    return typed(rng, rng.choice(_TEXTS["everyday"]))


def _shaped(sort: str) -> Callable[[Random], str]:
    """Prompts put together from a shape of that sort and from what its fields say, which may have fields again."""

    def shaped(rng: Random) -> str:
        one, other = rng.sample(rng.choice(_KINDS), 2)
        values = {"a": one, "b": other, "t": _topic(rng), "city": city(rng), "name": name(rng), "w": word(rng)}
        values |= {field: rng.choice(_SLOTS[field]) for field in _SAME}
        values["year"] = str(rng.randrange(1000, 2030))
        text = rng.choice(_SHAPES[sort])
        while _FIELD.search(text):
            text = _FIELD.sub(lambda field: values.get(field[1]) or rng.choice(_SLOTS[field[1]]), text)
        text = _AN.sub(r"\1n ", text)
        return typed(rng, text[0].upper() + text[1:] if rng.random() < 0.8 else text)

    return shaped


_SORTS: tuple[tuple[Callable[[Random], str], float], ...] = (
    (_whole, 30),
    (_about, 18),
    (_shaped("long"), 25),
    (_shaped("slotted"), 13),
    (_shaped("compare"), 8),
    (_everyday, 9),
    (_deed, 10),
    (_made_up, 10),
    (_known, 8),
    (_program, 6),
    (_translation, 5),
    (_unknown, 5),
    (_babble, 4),
    (_replaced, 3),
)


def _filled(rng: Random, frame: str, **values: str) -> str:
    """A frame with named fields as somebody might type it."""
    return typed(rng, _FIELD.sub("{}", frame), *(values[field] for field in _FIELD.findall(frame)))


def sum_(rng: Random) -> tuple[str, str]:
    """Single digits are learned one by one, all of them; the rest is refused honestly."""
    if rng.random() >= 0.75:
        return _refused(rng), SUMS
    first, second = rng.randrange(10), rng.randrange(10)
    sign = "+" if rng.random() < 0.55 else "-"
    if sign == "-":
        first, second = max(first, second), min(first, second)
    answer = f"{first} {sign} {second} = {first + second if sign == '+' else first - second}"
    words = rng.random() < 0.15
    return _put(rng, first, second, sign, words=words), answer


def _refused(rng: Random) -> str:
    """Arithmetic that has larger numbers, other signs, or more than two numbers."""
    if rng.random() < 0.25:
        numbers = {field: str(number(rng, rng.choice((1, 1, 2, 3)))) for field in "abc"}
        sum_asked = _FIELD.sub(lambda field: numbers[field[1]], rng.choice(_TEXTS["sums_other"]))
        return _filled(rng, rng.choice(_TEXTS["sums_any"]), sum=sum_asked)
    sign = rng.choice("+++---**//")
    first, second = number(rng, rng.choice((1, 2, 2, 3, 4))), number(rng, rng.choice((1, 2, 2, 3)))
    if sign in "*/" and rng.random() < 0.4:
        first, second = number(rng, 1), number(rng, 1)
    if sign in "+-":
        # Below zero is refused, too; all else has a number that is too large.
        if sign == "-" and rng.random() < 0.08:
            second = rng.randrange(1, 10)
            first = rng.randrange(second)
        elif first < 10 and second < 10:
            first += 10 * rng.randrange(1, 10)
        if first >= 10 and rng.random() < (0.4 if sign == "+" else 0.1):
            first, second = second, first
    return _put(rng, first, second, sign, words=rng.random() < 0.12)


def _put(rng: Random, first: int, second: int, sign: str, *, words: bool) -> str:
    """A calculation in a sentence of its own, or as an expression."""
    a, b = (_in_words(first), _in_words(second)) if words else (str(first), str(second))
    if rng.random() < 0.5:
        frame, thing = rng.choice(_TEXTS[f"sums_{_SIGNS[sign]}"]), rng.choice(_TEXTS["things"])
        who, other = rng.sample(NAMES, 2)
        return _filled(rng, frame, a=a, b=b, t=thing, n=f"{thing}s", w=who, v=other)
    by = rng.choice(_TEXTS[f"sign_{_SIGNS[sign]}"])
    space = "" if len(by) == 1 and not words and rng.random() < 0.4 else " "
    expression = f"{a}{space}{by}{space}{b}"
    return _filled(rng, rng.choice(_TEXTS["sums_any"]), sum=expression)


def _in_words(value: int) -> str:
    """A number below a hundred in words, a larger one in digits."""
    if value < 20:
        return (_DIGITS + _TEENS)[value]
    if value > 99:
        return str(value)
    return _TENS[value // 10 - 2] + (f"-{_DIGITS[value % 10]}" if value % 10 else "")
