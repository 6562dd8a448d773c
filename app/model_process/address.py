"""The addresses of a server's model processes: sockets in separate folders. The launcher passes them to workers in the
environment."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping

from ..errors import ConfigurationError

SOCKET_VARIABLE = "PARLEY_CHILD_SOCKET"
KEY_VARIABLE = "PARLEY_CHILD_KEY"
IN_FLIGHT_VARIABLE = "PARLEY_CHILD_IN_FLIGHT"

# The file beside the socket in which the workers share which slots they use.
SLOTS_SUFFIX = ".slots"

# Characters of a key.
KEY_LENGTH = 64

_SOCKET_NAME = "s.sock"  # llama.cpp recognizes by the suffix that it is not a host name
_LONGEST_SOCKET_PATH = 103  # bytes; Linux allows 107, macOS 103


def address_variables(number: int = 0) -> tuple[str, str]:
    """Return the names of the variables with a model's socket and key. Models are numbered from 0."""
    suffix = f"_{number + 1}" if number else ""
    return SOCKET_VARIABLE + suffix, KEY_VARIABLE + suffix


def address_from_environment(number: int = 0) -> tuple[str, str]:
    """Return the socket path and the key that were published for a model. Models are numbered from 0.

    Raises:
        ConfigurationError: no model process was launched before this process began.
    """
    socket, key = address_variables(number)
    try:
        return os.environ[socket], os.environ[key]
    except KeyError:
        raise ConfigurationError(
            "No model process was launched: launch an app.model_process.pool.ProcessPool first."
        ) from None


def models_are_launched(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a parent process has launched the model processes."""
    return SOCKET_VARIABLE in environ


def new_socket() -> str:
    """Return a path for a socket, in a new folder that only this user can access, short enough for a socket path.

    Raises:
        ConfigurationError: no folder can be created.
    """
    for parent in (None, "/tmp"):
        try:
            folder = tempfile.mkdtemp(prefix="parley-", dir=parent)
        except OSError as error:
            if parent is None:
                continue
            raise ConfigurationError(
                f"No folder can be made for the model's socket ({error}): set TMPDIR to a writable folder."
            ) from None
        path = os.path.join(folder, _SOCKET_NAME)
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        os.rmdir(folder)
    raise ConfigurationError("TMPDIR is too long for a socket path: set it to a shorter folder.")


def remove_socket(socket: str) -> None:
    """Remove the socket, the file beside it and its folder. A folder with other files stays."""
    for path in (socket, socket + SLOTS_SUFFIX):
        with contextlib.suppress(OSError):
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(socket))
