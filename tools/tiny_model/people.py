"""Names of people as they are written in full: Dr. Lindqvist, J. R. Watson, Sanne van der Berg, Mary-Jane O'Hara."""

from __future__ import annotations

from random import Random

from .strings import WORDS, name


def surname(rng: Random) -> str:
    """With a particle as often as not: van der Berg, O'Neill, Smith-Jones."""
    last, draw = name(rng), rng.random()
    if draw < 0.2:
        return f"{rng.choice(WORDS['particles'])} {last}"
    if draw < 0.4:
        return f"{rng.choice(WORDS['joined_particles'])}{last}"
    return f"{last}-{name(rng)}" if draw < 0.5 else last


def _initials(rng: Random) -> str:
    letters = [f"{rng.choice('ABCDEFGHIJKLMNOPRSTVWZ')}." for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    return rng.choice((" ", " ", "")).join(letters)


def in_full(rng: Random) -> str:
    """More than a single word, mostly."""
    draw = rng.random()
    if draw < 0.3:
        return f"{rng.choice(WORDS['titles_dotted'])} {surname(rng)}"
    if draw < 0.38:
        return f"{rng.choice(WORDS['titles_dotted'])} {rng.choice((name(rng), _initials(rng)))} {surname(rng)}"
    if draw < 0.5:
        return f"{rng.choice(WORDS['titles_spelled'])} {surname(rng)}"
    if draw < 0.6:
        return f"{_initials(rng)} {surname(rng)}"
    if draw < 0.66:
        return f"{name(rng)} {_initials(rng)[:2]} {surname(rng)}"
    if draw < 0.8:
        return f"{name(rng)} {surname(rng)}"
    if draw < 0.89:
        return f"{name(rng)} {name(rng)} {surname(rng)}"
    if draw < 0.94:
        return f"{name(rng)}-{name(rng)} {surname(rng)}"
    return f"{name(rng)} {rng.choice(WORDS['name_suffixes'])}" if draw < 0.97 else surname(rng)


def person(rng: Random) -> str:
    """As people are mostly named, by one word."""
    return in_full(rng) if rng.random() < 0.17 else name(rng)
