"""The model process, ``python -m app.model_process.child``: llama.cpp behind a private unix socket.

It lives as long as its supervisor, from which it has a pipe: the key comes out of it first, then nothing until the
supervisor has ended. Signals do not end it, so that answers under way are finished.
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

# gunicorn's master halts when a child of its own ends with 3 or 4: these statuses stay clear of both.
EXIT_CANNOT_LOAD = 5
EXIT_CANNOT_IMPORT = 6

_PR_SET_PDEATHSIG = 1

# Answers that llama.cpp works on or keeps waiting at once, over all workers of a server.
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

    ``context_length`` is in tokens and holds for each of the ``slots``, the answers generated side by side.
    ``threads`` are those that compute; more than the cores at hand make it very slow. ``projector`` is the file that
    turns pictures or sounds into what the model reads, or empty. ``chat_template`` is the text of one, or a name that
    llama.cpp knows, instead of the model's own; or empty. ``embeds``: it makes embeddings, and nothing else.
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
    """Ignore the signals that end a server, and let in those that the parent blocked for the start."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED_SIGNALS)


def say(sentence: str) -> None:
    """Write one line to stderr, which may be gone."""
    with contextlib.suppress(OSError, ValueError):
        print(f"parley: {sentence}", file=sys.stderr, flush=True)


def read_key(life_line: int) -> str:
    """The key, which comes first out of a pipe. Ends this process when the pipe ends before."""
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
    """Have the system kill this process when the one that started it ends: also while it is stopped or loads."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _serve(options: ChildOptions, socket: str, key: str) -> Any:
    """Load the model and listen. Gives the server, which must be kept alive."""
    # When an assertion fails, llama.cpp would start a debugger, whose report may hold prompts.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    llama = importlib.import_module("xllamacpp")
    parameters = llama.CommonParams()
    parameters.model.path = options.model
    parameters.n_parallel = options.slots
    parameters.kv_unified = False
    parameters.n_ctx = options.context_length * options.slots
    parameters.fit_params = False  # the context is asked for, not guessed from free memory
    for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
        cpu.n_threads = options.threads
        cpu.poll = 0  # idle threads sleep instead of spinning
    parameters.n_batch = parameters.n_ubatch = 256  # short steps: a long prompt does not stall other answers
    if options.projector:
        parameters.mmproj.path = options.projector
        parameters.n_batch = parameters.n_ubatch = 512  # some models must see all of a picture in one step
    if options.embeds:
        parameters.embedding = True
        parameters.n_batch = parameters.n_ubatch = options.context_length  # all of a text is read in one step
    parameters.chat_template = options.chat_template
    parameters.media_path = ""  # no files
    parameters.video_ffmpeg_bin_dir = os.devnull  # no programs for what llama.cpp cannot decode itself
    # A stream holds a thread. llama.cpp would add threads one by one, and now and then a request, or the question
    # whether the model is ready, then waits for a whole answer to end: better that idle threads are at hand.
    parameters.n_threads_http = HTTP_THREADS
    parameters.cache_ram_mib = 0  # llama.cpp would take 8 GiB
    parameters.prefill_assistant = False  # a last message of the assistant is history, not a beginning to go on with
    parameters.verbosity = -1
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    parameters.endpoint_metrics = True
    parameters.hostnames = [socket]
    parameters.api_keys = [key]
    return llama.Server(parameters)


def _end(status: int) -> NoReturn:
    # Without destructors: threads of llama.cpp still run, and joining them can abort the process.
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
    except Exception:  # llama.cpp's own are RuntimeError; a number too large for it is an OverflowError
        say(
            f"llama.cpp could not load the model {options.model}"
            + (f" with the projector {options.projector}, which may be another model's" if options.projector else "")
            + ": this version may not support its architecture, or memory may be short."
        )
        _end(EXIT_CANNOT_LOAD)
    ignore_signals()  # some versions of llama.cpp install handlers of their own
    wait_for_end(life_line)
    _end(0)


if __name__ == "__main__":
    main(sys.argv[1:])
