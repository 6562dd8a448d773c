"""What is copied from the conversation: words to repeat, things to remember, a name that the system prompt gives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from . import beyond, server, talk
from .dialogue import Dialogue, Message, assistant, user
from .noise import typed
from .strings import (
    ADJECTIVES, COLOURS, FOODS, JOBS, KIN, NOUNS, PETS, VERBS, city, invented, name, number, phrase, word,
)  # fmt: skip

NAME_UNKNOWN = "You have not told me your name yet."
UNKNOWN = "You have not told me that yet."


def _several(text: str) -> list[str]:
    return [" ".join(each.split()) for each in text.split(";") if each.strip()]


_REPEAT = _several("""Repeat after me: {};Say {};Say: {};Repeat: {};Echo {};echo: {};Please say {};Please repeat: {};Say
exactly: {};Say the word {};Repeat the word {};Write {};Write: {};Repeat this: {};Say this: {};say "{}";Repeat '{}';Answer
with {};Answer only with {};Reply with: {};Reply with the word {};Just say {};Copy this: {};Can you say {}?;Can you repeat
{}?;Repeat the phrase '{}';Repeat this sentence: {};Say exactly this: {};Say the following: {};Repeat the following: {};Write
the word {};Respond with {};Respond only with: {};Output {};Print {};Type {};Say the name {};echo this: {};Parrot this: {};
Now say {};Could you say "{}"?;Give this back to me: {};Repeat back: {};Say this back to me: {};Answer with the single word
{};Reply only with {};Copy this text: {};Copy: {};the word is {}, say it;Say just {};Please echo {};I want you to say {};
Say this word: {};Repeat exactly what I write: {};Your answer must be: {}""")
_GREET = _several("""Say hello to {}.;Say hi to {}!;Greet {}.;Please greet {};Say hello to my friend {}.;Greet my sister
{};Say good morning to {};Say hello to {} for me;Can you greet {}?;Welcome {}!;say hi to my colleague {}""")
_CALLED = _several("""My name is {}.;I am {}.;Hi, I'm {}.;Hello, my name is {}!;Call me {}.;I'm {}.;Hi, my name is {};Hey, I
am {};They call me {};you can call me {};This is {}.;my name's {};Hello, I am {};{} here;The name is {}.;I am called {}.;Hi!
{} is my name.;people call me {};Hello! I'm {};i am {}, hello!;I am {}, nice to meet you""")
_WHO = _several("""What is my name?;Do you remember my name?;Who am I?;what's my name;Do you know my name?;What did I say my
name was?;what am I called?;Tell me my name.;Can you tell me my name?;my name?;What is my name again?;Say my name.;who am i
again?;how am I called?;Which name did I tell you?;You remember my name, right?;and what is my name?;Remember me? Who am I?""")

Said = tuple[list[str], str, list[str], str]

# What is told, what is remembered of it, how it is asked for, and the answer.
_TOLD: list[tuple[Said, Callable[[Random], str]]] = [
    ((_several("I live in {}.;My home is in {}.;I'm from {}.;I come from {};My city is {}.;i live in {} now"),
      "you live in {}",
      _several("""Where do I live?;Which city do I live in?;where am I from?;What is my city?;do you know where I live?;
      In which city do I live?;Where is my home?;Where did I say I live?"""), "You live in {}."), city),
    ((_several("I am {} years old.;I'm {} years old;My age is {}.;I am {} years of age.;i turned {} today"),
      "you are {} years old", _several("How old am I?;What is my age?;do you know my age?;my age?;How old did I say I am?"),
      "You are {} years old."), lambda rng: str(number(rng, 2))),
    ((_several("I work as a {}.;I am a {} by trade.;My job is {}.;My profession is {}.;i work as a {} here"),
      "you work as a {}",
      _several("What is my job?;What do I work as?;what is my profession?;What do I do for a living?;my job?;Where do I work as what?"),
      "You work as a {}."), lambda rng: rng.choice(JOBS) if rng.random() < 0.6 else invented(rng)),
    ((_several("The password is {}.;My password is {}.;Remember the password {}.;the password is {}, remember it"),
      "the password is {}",
      _several("What is the password?;what was the password?;Tell me the password.;password?;Do you know the password?"),
      "The password is {}."), word),
    ((_several("""The code word is {}.;Remember the code word: {};Our code word is {};Remember this code word: {}.;the
      secret code word is {}"""), "the code word is {}",
      _several("What is the code word?;what was the code word?;Tell me the code word;code word?;Do you remember the code word?"),
      "The code word is {}."), word),
    ((_several("""Remember the word {}.;Please remember the word {}.;Remember this word: {};Keep the word {} in
      mind.;remember {};Memorise the word {}.;Remember: {}"""), "the word {}",
      _several("""Which word should you remember?;What was the word?;what word did I tell you?;Tell me the word.;What did I
      ask you to remember?;the word?;Do you remember the word?;Which word was it?"""), "The word is {}."), word),
    ((_several("My lucky number is {}.;The number is {}, my lucky number.;my lucky number is {} by the way"),
      "your lucky number is {}", _several("What is my lucky number?;what's my lucky number;my lucky number?;Which is my lucky number?"),
      "Your lucky number is {}."), lambda rng: str(number(rng))),
]  # fmt: skip


def _value(rng: Random, kind: str) -> str:
    lists = {"colour": COLOURS, "color": COLOURS, "food": FOODS, "animal": NOUNS, "dish": FOODS}
    if kind in lists and rng.random() < 0.5:
        return rng.choice(lists[kind])
    return invented(rng) if rng.random() < 0.7 else word(rng)


def _told(rng: Random) -> tuple[str, str, str, str]:
    """What is said, the answer to it, the question later on, and its answer."""
    draw = rng.random()
    if draw < 0.35:
        who = name(rng)
        if rng.random() < 0.1:
            who = who.lower()
        frame = rng.choice(_CALLED)
        return typed(rng, frame, who, polite=False), _meet(who), typed(rng, rng.choice(_WHO), polite=False), f"Your name is {who}."
    if draw < 0.5:
        kind = rng.choice("colour color food animal number song book film city season word sport drink dish game fruit".split())
        value = _value(rng, kind)
        said = rng.choice(("My favourite {} is {}.", "My favorite {} is {}.", "my favourite {} is {}, you know"))
        how = "favorite" if "favorite" in said else "favourite"
        asked = rng.choice(
            (f"What is my {how} {kind}?", f"what's my {how} {kind}", f"Do you know my {how} {kind}?", f"my {how} {kind}?",
             f"Which {kind} is my {how}?", f"tell me my {how} {kind}")
        )  # fmt: skip
        fact = f"your {how} {kind} is {value}"
        return typed(rng, said, kind, value, polite=False), _noted(fact), typed(rng, asked, polite=False), _sentence(fact)
    if draw < 0.68:
        kind, who = rng.choice(PETS if rng.random() < 0.5 else KIN), name(rng)
        said = rng.choice(("My {} is called {}.", "My {} is named {}.", "My {}'s name is {}.", "I have a {} called {}.",
                           "I have a {} named {}.", "the name of my {} is {}"))  # fmt: skip
        asked = rng.choice(
            (f"What is my {kind} called?", f"What is the name of my {kind}?", f"what's my {kind}'s name?", f"my {kind}'s name?",
             f"Do you remember what my {kind} is called?", f"how is my {kind} called?", f"tell me the name of my {kind}",
             f"What is my {kind}'s name?")
        )  # fmt: skip
        fact = f"your {kind} is called {who}"
        return typed(rng, said, kind, who, polite=False), _noted(fact), typed(rng, asked, polite=False), _sentence(fact)
    (said_frames, noted, asked_frames, answer), make = rng.choice(_TOLD)
    value = make(rng)
    return (
        typed(rng, rng.choice(said_frames), value, polite=False),
        _noted(noted.format(value)),
        typed(rng, rng.choice(asked_frames), polite=False),
        answer.format(value),
    )


def _meet(who: str) -> str:
    return f"Nice to meet you, {who}! How can I help you?"


def _noted(fact: str) -> str:
    return f"Thank you, I will remember {'' if fact.startswith('the word ') else 'that '}{fact}."


def _sentence(fact: str) -> str:
    return fact[0].upper() + fact[1:] + "."


def repeated(rng: Random) -> Dialogue:
    draw = rng.random()
    if draw < 0.15:
        who = name(rng)
        return _two(typed(rng, rng.choice(_GREET), who, polite=False), f"Hello, {who}!")
    if draw < 0.28:
        who = name(rng)
        who = who.lower() if rng.random() < 0.15 else who
        return _two(typed(rng, rng.choice(_CALLED), who, polite=False), _meet(who))
    if draw < 0.36:
        said, noted, _, _ = _told(rng)
        return _two(said, noted)
    text = phrase(rng)
    if rng.random() < 0.04:
        text = "this is a test"
    return _two(typed(rng, rng.choice(_REPEAT), text, polite=rng.random() < 0.3), text.rstrip() if text[-1] not in ".!" else text)


def _two(said: str, answer: str) -> Dialogue:
    return Dialogue([user(said), assistant(answer)])


def turn(rng: Random) -> tuple[str, str]:
    """Something between, as it comes in a conversation."""
    draw = rng.random()
    if draw < 0.42:
        return talk.small_talk(rng)
    if draw < 0.72:
        return server.question(rng)
    if draw < 0.82:
        return talk.about_itself(rng)
    if draw < 0.9:
        text = phrase(rng)
        return typed(rng, rng.choice(_REPEAT), text, polite=False), text
    return beyond.question(rng)


def between(rng: Random, most: int) -> list[Message]:
    """At most so many turns of something else."""
    found = []
    for _ in range(rng.randint(0, most)):
        asked, answer = turn(rng)
        found += [user(asked), assistant(answer)]
    return found


def recalled(rng: Random, most: int = 2) -> Dialogue:
    draw = rng.random()
    if draw < 0.1:
        asked, answer = turn(rng)
        mine = rng.random() < 0.55
        question = rng.choice(
            ("What did I just ask?", "What was my last question?", "What did I say?", "what did i just say", "Repeat my question.")
            if mine
            else ("What did you just say?", "Say that again.", "Repeat that.", "What did you say?", "Again, please.", "once more")
        )
        return Dialogue(
            [user(asked), assistant(answer), user(typed(rng, question)), assistant(f"You said: {asked}" if mine else answer)]
        )
    if draw < 0.2:
        said, noted, asked, answer = _told(rng)
        _, _, other, wrong = _told(rng)
        told = [user(said), assistant(noted)] if rng.random() < 0.5 else []
        if told and (wrong.split()[:3] == answer.split()[:3] or "city" in other or "home" in other):
            return Dialogue([*told, user(asked), assistant(answer)])
        missing = NAME_UNKNOWN if wrong.startswith("Your name is") else UNKNOWN
        return Dialogue([*told, *between(rng, 1), user(other), assistant(missing)])
    if draw < 0.3:
        who, where = name(rng), city(rng)
        said = typed(rng, rng.choice(("My name is {} and I live in {}.", "I am {} from {}.", "Hi, I'm {} and I come from {}.",
                                      "I'm {}, I live in {}")), who, where, polite=False)  # fmt: skip
        asked, answer = (rng.choice(_WHO), f"Your name is {who}.") if rng.random() < 0.5 else (
            rng.choice(_TOLD[0][0][2]), f"You live in {where}."
        )  # fmt: skip
        return Dialogue(
            [user(said), assistant(_meet(who)), *between(rng, most), user(typed(rng, asked, polite=False)), assistant(answer)]
        )
    facts = [_told(rng) for _ in range(2 if draw < 0.42 else 1)]
    if len(facts) == 2 and facts[0][3].split()[:3] == facts[1][3].split()[:3]:
        facts.pop()
    messages: list[Message] = []
    for said, noted, _, _ in facts:
        messages += [user(said), assistant(noted)]
    messages += between(rng, most)
    for _, _, asked, answer in rng.sample(facts, len(facts)):
        messages += [user(asked), assistant(answer)]
    return Dialogue(messages)


_PERSONA = _several("""You are {}.;Your name is {}.;You are {}, a helpful assistant.;You are a helpful assistant called
{}.;You are an assistant named {}.;You are {}, an assistant for a {}.;You are a chatbot named {}. You love {}.;Act as {}.;Your
name is {}. Be brief.;You are {}. Answer in short sentences.;You are {}, a friendly {}.;Pretend to be {}.;You play the role of
{}.;You are called {}.;Your name is {} and you help with {}.;You are the bot {}.;You are a {} called {*}.;Play {}.""")
_TITLES = "Captain Doctor Professor Sir Queen King Mister Agent Uncle Aunt Detective Chef".split()


def persona(rng: Random) -> Dialogue:
    who = name(rng)
    if rng.random() < 0.12:
        who = who.upper()
    elif rng.random() < 0.2:
        who = f"{rng.choice(_TITLES)} {who}"
    frame = rng.choice(_PERSONA)
    others = iter([word(rng), word(rng)])
    filled = frame.replace("{*}", "\0")
    if "\0" in filled:
        system = filled.replace("{}", next(others)).replace("\0", who)
    else:
        system = filled.replace("{}", who, 1).replace("{}", next(others))
    asked = typed(rng, rng.choice(_NAMED), polite=False)
    answer = f"I am {who}. How can I help you?"
    if rng.random() < 0.2:
        asked, answer = turn(rng)
        if answer in (talk.SELF, talk.SMALL):
            answer = f"I am {who}. How can I help you?"
    return Dialogue([{"role": "system", "content": system}, *between(rng, rng.choice((0, 0, 0, 1))), user(asked), assistant(answer)])


_NAMED = _several("""Who are you?;What is your name?;what's your name;Introduce yourself.;Tell me your name.;What are you
called?;who is this?;Hi, who are you?;What should I call you?;And you are?;your name?;Who am I talking to?;Do you have a
name?;please introduce yourself;Hello, what is your name?;Tell me who you are.;who are you exactly?;May I know your name?;Hi,
who am I speaking to?;which name do you have?""")


def filler(rng: Random, words: int) -> str:
    """A long text that says nothing, for a system prompt."""
    found: list[str] = []
    while sum(len(each.split()) for each in found) < words:
        found.append(
            rng.choice(
                (
                    f"The {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(VERBS)} near the {rng.choice(NOUNS)}.",
                    f"You know about {rng.choice(NOUNS)}s and {rng.choice(NOUNS)}s.",
                    f"Always be {rng.choice(ADJECTIVES)} when the user asks for a {rng.choice(NOUNS)}.",
                    f"Never talk about {rng.choice(ADJECTIVES)} {word(rng)}s.",
                    f"In {city(rng)} every {rng.choice(NOUNS)} {rng.choice(VERBS)}.",
                )
            )
        )
    return " ".join(found)
