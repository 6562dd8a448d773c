"""Where the model processes of a server listen: told by the launcher in the environment, where workers find it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import ConfigurationError

SOCKET_VARIABLE = "PARLEY_CHILD_SOCKET"
KEY_VARIABLE = "PARLEY_CHILD_KEY"
IN_FLIGHT_VARIABLE = "PARLEY_CHILD_IN_FLIGHT"

# The file beside the socket in which the workers tell each other which slots they use.
SLOTS_SUFFIX = ".slots"

# Characters of a key.
KEY_LENGTH = 64


def address_variables(number: int = 0) -> tuple[str, str]:
    """The variables with the socket and the key of the server's model with a number, counted from 0."""
    suffix = f"_{number + 1}" if number else ""
    return SOCKET_VARIABLE + suffix, KEY_VARIABLE + suffix


def address_from_environment(number: int = 0) -> tuple[str, str]:
    """The socket path and the key that were published for the server's model with a number, counted from 0.

    Raises:
        ConfigurationError: nothing was launched before this process began.
    """
    socket, key = address_variables(number)
    try:
        return os.environ[socket], os.environ[key]
    except KeyError:
        raise ConfigurationError(
            "No model process was launched: launch an app.model_process.pool.ProcessPool first."
        ) from None


def models_are_launched(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a process above this one has launched the model processes."""
    return SOCKET_VARIABLE in environ
