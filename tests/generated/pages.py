"""What stands on pages: the tables in ``docs/clients.md``, which the tests that build the clients hold to be what they
saw, and commands and blocks of code, which they run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from .. import published

PAGE = published.DOCS / "clients.md"


def options(generator: str, *words: str) -> list[str]:
    """The options with which the page has a generator called: in its one command with these words, what stands after
    the output folder.

    Raises:
        AssertionError: the page has no such command, or several.
    """
    page = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    called = [shlex.split(line) for line in page.splitlines() if line.startswith("openapi-generator-cli generate ")]
    found = [command for command in called if generator in command and set(words) <= set(command)]
    assert len(found) == 1, f"docs/clients.md calls {generator} {len(found)} times with {words}"
    asked, document, folder, *rest = _pairs(found[0][2:])
    assert asked == ("-g", generator)
    assert document == ("-i", "openapi.json")
    assert folder[0] == "-o"
    return [word for pair in rest for word in pair]


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


def hold(name: str, table: str) -> None:
    """Hold the table of that name in the page to be this one, or write it there.

    Raises:
        AssertionError: the page has another table, or none of this name.
    """
    published.hold(PAGE, name, table, "make clients")


def block(page: Path, language: str, word: str) -> str:
    """The first block of code of that language in a page of Markdown that has a word in it.

    Raises:
        AssertionError: there is none.
    """
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for found in blocks:
        if word in found:
            return str(found)
    raise AssertionError(f"{page} has no {language} block with {word!r}")
