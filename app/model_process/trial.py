"""Checks whether llama.cpp can use a chat template: ``python -m app.model_process.trial`` loads a small model with it.
Its stderr must be a file.

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
# The bytes of stderr that are looked at.
_SAID = 1 << 16
_LONGEST_REASON = 200
_READY, _TAKEN = "ready", "taken"
_REASON = re.compile(r"(?:^Error|common_chat_templates_init: error): (.+)$", re.MULTILINE)
# The last line that llama.cpp writes about a model that it does not load.
_LAST = re.compile(rb"exiting due to .*\n")


def refusal(template: str, model: Path) -> str | None:
    """Return llama.cpp's reason why it cannot use a template. None: it can, or it cannot load ``model``, which is any
    small model, even without the template."""
    with tempfile.TemporaryFile() as stderr:
        try:
            run = subprocess.run(
                [sys.executable, "-P", "-m", "app.model_process.trial", str(model)],
                env=needed(os.environ),
                input=template.encode(errors="replace"),
                stdout=subprocess.PIPE,
                stderr=stderr,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        written = os.pread(stderr.fileno(), _SAID, 0).decode(errors="replace")
    # The exit status may be lost, because gunicorn's master reaps every child itself.
    said = run.stdout.decode(errors="replace").split()
    if _READY not in said or _TAKEN in said:
        return None
    reasons = _REASON.findall(written)
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


def _wait_for_reason() -> None:
    """Wait until llama.cpp has said why: a thread of it writes, which the end of the process could forestall."""
    end = time.monotonic() + _REASON_SECONDS
    while not _LAST.search(os.pread(2, _SAID, 0)) and time.monotonic() < end:
        time.sleep(0.005)


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
            if _loads(llama, model, template, f"{folder}/2.sock"):
                print(_TAKEN, flush=True)
            else:
                _wait_for_reason()
    # Skip destructors: threads of llama.cpp still run.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
