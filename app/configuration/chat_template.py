"""The chat template that a configuration names for a model: a Jinja file, or a template built into llama.cpp."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError

# llama.cpp would read any other name as the text of a template.
CHATML = "chatml"

# The template is passed as a command-line argument, which Linux limits to 128 KiB, measured after escaping.
_MOST_BYTES = 60_000


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The template in use. ``text`` is its Jinja source, or `CHATML`; None: there is none. ``told`` says in messages
    where it comes from, and ``instead`` which key or setting names another one."""

    text: str | None
    told: str
    instead: str


def read_template(named: str) -> str:
    """The text of a template: the content of the file with this path, or `CHATML` itself.

    Raises:
        ConfigurationError: the file cannot be read, is empty, too long or not text.
    """
    if named == CHATML:
        return named
    path = Path(named)
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a path"
        raise ConfigurationError(
            f"The chat template {path} cannot be read ({reason}): name a Jinja file, or {CHATML}."
        ) from None
    if len(raw) > _MOST_BYTES:
        raise ConfigurationError(f"The chat template {path} is longer than {_MOST_BYTES} bytes: make it shorter.")
    if not text.strip():
        raise ConfigurationError(f"The chat template {path} is not text in UTF-8: name a Jinja file, or {CHATML}.")
    return text
