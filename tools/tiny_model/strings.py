"""Words for the corpus: known ones, and as many invented ones as wanted, which can only be copied, never learned."""

from __future__ import annotations

import re
from random import Random

from .sentences import sentences

WORDS: dict[str, list[str]] = sentences("words")
NAMES, CITIES, NOUNS, ADJECTIVES = WORDS["names"], WORDS["cities"], WORDS["nouns"], WORDS["adjectives"]
VERBS, COLOURS, FOODS, JOBS = WORDS["verbs"], WORDS["colours"], WORDS["foods"], WORDS["jobs"]
# An article that ends a text, one that stands before a word, and what ends a word.
_ARTICLE, _ARTICLES, _FIRST = re.compile(r"\b([Aa])n? $"), re.compile(r"\b[Aa]n? (?=\w)"), re.compile(r"[\s,.;:_-]")
# Words that are written with a vowel first, and not said so.
_CONSONANT = re.compile(r"eu|ew|uk|uni(?!n|m)|us[aeu]|uti|ut[eo]|ur[aio]|one|once")
# Sounds that most words are made of; those in the file are of all sorts.
_HEADS = ("", *"bcdfghjklmnprstvwz", *"bdklmnprst", "br", "ch", "dr", "gr", "pl", "sh", "st", "th", "tr")
_HEARTS, _TAILS = (*"aeiouaeioaeio", "ai", "ea", "ee", "ou"), (*"lmnrstndsr", "ck", "nd", "ng", "st", "rt")
# How often an invented word is two halves of known ones, is of common sounds, and, where its length is free, has an
# ending of a real language, or a hyphen.
_HALVES, _COMMON, _ENDED, _HYPHENED = 0.45, 0.65, 0.18, 0.015


def invented(rng: Random, syllables: int = 0) -> str:
    """A word in small letters that nobody has said; of one to four ``syllables``, 0 for any."""
    if not syllables and rng.random() < _HALVES:
        return _halves(rng)
    common = rng.random() < _COMMON
    heads, hearts, tails = (_HEADS, _HEARTS, _TAILS) if common else (WORDS["heads"], WORDS["hearts"], WORDS["tails"])
    made = ""
    for _ in range(syllables or rng.choice((1, 2, 2, 2, 3, 3, 4) if common else (1, 1, 2, 2, 3))):
        made += (rng.choice(heads) if rng.random() < 0.85 else "") + rng.choice(hearts)
        made += rng.choice(tails) if rng.random() < 0.4 else ""
    if syllables:
        return made
    draw = rng.random()
    if draw < _ENDED:
        ending = rng.choice(WORDS["endings"])
        return made + (ending if made[-1] not in "aeiouy" or ending[0] not in "aeiouy" else ending[1:])
    return made + f"-{invented(rng, rng.choice((1, 2)))}" if draw < _ENDED + _HYPHENED else made


def _halves(rng: Random) -> str:
    """The beginning of one known word and the end of another: mercevid, barcelburg."""
    one, other = (rng.choice(WORDS[rng.choice(("names", "cities", "nouns"))]) for _ in range(2))
    one, other = one.split()[0].lower(), other.split()[-1].lower()
    return one[: rng.randint(2, max(2, len(one) - 1))] + other[rng.randint(1, max(1, len(other) - 2)) :]


def name(rng: Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(NAMES)
    return _capital(invented(rng))


def city(rng: Random) -> str:
    if rng.random() < 0.45:
        return rng.choice(CITIES)
    made = _capital(invented(rng))
    if rng.random() < 0.08:
        made = made.translate(str.maketrans("aou", "äöú"))
    return made


def _capital(text: str) -> str:
    """Anna, and Anna-Lena."""
    return "-".join(part.capitalize() for part in text.split("-"))


def known(rng: Random, sort: str) -> str:
    """A word of a list of `WORDS`, or of none: then with a capital where those have one."""
    words = WORDS[sort]
    if rng.random() < 0.65:
        return rng.choice(words)
    made = invented(rng)
    return made.capitalize() if words[0][0].isupper() else made


def with_article(text: str) -> str:
    """An apple, a pear, a unicorn."""
    return f"{'an' if _vowel(text) else 'a'} {text}"


def with_fitting_article(text: str, value: str) -> str:
    """The text that the value follows, with the article that it needs where it ends with one."""
    if not value or not _ARTICLE.search(text):
        return text
    text = _ARTICLE.sub(r"\1 ", text)
    return f"{text[:-1]}n " if _vowel(value) else text


def with_fitting_articles(text: str) -> str:
    """The text with an article that fits wherever one stands before a word."""
    return _ARTICLES.sub(lambda found: with_fitting_article(found[0], text[found.end() :]), text)


def _vowel(text: str) -> bool:
    """Whether a text begins with the sound of a vowel."""
    first = _FIRST.split(text.lstrip("\"'"), maxsplit=1)[0]
    if first.isdigit():
        return first[0] == "8" or first in ("11", "18")
    if len(first) < 4 and first.isupper():
        return first[0] in "AEFHILMNORSX"
    first = first.lower()
    if first.startswith(("honest", "hono", "hour", "heir")):
        return True
    return first[:1] in ("a", "e", "i", "o", "u", "ä", "ö", "á", "é", "ó") and not _CONSONANT.match(first)


def plural(text: str) -> str:
    if text.endswith(("s", "x", "z", "ch", "sh")):
        return text + "es"
    return text[:-1] + "ies" if text[-1:] == "y" and text[-2:-1] not in "aeiou" else text + "s"


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
    if draw < 0.28:
        return word(rng)
    if draw < 0.37:
        return name(rng)
    if draw < 0.42:
        return rng.choice((code(rng), str(number(rng)), clock(rng), f"{word(rng)} {number(rng)}", word(rng).upper()))
    if draw < 0.75:
        return " ".join(word(rng) for _ in range(rng.choice((2, 2, 3, 3, 4, 5))))
    return sentence(rng)


def sentence(rng: Random) -> str:
    one, other = word(rng), word(rng)
    how, does, many = rng.choice(ADJECTIVES), rng.choice(VERBS), rng.randint(2, 99)
    made = rng.choice(
        (
            f"the {how} {one} {does} at {rng.choice(('night', 'noon', 'home', 'sea', 'work', 'school'))}",
            f"my {one} {does} with {with_article(other)}",
            f"all {plural(one)} are {how}",
            f"I like {plural(one)} and {plural(other)}",
            f"{name(rng)} has {many} {plural(one)} in {city(rng)}",
            f"{plural(one)} and {plural(other)} go to {city(rng)}",
            f"this is {with_article(one)}",
            f"{name(rng)} {does} in the {one}",
            f"there are {many} {plural(one)} in my {other}",
            f"I have never seen {with_article(f'{how} {one}')}",
            f"please bring {with_article(one)} and {number(rng, 2)} {plural(other)}",
            f"no {one} is as {how} as {with_article(other)}",
            f"we met {name(rng)} and {name(rng)} in {city(rng)}",
            f"the {one} of {name(rng)} is {how}",
            f"today I saw {with_article(one)}, {with_article(other)} and a train to {city(rng)}",
            f"{name(rng)} and I are {rng.choice(('friends', 'happy', 'here', 'late', 'at home'))}",
            f"every {one} {does} when the {other} {rng.choice(VERBS)}",
            f"call {name(rng)} at {clock(rng)}",
        )
    )
    return made[0].upper() + made[1:] + rng.choice(".!") if rng.random() < 0.3 else made
