"""The model process, ``python -m app.model_process.child``: llama.cpp behind a private unix socket.

It lives as long as its supervisor. It inherits a pipe from the supervisor: the key comes first, then nothing until the
supervisor has ended. Signals do not end the process, so that answers in progress are finished.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import importlib
import json
import os
import signal
import sys
from typing import Any, NoReturn

from .address import KEY_LENGTH

# gunicorn's master halts when one of its children exits with status 3 or 4, so these statuses avoid both.
EXIT_CANNOT_LOAD = 5
EXIT_CANNOT_IMPORT = 6

_PR_SET_PDEATHSIG = 1

# The number of answers that llama.cpp generates or queues at once, for all workers of a server.
HTTP_THREADS = 256

LIBGOMP_HINT = (
    "llama.cpp needs the system library libgomp.so.1: install libgomp1 (Debian/Ubuntu: apt-get install -y libgomp1)."
)

IGNORED_SIGNALS = frozenset(
    {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class ChildOptions:
    """How to serve a model.

    ``context_length`` is in tokens and applies to each of the ``slots``, the answers that are generated in parallel.
    ``threads`` is the number of compute threads; more than the available cores make it very slow. ``projector`` is the
    file that converts images or audio to the model's input, or empty. ``chat_template`` is a template's text, or a name
    that llama.cpp knows, which replaces the model's own template; or empty. ``embeds``: the model makes embeddings, and
    nothing else.
    """

    model: str
    context_length: int
    slots: int = 4
    threads: int = 1
    projector: str = ""
    chat_template: str = ""
    embeds: bool = False

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ChildOptions:
        return cls(**json.loads(text))


def ignore_signals() -> None:
    """Ignore the signals that end a server, and unblock those that the parent blocked during the start."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)


def say(sentence: str) -> None:
    """Write one line to stderr, which may be closed."""
    with contextlib.suppress(OSError, ValueError):
        print(f"parley: {sentence}", file=sys.stderr, flush=True)


def read_key(life_line: int) -> str:
    """Read the key, which comes first from the pipe. If the pipe ends before, exit."""
    key = b""
    while len(key) < KEY_LENGTH:
        piece = os.read(life_line, KEY_LENGTH - len(key))
        if not piece:
            sys.exit(0)
        key += piece
    return key.decode()


def wait_for_end(life_line: int) -> None:
    """Block until the last holder of the other end of the pipe has closed it."""
    while os.read(life_line, KEY_LENGTH):
        pass


def _end_with_parent() -> None:
    """Have the system kill this process when its parent ends, even while this process is stopped or loads the model."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(options: ChildOptions, socket: str, key: str) -> Any:
    """Load the model and listen. Return the server; a reference to it must be kept."""
    # When an assertion fails, llama.cpp would start a debugger, whose report may contain prompts.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    llama = importlib.import_module("xllamacpp")
    parameters = llama.CommonParams()
    parameters.model.path = options.model
    parameters.n_parallel = options.slots
    parameters.kv_unified = False
    parameters.n_ctx = options.context_length * options.slots
    parameters.fit_params = False  # the context length is given, not derived from free memory
    for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
        cpu.n_threads = options.threads
        cpu.poll = 0  # idle threads sleep instead of spinning
    parameters.n_batch = parameters.n_ubatch = 256  # short steps, so that a long prompt does not stall other answers
    if options.projector:
        parameters.mmproj.path = options.projector
        parameters.n_batch = parameters.n_ubatch = 512  # some models must read a whole image in one step
    if options.embeds:
        parameters.embedding = True
        parameters.n_batch = parameters.n_ubatch = options.context_length  # a whole text is read in one step
    parameters.chat_template = options.chat_template
    parameters.media_path = ""  # no access to files
    parameters.video_ffmpeg_bin_dir = os.devnull  # no external programs for media that llama.cpp cannot decode itself
    # Each stream occupies a thread. llama.cpp would add threads one by one; sometimes a request, or a health check,
    # would then wait until a whole answer has ended. So all threads are started in advance.
    parameters.n_threads_http = HTTP_THREADS
    parameters.cache_ram_mib = 0  # llama.cpp would take 8 GiB
    parameters.prefill_assistant = False  # a final assistant message is history, not a prefix to continue
    parameters.verbosity = -1
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    parameters.endpoint_metrics = True
    parameters.hostnames = [socket]
    parameters.api_keys = [key]
    return llama.Server(parameters)


def _end(status: int) -> NoReturn:
    # Skip destructors: threads of llama.cpp still run, and joining them can abort the process.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(status)


def main(arguments: list[str]) -> NoReturn:
    """Serve until the supervisor ends. Arguments: socket path, the pipe's descriptor, options as JSON."""
    ignore_signals()
    _end_with_parent()
    socket, life_line, options = arguments[0], int(arguments[1]), ChildOptions.from_json(arguments[2])
    key = read_key(life_line)
    os.umask(0o077)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(socket)
    try:
        _server = _serve(options, socket, key)
    except ImportError as error:
        say(
            LIBGOMP_HINT
            if "libgomp" in str(error)
            else f"the package xllamacpp cannot be imported ({error}): install it again."
        )
        _end(EXIT_CANNOT_IMPORT)
    except Exception:  # llama.cpp raises RuntimeError, and OverflowError for numbers that are too large
        say(
            f"llama.cpp could not load the model {options.model}"
            + (f" with the projector {options.projector}, which may be another model's" if options.projector else "")
            + ": this version may not support its architecture, or memory may be short."
        )
        _end(EXIT_CANNOT_LOAD)
    ignore_signals()  # some versions of llama.cpp install their own handlers
    wait_for_end(life_line)
    _end(0)


if __name__ == "__main__":
    main(sys.argv[1:])
