"""Checks whether llama.cpp can use a chat template: ``python -m app.model_process.trial`` loads a small model with it.

llama.cpp parses a template when it loads a model, and does not load the model if it cannot use the template. It has its
own implementation of Jinja, so no other library can decide that. Loading the real model for this check would take too
long.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .environment import needed

# The timeout, and that of the reason. A trial takes a tenth of a second.
_SECONDS = 30.0
_REASON_SECONDS = 2.0
_LONGEST_REASON = 200
_READY, _TAKEN = "ready", "taken"
_REASON = re.compile(r"(?:^Error|common_chat_templates_init: error): (.+)$", re.MULTILINE)
# The last line that llama.cpp writes about a model that it does not load.
_LAST = re.compile(r"exiting due to .*\n")


def refusal(template: str, model: Path) -> str | None:
    """Return llama.cpp's reason why it cannot use a template. None: it can, or it cannot load ``model``, which is any
    small model, even without the template."""
    try:
        run = subprocess.run(
            [sys.executable, "-P", "-m", "app.model_process.trial", str(model)],
            env=needed(os.environ),
            input=template,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # The exit status may be lost, because gunicorn's master reaps every child itself.
    said = run.stdout.split()
    if _READY not in said or _TAKEN in said:
        return None
    reasons = _REASON.findall(run.stderr)
    return reasons[-1].strip()[:_LONGEST_REASON] if reasons else "it does not say why"


def _loads(llama: Any, model: str, template: str, socket: str) -> bool:
    parameters = llama.CommonParams()
    parameters.model.path = model
    parameters.chat_template = template
    parameters.n_ctx = 64
    parameters.n_parallel = 1
    parameters.cache_ram_mib = 0
    parameters.verbosity = 1  # errors, which contain the reason
    parameters.hostnames = [socket]
    try:
        _kept.append(llama.Server(parameters))
    except RuntimeError:
        return False
    return True


def _reason(said: Path) -> str:
    """Return what llama.cpp has written once all of it is there: a thread of it writes, which may be late."""
    end = time.monotonic() + _REASON_SECONDS
    while not _LAST.search(text := said.read_text(errors="replace")) and time.monotonic() < end:
        time.sleep(0.005)
    return text


# Servers that run until the process ends.
_kept: list[Any] = []


def main(arguments: list[str]) -> None:
    """Print whether a model can be loaded at all, and then whether it can with the template from stdin."""
    (model,) = arguments
    os.environ["GGML_NO_BACKTRACE"] = "1"
    llama = importlib.import_module("xllamacpp")
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        if _loads(llama, model, "", f"{folder}/1.sock"):
            print(_READY, flush=True)
            template = sys.stdin.buffer.read().decode()
            said, stderr = Path(folder, "stderr"), os.dup(2)
            os.dup2(os.open(said, os.O_CREAT | os.O_WRONLY), 2)
            if _loads(llama, model, template, f"{folder}/2.sock"):
                print(_TAKEN, flush=True)
            else:
                os.write(stderr, _reason(said).encode())
    # Skip destructors: threads of llama.cpp still run.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
