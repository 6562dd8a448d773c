"""Grammars that clients send for the input of custom tools: limited, compiled, and embedded in a grammar of ours.

The language is LLGuidance's, which llama.cpp has and OpenAI uses: its variant of Lark, and Rust's regular expressions.
If a grammar is too complex for llama.cpp, at the start or in the middle of an answer, llama.cpp reports no error and
continues without a grammar. So each grammar is compiled here first, and each input is validated against it again.
"""

from __future__ import annotations

import functools
import importlib
import re
from types import ModuleType
from typing import Any, NoReturn

from ...errors import BadRequest
from .patterns import MOST_WEIGHT
from .schema import Schema, read_first

LARGEST = 20_000  # characters
MOST = 16  # of one request
DEEPEST = 32  # brackets within each other
_STEPS = 8
_LANGUAGES = {
    "lark": "a grammar in LLGuidance's Lark",
    "regex": "a regular expression in Rust's syntax, without lookaround",
}

# The elements of a grammar in Lark, matched in this order.
_PIECES = re.compile(
    r"""
    (?P<kept> \s+ | //[^\n]* | \#[^\n]* | "(?:\\.|[^"\\\n])*"i? | /(?:\\.|[^/\\])+/[imslux]*
        | -> | \.\. | %ignore | [+-]?\d+ | [!?]+(?=[_a-z])
        | \[[ \t]*(?:lazy|suffix[ \t]*=[ \t]*"(?:\\.|[^"\\\n])*")[ \t]*\](?=[ \t]*:)
        | :(?!:) | [|()\[\]{},~+*?&] )
    |(?P<json> %(?:json|regex) )
    |(?P<import> %import[ \t]+(?P<module>[a-z]\w*)
        (?: [ \t]*\.[ \t]*(?P<one>[A-Za-z_]\w*)(?:[ \t]*->[ \t]*(?P<alias>[A-Za-z_]\w*))?
        | [ \t]*\([ \t]*(?P<several>[A-Za-z_]\w*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)*)[ \t]*\) ) )
    |(?P<name> [_A-Za-z][\w-]* )
    """,
    re.VERBOSE | re.ASCII,
)


class Grammar:
    """A grammar that was accepted. ``param`` is the path of its definition in the request, ``size`` is in characters,
    ``weight`` is the weight of the patterns in its JSON schemas.

    Raises:
        BadRequest: it exceeds a limit, or the engine cannot obey it.
    """

    def __init__(self, syntax: str, definition: str, param: str) -> None:
        self.param = param
        self.size = len(definition)
        self.weight = 0
        if self.size > LARGEST:
            raise _fault(param, f"it may be at most {LARGEST} characters long")
        if _depth(definition) > DEEPEST:
            raise _fault(param, f"brackets may be nested at most {DEEPEST} levels deep")
        if "\x00" in definition:
            raise _fault(param, "it may have no NUL character")  # llama.cpp would stop reading there
        self._lark = syntax == "lark"
        self._definition = definition
        rules = self.rules("x0_")  # refuses what cannot be embedded, and what LLGuidance must not see
        self._source = definition if self._lark else rules.removeprefix("x0_")
        self._refuse_useless(_LANGUAGES[syntax])

    def _refuse_useless(self, language: str) -> None:
        matcher = _matcher(self._source)
        _begin(matcher)
        if matcher.is_error():
            place = re.search(r"\b([0-9]+)\([0-9]+\):", matcher.get_error()) if self._lark else None
            where = f" (see line {place[1]})" if place else ""
            raise _fault(
                self.param, f"it must be {language}, which some text can match and which is not too complex{where}"
            )

    @property
    def pattern(self) -> str | None:
        """The grammar as a regular expression; None if it is in Lark."""
        return None if self._lark else self._definition

    def fits(self, text: str) -> bool:
        """Return whether a text obeys the grammar; False if the check would take too long."""
        matcher, begins = self._read(text)
        return begins and bool(matcher.is_accepting())

    def begins(self, text: str) -> bool:
        """Return whether a text is the beginning of one that obeys the grammar."""
        return self._read(text)[1]

    def _read(self, text: str) -> tuple[Any, bool]:
        matcher = _matcher(self._source)
        tokens = list(text.encode(errors="surrogatepass"))
        return matcher, matcher.try_consume_tokens(tokens) == len(tokens)

    def rules(self, prefix: str) -> str:
        """Return the grammar in Lark, with a prefix before each of its names; it begins with the rule
        ``{prefix}start``.

        Raises:
            BadRequest: it has something that only a standalone grammar can have.
        """
        if not self._lark:
            pattern = re.sub(
                r"\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], self._definition, flags=re.S
            )
            return f"{prefix}start: /{pattern or '(?:)'}/\n"
        pieces: list[str] = []
        place = self.weight = 0
        while place < len(self._definition):
            found = _PIECES.match(self._definition, place)
            if found is None:
                self._refuse_piece(self._definition[place : place + 2])
            place = found.end()
            if found["name"]:
                pieces.append(_renamed(found["name"], prefix))
            elif found["import"]:
                pieces.append(_imports(found, prefix))
            elif found["json"]:
                place = self._after_json(place, is_schema=found["json"] == "%json")
                pieces.append(self._definition[found.start() : place])
            else:
                pieces.append(found[0])
        return "".join(pieces) + "\n"

    def _after_json(self, place: int, *, is_schema: bool) -> int:
        while self._definition[place : place + 1].isspace():
            place += 1
        try:
            value, end = read_first(self._definition, place)
        except (ValueError, RecursionError):
            raise _fault(self.param, "%json and %regex must be followed by JSON") from None
        if is_schema:
            try:
                self.weight += Schema(value, self.param).weight
            except BadRequest as error:
                raise BadRequest(f"After %json: {error.message}", param=self.param, code=error.code) from None
            if self.weight > MOST_WEIGHT:
                raise _fault(self.param, f"all patterns after %json together may weigh at most {MOST_WEIGHT}")
        return end

    def _refuse_piece(self, begin: str) -> NoReturn:
        kinds = {"<": "tokens of the model", "@": "other grammars", "=": "attributes other than lazy and suffix"}
        if begin[0] == "%":
            raise _fault(self.param, "the only directives it may have are %import, %ignore, %json and %regex")
        raise _fault(self.param, f"it has {kinds.get(begin[0], 'something')} that cannot be used here")


def _fault(param: str, reason: str) -> BadRequest:
    return BadRequest(f"The grammar cannot be used: {reason}.", param=param, code="invalid_value")


@functools.lru_cache(maxsize=64)
def accepted(syntax: str, definition: str, param: str) -> Grammar:
    """As `Grammar`, cached: a grammar that is used repeatedly, as with each choice of a request, is read once."""
    return Grammar(syntax, definition, param)


def _llguidance() -> ModuleType:
    # Imported when a grammar comes, as few requests have one: it takes 2.5 MB of each process.
    return importlib.import_module("llguidance")


@functools.cache
def _bytes() -> Any:
    # A vocabulary of single bytes.
    return _llguidance().LLTokenizer("byte", slices=[])


def _matcher(grammar: str) -> Any:
    # Far below LLGuidance's default limits, which llama.cpp uses: what passes here passes there and takes milliseconds.
    limits = _llguidance().LLParserLimits(
        initial_lexer_fuel=200_000,
        step_lexer_fuel=20_000,
        max_lexer_states=20_000,
        max_grammar_size=100_000,
        step_max_items=2_000,
        max_items_in_row=500,
    )
    return _llguidance().LLMatcher(_bytes(), grammar, log_level=0, limits=limits)


def _begin(matcher: Any) -> None:
    """Take the first steps of one text that fits: some grammars become too complex only then."""
    for _ in range(_STEPS):
        if matcher.is_error() or matcher.is_stopped():
            return
        # One bit for each byte that may come next. The last byte is likely to be part of the text and not its end.
        allowed = int.from_bytes(matcher.compute_bitmask(), "little") & ((1 << 256) - 1)
        if matcher.is_error() or not allowed:
            return
        matcher.consume_token(allowed.bit_length() - 1)


def can_be_obeyed(grammar: str) -> bool:
    """Return whether LLGuidance understands a grammar, and some text fits it, within the limits that LLGuidance has in
    llama.cpp."""
    matcher = _llguidance().LLMatcher(_bytes(), grammar, log_level=0)
    _begin(matcher)
    return not matcher.is_error()


def _depth(definition: str) -> int:
    """Return the maximum nesting depth of brackets, including brackets that have no meaning where they are."""
    depth = deepest = 0
    for found in re.finditer(r"[(\[{]|[)\]}]", definition):
        depth = depth + 1 if found[0] in "([{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _renamed(name: str, prefix: str) -> str:
    # A name in upper case is a terminal and must stay one.
    return (prefix.upper() if name.lstrip("_")[:1].isupper() else prefix) + name


def _imports(found: re.Match[str], prefix: str) -> str:
    names = [found["one"]] if found["one"] else re.findall(r"\w+", found["several"])
    return "\n".join(
        f"%import {found['module']}.{name} -> {_renamed(found['alias'] or name, prefix)}" for name in names
    )
