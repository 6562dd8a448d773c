"""How gunicorn's graceful_timeout is divided: its master kills the workers at the end of it, and a worker by itself
would wait just as long for its requests, with no time left to answer those that it then gives up."""

# Seconds that a worker takes for its own end.
_ENDING = 2


def of_master(patience: int) -> int:
    """Return the graceful_timeout with which requests have ``patience`` seconds."""
    return patience + _ENDING


def of_requests(graceful_timeout: int) -> int:
    """Return for how many seconds a worker may wait for requests: at least one, if the timeout is not 0."""
    return max(graceful_timeout - _ENDING, min(graceful_timeout, 1))
