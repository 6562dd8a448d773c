"""How long a model takes to load, to its first token, and for each token more: ``python -m tools.tiny_model.speed``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import xllamacpp

from .dialogue import ENDS
from .files import BUNDLED

_ROUNDS, _TOKENS = 7, 400
_ENDLESS = {str(end): -100 for end in ENDS}


def loaded(model: Path, folder: str) -> Any:
    options = xllamacpp.CommonParams()
    options.model.path = str(model)
    options.n_ctx = 4096
    options.n_parallel = 1
    options.cache_ram_mib = 0
    options.verbosity = -1
    options.hostnames = [str(Path(folder, f"{time.monotonic_ns()}.sock"))]
    options.api_keys = [os.urandom(16).hex()]
    for threads in (options.cpuparams, options.cpuparams_batch):
        threads.n_threads = 1
        threads.poll = 0
    return xllamacpp.Server(options)


def main() -> None:
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLED
    loads, firsts, rates = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(_ROUNDS):
            begun = time.perf_counter()
            server = loaded(model, folder)
            loads.append(time.perf_counter() - begun)
            times: list[float] = []
            body = {
                "messages": [{"role": "user", "content": f"Hello number {turn}!"}],
                "stream": True,
                "max_tokens": _TOKENS,
                "logit_bias": _ENDLESS,
                "temperature": 0,
            }
            begun = time.perf_counter()
            server.handle_chat_completions(body, lambda chunk, seen=times: seen.append(time.perf_counter()))
            firsts.append(times[1] - begun)
            rates.append((len(times) - 2) / (times[-1] - times[1]))
            del server
    print(
        f"best of {_ROUNDS}, on one thread: loads in {1000 * min(loads):.0f} ms, first token after "
        f"{1000 * min(firsts):.1f} ms, {max(rates):.0f} tokens/s"
    )


if __name__ == "__main__":
    main()
