"""``python -m bench.llama FILE PORT THREADS SLOTS CONTEXT``: llama.cpp's own server."""

from __future__ import annotations

import sys
import threading

import xllamacpp


def serve(path: str, port: int, threads: int, slots: int, context: int) -> None:
    """Serve a model on a port of loopback until the process is ended."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_parallel = slots
    parameters.kv_unified = False
    parameters.n_ctx = context * slots
    parameters.fit_params = False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.cache_ram_mib = 0
    parameters.verbosity = -1
    parameters.ui = False
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    _server = xllamacpp.Server(parameters)
    threading.Event().wait()


if __name__ == "__main__":
    serve(sys.argv[1], *map(int, sys.argv[2:]))
