"""Has models on a hub downloaded before they are served, and passes their paths to later processes.

The process that launches the model processes does this before it forks. Workers find the paths in the environment, so
no worker sends requests to the hub, and all use the same file even if the file on the hub changes meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..errors import ConfigurationError
from .hub_cache import check_package
from .reference import PREFIX, Reference
from .storing import Say

FILES_VARIABLE = "PARLEY_CHILD_FILES"


def fetch(text: str, say: Say) -> Path:
    """Return the file of a model on a hub; download it unless it exists. The progress goes to stderr if that is a
    terminal, else to ``say``.

    Raises:
        ConfigurationError: the file cannot be obtained.
    """
    Reference.parse(text)
    check_package()
    here = str(Path(__file__).resolve().parents[2])
    search = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    answer: dict[str, str] = {}
    command = [sys.executable, "-P", "-W", "ignore", "-m", "app.model_files.hub", text]
    try:
        # The child's stdin closes when this process ends, for whatever reason.
        with subprocess.Popen(
            command,
            env={"HF_HUB_VERBOSITY": "error", "HF_HUB_DISABLE_TELEMETRY": "1", **os.environ, "PYTHONPATH": search},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                answer = json.loads(line)
                if "say" in answer:
                    say(answer["say"])
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{text} cannot be downloaded ({type(error).__name__}).") from None
    if "path" in answer:
        return Path(answer["path"])
    raise ConfigurationError(answer.get("error") or f"{text}: the download was interrupted. Start again to resume it.")


def fetch_all(texts: Mapping[str, str | None], say: Say) -> None:
    """Fetch those of the texts that name a model on a hub, and publish the paths to processes that are started later.
    The keys are the places of the texts, for error messages.

    Raises:
        ConfigurationError: as `fetch`.
    """
    files = _published()
    fetched: set[str] = set()
    for place, text in texts.items():
        if text is not None and text.startswith(PREFIX) and text not in fetched:
            try:
                files[text] = str(fetch(text, say))
            except ConfigurationError as error:
                raise ConfigurationError(f"{place}: {error}") from None
            fetched.add(text)
    if fetched:
        os.environ[FILES_VARIABLE] = json.dumps(files)


def published(text: str) -> Path | None:
    """Return the published file of a model on a hub; None if it was not published, or no longer exists."""
    path = _published().get(text)
    return Path(path) if path is not None and os.path.isfile(path) else None


def _published() -> dict[str, str]:
    found: dict[str, str] = json.loads(os.environ.get(FILES_VARIABLE) or "{}")
    return found
