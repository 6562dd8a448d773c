"""Scores a model on the prompts in ``eval/``, of a real server: ``python -m tools.tiny_model.evaluate``.

Needs what the project's tests need, and nothing of this folder's requirements.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.live import Server, serve

from .corpus import dialogues
from .files import BUNDLED, HELD_OUT
from .filler import filler

MOST_TOKENS = 200
# What an answer that admits a limit has in it.
HONEST = re.compile(r"too small|demasiado pequeño|zu klein|trop petit", re.IGNORECASE)
_NO_SUMS = re.compile(r"too small for arithmetic")


@dataclass(frozen=True, slots=True)
class Scored:
    """A prompt with its answer as text, and what is wrong with it; "" where nothing is."""

    prompt: dict[str, Any]
    answer: str
    wrong: str
    looped: bool
    gibberish: bool


def prompts(file: Path = HELD_OUT) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def after(prompt: dict[str, Any], words: int) -> dict[str, Any]:
    """The prompt with so many words before it, to see how far the context reaches."""
    if not words:
        return prompt
    rng = Random(prompt["id"])
    first, *rest = prompt["messages"]
    text = filler(rng, words)
    if first["role"] == "system":
        return {**prompt, "messages": [{**first, "content": f"{text} {first['content']}"}, *rest]}
    return {**prompt, "messages": [{"role": "system", "content": text}, first, *rest]}


def scored(server: Server, prompt: dict[str, Any]) -> Scored:
    """Ask one, at temperature 0."""
    body = {
        "model": "parley-tiny",
        "temperature": 0,
        "max_tokens": MOST_TOKENS,
        **{key: value for key, value in prompt.items() if key not in ("id", "kind", "expect")},
    }
    answer = server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer)
    if answer.status != 200:
        return Scored(prompt, answer.body.decode(), f"status {answer.status}", False, False)
    choice = answer.json()["choices"][0]
    message = choice["message"]
    text = message["content"] or ""
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
    looped = choice["finish_reason"] == "length" or loops(text)
    said = " ".join(str(each["content"]) for each in prompt["messages"])
    shown = " ".join([*([text] if text else []), *(f"{name}({arguments})" for name, arguments in calls)])
    strange = not calls and "response_format" not in prompt and _gibberish(text, said)
    return Scored(prompt, shown, fault_of(prompt["expect"], text, calls), looped, strange)


def fault_of(expect: dict[str, Any], text: str, calls: list[tuple[str, str]]) -> str:
    """What is wrong with an answer; "" if nothing is."""
    if "call" in expect:
        wanted = expect["call"]
        if [name for name, _ in calls] != [wanted["name"]]:
            return "wrong or no call"
        return "" if _read(calls[0][1]) == wanted["arguments"] else "wrong arguments"
    if calls:
        return "a call that was not asked for"
    if "no_call" in expect:
        return "" if text else "no answer"
    if "json" in expect:
        return _json_fault(expect["json"], text)
    if "number" in expect:
        right = re.search(rf"(?:^|= ){expect['number']}\.?$", text) or _NO_SUMS.search(text)
        return "" if right else "wrong number"
    if "fallback" in expect:
        return "" if HONEST.search(text) else "no honest fallback"
    missing = [pattern for pattern in expect["has"] if not re.search(pattern, text, re.IGNORECASE)]
    return f"lacks {missing[0]}" if missing else ""


def _json_fault(wanted: dict[str, Any], text: str) -> str:
    found = _read(text)
    if not isinstance(found, dict):
        return "no JSON object"
    for key, value in wanted.items():
        given = found.get(key)
        right = str(given).casefold() in str(value).casefold().split("|") if isinstance(value, str) else given == value
        if not right:
            return f"wrong {key}"
    return ""


def _read(text: str) -> Any:
    """JSON as a value, None if it is not JSON: it may have been cut off."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def loops(text: str) -> bool:
    """Whether some four words come three times."""
    words = text.split()
    return max(Counter(tuple(words[at : at + 4]) for at in range(len(words) - 3)).values(), default=0) > 2


def _gibberish(text: str, said: str) -> bool:
    """Whether a word is in it that neither the conversation has, nor any answer of the corpus."""
    known = _vocabulary() | set(_words(said))
    return any(word not in known for word in _words(text))


@cache
def _vocabulary() -> frozenset[str]:
    answers = (
        str(message["content"])
        for dialogue in dialogues(40_000, 0, first=0)
        for message in dialogue.messages
        if message["role"] == "assistant"
    )
    counts = Counter(word for answer in answers for word in set(_words(answer)))
    return frozenset(word for word, count in counts.items() if count > 1)


def _words(text: str) -> Iterator[str]:
    return (word.casefold() for word in re.findall(r"[^\W\d_]+", text))


def table(results: list[Scored]) -> str:
    """Markdown: how many of each kind are right, then everything that is not."""
    lines = ["| Prompts | Right | |", "| --- | --- | --- |"]
    kinds = dict.fromkeys(result.prompt["kind"] for result in results)
    for kind in kinds:
        of_kind = [not result.wrong for result in results if result.prompt["kind"] == kind]
        lines.append(f"| {kind} | {sum(of_kind)} of {len(of_kind)} | {100 * sum(of_kind) / len(of_kind):.0f} % |")
    right = sum(not result.wrong for result in results)
    lines.append(f"| all | {right} of {len(results)} | {100 * right / len(results):.0f} % |")
    lines.append(f"| loops | {sum(result.looped for result in results)} of {len(results)} | |")
    lines.append(
        f"| with a word that nobody said | {sum(result.gibberish for result in results)} of {len(results)} | |"
    )
    lines += ["", "| Failed | Answer | Why |", "| --- | --- | --- |"]
    for result in results:
        if result.wrong or result.looped or result.gibberish:
            last = result.prompt["messages"][-1]["content"]
            why = result.wrong or ("loop" if result.looped else "a word that nobody said")
            lines.append("| " + " | ".join(_cell(text) for text in (last, result.answer, why)) + " |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    text = " ".join(text.split()).replace("|", "\\|")
    return text if len(text) <= 90 else text[:90] + "…"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.tiny_model.evaluate", description=__doc__)
    parser.add_argument("model", nargs="?", type=Path, default=BUNDLED)
    parser.add_argument("--prompts", type=Path, default=HELD_OUT)
    parser.add_argument("--filler", type=int, default=0, help="words that say nothing, as a system prompt before each")
    options = parser.parse_args()
    asked = [after(prompt, options.filler) for prompt in prompts(options.prompts)]
    env = {"PARLEY_MODEL": str(options.model.resolve()), "PARLEY_MODEL_ID": "parley-tiny", "PARLEY_MODEL_THREADS": "1"}
    with serve("llama", env) as server:
        print(table([scored(server, prompt) for prompt in asked]))


if __name__ == "__main__":
    main()
