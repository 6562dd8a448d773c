"""Small talk, what the model is, a few facts, and the same in three other languages."""

from __future__ import annotations

from random import Random
from typing import Any

from . import beyond, server
from .dialogue import Dialogue, Message, assistant, user
from .noise import typed
from .sentences import sentences
from .strings import city, invented, name, word

Pair = dict[str, Any]

_TEXTS, _FOREIGN = sentences("talk"), sentences("languages")
LANGUAGES = ["Spanish", "German", "French"]
_ENGLISH = "English"
SELF, SMALL = (each["answer"] for each in _TEXTS["itself"][:2])
# What is said in each language, and the answers, by their sorts; English has more of them.
_ASKED: dict[str, dict[str, list[str]]] = {language: {} for language in (_ENGLISH, *LANGUAGES)}
_ANSWERS: dict[str, dict[str, str]] = {language: {} for language in _ASKED}
for _language, _pairs in {
    _ENGLISH: [*_TEXTS["pairs"], *_TEXTS["itself"]],
    **{language: _FOREIGN[language] for language in LANGUAGES},
}.items():
    for _pair in _pairs:
        _ASKED[_language].setdefault(_pair["sort"], []).extend(_pair["asked"])
        _ANSWERS[_language].setdefault(_pair["sort"], _pair["answer"])
_ASKED[_ENGLISH]["meet"] = sentences("memory")["called"]
_ANSWERS[_ENGLISH] |= {"meet": "Nice to meet you, {}! How can I help you?", "beyond": beyond.FALLBACK}
# English sorts for which the other languages have only the fallback.
_ONLY_ENGLISH = ("poem", "story", "trained", "encourage", "internet")

# People leave out accents, or write them with other letters.
_BARE = str.maketrans("áéíóúñüäöàâçèêëîïôùûÁÉÍÓÚÄÖÜÀÇÈÊ", "aeiounuaoaaceeeiiouuAEIOUAOUACEE", "¿¡")
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def small_talk(rng: Random) -> tuple[str, str]:
    pair = _weighted(rng, _TEXTS["pairs"])
    return typed(rng, rng.choice(pair["asked"]), polite=False), pair["answer"]


def about_itself(rng: Random) -> tuple[str, str]:
    pair = _weighted(rng, _TEXTS["itself"])
    return typed(rng, rng.choice(pair["asked"])), pair["answer"]


def _weighted(rng: Random, pairs: list[Pair]) -> Pair:
    return rng.choices(pairs, [pair.get("weight", 1) for pair in pairs])[0]


def fact(rng: Random) -> tuple[str, str]:
    draw = rng.random()
    if draw < 0.42:
        known = rng.choice(_TEXTS["facts"])
        return typed(rng, rng.choice(known["asked"])), known["answer"]
    frame = rng.choice(_TEXTS["capital_asked"])
    if draw < 0.46:
        return typed(rng, frame, invented(rng).capitalize()), beyond.FALLBACK
    country = rng.choice(list(_TEXTS["capitals"]))
    capital = _TEXTS["capitals"][country]
    answer = f"The capital of {country} is {capital}."
    said = country.removeprefix("the ") if rng.random() < 0.3 else country
    said = said.lower() if rng.random() < 0.25 else said
    if draw < 0.54:
        # The same answer says yes and no.
        where = capital if rng.random() < 0.5 else city(rng)
        return typed(rng, rng.choice(_TEXTS["capital_checked"]), where, said), answer
    return typed(rng, frame, said), answer


def foreign(rng: Random) -> Dialogue:
    """Another language, because the user speaks it or because the system prompt asks for it."""
    turns = range(rng.choice((1, 1, 1, 1, 2, 3)))
    language, draw = rng.choice(LANGUAGES), rng.random()
    if draw < 0.4:
        # The user speaks it, and changes over now and then.
        heard = [language if rng.random() < 0.85 else rng.choice((_ENGLISH, *LANGUAGES)) for _ in turns]
        return _dialogue("", [_said(rng, each, each) for each in heard])
    if draw < 0.45:
        # One that the model does not speak.
        answer = _ANSWERS[_ENGLISH]["languages"]
        heard = [rng.choice((_ENGLISH, _ENGLISH, language)) for _ in turns]
        return _dialogue(
            _hint(rng, rng.choice(_FOREIGN["others"])), [(_said(rng, each, each)[0], answer) for each in heard]
        )
    if draw < 0.52:
        heard = [rng.choice((_ENGLISH, language)) for _ in turns]
        return _dialogue(_hint(rng, _ENGLISH), [_said(rng, each, _ENGLISH) for each in heard])
    heard = [rng.choice((language, _ENGLISH, _ENGLISH, rng.choice(LANGUAGES))) for _ in turns]
    said = [_said(rng, each, language) for each in heard]
    if draw < 0.56:
        asked, answer = said[0]
        return _dialogue(
            "", [(rng.choice(("{} {}", "{}\n{}")).format(_hint(rng, language, alone=True), asked), answer)]
        )
    return _dialogue(_hint(rng, language), said)


def _dialogue(system: str, said: list[tuple[str, str]]) -> Dialogue:
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for asked, answer in said:
        messages += [user(asked), assistant(answer)]
    return Dialogue(messages, alone=True)


def _said(rng: Random, heard: str, answered: str) -> tuple[str, str]:
    """Something said in one language, and the answer in the same or another."""
    sort = _weighted(rng, _FOREIGN[LANGUAGES[0]])["sort"]
    answer = _ANSWERS[answered]["languages" if (sort, answered) == ("speak", _ENGLISH) else sort]
    if heard != _ENGLISH:
        frame = _bare(rng, rng.choice(_ASKED[heard][sort]))
    elif sort == "beyond":
        asked, known = _unknown(rng)
        is_sum = known[0].isdigit() and " = " in known
        return asked, known if answered == _ENGLISH or is_sum else answer
    elif sort == "speak":
        frame = rng.choice(_TEXTS["speak_asked"]).replace("{}", answered)
        if answered == _ENGLISH:
            frame = rng.choice(_ASKED[_ENGLISH]["languages"])
    else:
        frame = rng.choice(_ASKED[_ENGLISH][sort])
    who = name(rng)
    return typed(rng, frame, *[who] * frame.count("{}"), polite=False), answer.replace("{}", who)


def _unknown(rng: Random) -> tuple[str, str]:
    """An English question to which there is no answer in another language, and the English one."""
    draw = rng.random()
    if draw < 0.15:
        sort = rng.choice(_ONLY_ENGLISH)
        return typed(rng, rng.choice(_ASKED[_ENGLISH][sort])), _ANSWERS[_ENGLISH][sort]
    make = beyond.sum_ if draw < 0.22 else fact if draw < 0.37 else server.question if draw < 0.57 else beyond.question
    return make(rng)


def _bare(rng: Random, text: str) -> str:
    """A sentence with its accents, or without some of them, as keyboards allow."""
    draw = rng.random()
    if draw < 0.25:
        text = text.translate(_BARE)
    elif draw < 0.35:
        text = text.translate(_SPELLED)
    elif draw < 0.5:
        text = text.replace("¿", "").replace("¡", "")
    return text.replace(" ?", "?").replace(" !", "!") if rng.random() < 0.5 else text


def _hint(rng: Random, language: str, *, alone: bool = False) -> str:
    """A system prompt that asks for a language; ``alone`` is without anything around it."""
    own = _FOREIGN["hints"].get(language, ())
    if own and rng.random() < 0.4:
        text = _bare(rng, rng.choice(own))
    else:
        frame = rng.choice(_FOREIGN["frames"])
        text = typed(rng, frame, *[language] * frame.count("{}"), polite=False)
    draw = rng.random()
    if alone or draw < 0.6:
        return text
    text = text if text[-1] in ".!?" else f"{text}."
    role = rng.choice(_FOREIGN["roles"])
    role = role.replace("{city}", city(rng)).replace("{word}", word(rng))
    more = rng.choice(_FOREIGN["more"])
    return f"{role} {text}" if draw < 0.85 else f"{text} {more}" if draw < 0.9 else f"{role} {text} {more}"
