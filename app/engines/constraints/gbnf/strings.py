"""JSON strings in GBNF: any string, strings of some length, or strings that automata accept.

In JSON, quotation marks, backslashes and control characters are written as escapes, all other characters unchanged.
Escapes of surrogates are not generated, because a lone surrogate is not a character.
"""

from __future__ import annotations

import contextlib
import functools

from .automaton import MOST_STATES, Automaton, both, of_length, of_pattern
from .expressions import ANY, Ranges, Unsayable, common, united, without
from .rules import Branches, Item, Ref, Rules

_HEX: Ranges = ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
_01: Ranges = ((0x30, 0x31),)
_OCTAL: Ranges = ((0x30, 0x37),)
_D: Ranges = ((0x44, 0x44), (0x64, 0x64))
_NOT_D: Ranges = ((0x30, 0x39), (0x41, 0x43), (0x45, 0x46), (0x61, 0x63), (0x65, 0x66))
_CONTROLS: Ranges = ((0, 0x1F),)
_ESCAPED: Ranges = ((0, 0x1F), (0x22, 0x22), (0x5C, 0x5C))
_PLAIN = without(_ESCAPED)
# The escapes, by the letter after the backslash.
_SHORT = {'"': 0x22, "\\": 0x5C, "/": 0x2F, "b": 0x08, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09}

_HOUR, _SIXTY = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
_FOURTH = "(?:0[48]|[2468][048]|[13579][26])"
_LEAP = rf"(?:\d\d{_FOURTH}|(?:[2468][048]|[13579][26]|0[48])00)"
_YEAR = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP}-02-29)"
)
_TIME = rf"{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.\d{{1,9}})?(?:Z|[+-]{_HOUR}:{_SIXTY})"
_OF_DAY = r"T(?:\d{1,6}H(?:\d{1,6}M(?:\d{1,6}S)?)?|\d{1,6}M(?:\d{1,6}S)?|\d{1,6}S)"
_OF_YEAR = r"(?:\d{1,6}Y(?:\d{1,6}M(?:\d{1,6}D)?)?|\d{1,6}M(?:\d{1,6}D)?|\d{1,6}D)"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H = "[0-9a-fA-F]{1,4}"
_IPV6 = "|".join(
    [
        f"(?:{_H}:){{7}}{_H}",
        f"(?:{_H}:){{1,6}}:",
        f":(?::{_H}){{1,6}}",
        "::",
        *(f"(?:{_H}:){{1,{left}}}(?::{_H}){{1,{6 - left}}}" for left in range(1, 6)),
        f"::(?:[fF]{{4}}:)?{_IPV4}",
    ]
)
_NAME = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]"
_ALNUM = "[a-zA-Z0-9]"

_FORMATS = {
    "date-time": f"{_DATE}T{_TIME}",
    "time": _TIME,
    "date": _DATE,
    "duration": rf"P(?:{_OF_YEAR}(?:{_OF_DAY})?|{_OF_DAY}|\d{{1,6}}W)",
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "uuid": "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
}

# Names that consist of parts: the pattern of each part, its maximum length, and its minimum and maximum number.
_LABEL = f"{_ALNUM}+(?:-{_ALNUM}+)*"
_NAMES = {
    "hostname": ((_LABEL, 63, 1, 1), (rf"\.{_LABEL}", 37, 0, 5)),
    "email": ((rf"{_NAME}+(?:\.{_NAME}+)*", 64, 1, 1), (f"@{_LABEL}", 64, 1, 1), (rf"\.{_LABEL}", 37, 1, 5)),
}
# The maximum length of such a name if it has further constraints.
_SHORT_NAME = 63


def any_string(rules: Rules, least: int = 0, most: int | None = None) -> Ref:
    """Return the rule for a string of ``least`` to ``most`` characters."""
    character = rules.named([(_character(rules, ANY, numbered=True),)])
    return rules.named([('"', *rules.repeated(character, least, most), '"')])


def string(rules: Rules, least: int, most: int | None, patterns: list[str], formats: list[str]) -> Ref:
    """Return the rule for a string that obeys all of these constraints.

    Raises:
        Unsayable: a grammar cannot express that.
    """
    if not patterns and not formats:
        return any_string(rules, least, most)
    if not patterns and len(formats) == 1 and formats[0] in _NAMES and (least, most) == (0, None):
        parts = (
            rules.repeated(Ref(_states(rules, both(whole(pattern), of_length(1, longest)), "")), low, high)
            for pattern, longest, low, high in _NAMES[formats[0]]
        )
        return rules.named([('"', *(item for part in parts for item in part), '"')])
    return rules.named([('"', Ref(_states(rules, strings(least, most, patterns, formats), '"')))])


def strings(least: int, most: int | None, patterns: list[str], formats: list[str]) -> Automaton:
    """Return the automaton for strings that obey all of these constraints.

    Raises:
        Unsayable: an automaton cannot express that.
    """
    found = [of_pattern(pattern) for pattern in dict.fromkeys(patterns)]
    for form in dict.fromkeys(formats):
        if form in _NAMES:
            found.append(whole("".join(f"(?:{part}){{{low},{high}}}" for part, _, low, high in _NAMES[form])))
            most = _SHORT_NAME if most is None else min(most, _SHORT_NAME)
        else:
            found.append(whole(_FORMATS[form]))
    automaton = functools.reduce(both, found)
    longest = automaton.longest()
    if most is not None and longest is not None and longest <= most:
        most = None
    if not least and most is None:
        return automaton
    with contextlib.suppress(Unsayable):
        return both(automaton, of_length(least, most))
    # If an automaton for long texts is too large, allow only shorter texts.
    bound = MOST_STATES // len(automaton.moves) - 1
    if most is None or not least <= bound < most:
        raise Unsayable
    return both(automaton, of_length(least, bound))


def whole(pattern: str) -> Automaton:
    """Return the automaton for texts that a pattern matches as a whole."""
    return of_pattern(f"^(?:{pattern})$")


def digits(rules: Rules, automaton: Automaton) -> Ref:
    """Return the rule for texts without quotation marks, such as numbers."""
    return Ref(_states(rules, automaton, ""))


def _states(rules: Rules, automaton: Automaton, close: str) -> str:
    """Return the name of the rule for the first state of an automaton. ``close`` follows where a text may end."""
    rules.spend(automaton.steps)
    names = [rules.reserve() for _ in automaton.moves]
    end: tuple[Item, ...] = (close,) if close else ()
    for name, moves, is_end in zip(names, automaton.moves, automaton.ends, strict=True):
        branches: Branches = [(_character(rules, ranges), Ref(names[target])) for ranges, target in moves]
        rules.put(name, [*branches, end] if is_end else branches)
    return names[0]


def _character(rules: Rules, ranges: Ranges, *, numbered: bool = False) -> Item:
    """Return the item for one of some characters in JSON. ``numbered``: also as a numeric escape."""
    escaped = common(ranges, _ESCAPED)
    if not escaped and not numbered:
        return ranges
    short = united([(ord(sign), ord(sign)) for sign, code in _SHORT.items() if common(ranges, ((code, code),))])
    branches: Branches = [(common(ranges, _PLAIN),)] if common(ranges, _PLAIN) else []
    if short:
        branches.append(("\\", short))
    if numbered:
        branches += [("\\u", _NOT_D, _HEX, _HEX, _HEX), ("\\u", _D, _OCTAL, _HEX, _HEX)]
    elif common(ranges, _CONTROLS) == _CONTROLS:
        branches.append(("\\u00", _01, _HEX))
    else:
        codes = (code for low, high in common(ranges, _CONTROLS) for code in range(low, high + 1))
        branches += [(f"\\u{code:04x}",) for code in codes if code not in _SHORT.values()]
    return rules.named(branches)
