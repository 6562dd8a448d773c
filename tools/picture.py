"""Makes the picture in README, `docs/images/session.svg`: a server is started and asked, and what a terminal shows is
drawn. ``python -m tools.picture`` from the top folder; it needs curl and jq."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from html import escape
from pathlib import Path
from textwrap import wrap

from tests.live import serve

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "session.svg"
COLUMNS = 112
_LINE, _CHARACTER, _MARGIN = 19, 7.83, 16
# Spaces in a row are one in a picture, unless they are of this kind.
NBSP = "\N{NO-BREAK SPACE}"
_COLOURS = {"prompt": "#7ee787", "command": "#e6edf3", "output": "#a5b4c4"}

_ASK = """ask() { curl -s $URL/chat/completions -H "Authorization: Bearer $KEY" \\
          -H 'Content-Type: application/json' -d "$1"; }"""
_COMMANDS = (
    """ask '{"model": "parley-tiny", "messages": [{"role": "user", "content": "What are you?"}], "temperature": 0}' \\
  | jq -c '.choices[0].message, .usage.total_tokens'""",
    """ask '{"model": "parley-tiny", "messages": [{"role": "usr", "content": "What are you?"}]}' | jq -c .error""",
    """ask '{"model": "parley-tiny", "messages": [{"role": "user", "content": "Hi"}], "store": true}' | jq -c .error""",
)


def session() -> Iterator[tuple[str, str]]:
    """The lines of a session at a terminal, each with its kind."""
    with serve("llama", {"PARLEY_API_KEYS": None, "PARLEY_PORT": "8080"}) as server:
        yield "command", "make serve"
        for line in server.log().splitlines():
            if line.startswith(("Parley serves", "  Swagger UI", "  API key")):
                yield "output", line
        yield "output", ""
        yield "command", f"export URL={server.base} KEY={server.key}"
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        environment |= {"URL": server.base, "KEY": server.key}
        yield from _typed(_ASK)
        for command in _COMMANDS:
            yield "output", ""
            yield from _typed(command)
            script = f"{_ASK}\n{command}"
            done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, check=True, text=True)
            for line in done.stdout.splitlines():
                yield from (("output", piece) for piece in wrap(line, COLUMNS, break_on_hyphens=False))


def _typed(command: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(command.splitlines()):
        yield "more" if number else "command", line


def drawn(lines: list[tuple[str, str]]) -> str:
    """The picture of a session."""
    width, height = round(COLUMNS * _CHARACTER) + 2 * _MARGIN, len(lines) * _LINE + 2 * _MARGIN
    texts = []
    for number, (kind, line) in enumerate(lines):
        prompt = f'<tspan fill="{_COLOURS["prompt"]}">$ </tspan>' if kind == "command" else ""
        colour = _COLOURS["output" if kind == "output" else "command"]
        shown = prompt + escape(line).replace(" ", NBSP)
        texts.append(f'<text x="{_MARGIN}" y="{_MARGIN + 14 + number * _LINE}" fill="{colour}">{shown}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13"'
        f'>\n<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n' + "\n".join(texts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(drawn(list(session())), encoding="utf-8")
