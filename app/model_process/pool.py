"""The model processes of a server, as seen by the process that launches them.

Forked workers find them in the environment. A process that is not needed after a reload lives until the last worker
that was forked with it has ended.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigurationError
from .address import address_variables
from .child import ChildOptions
from .health import is_loaded
from .supervisor import Supervision, begin, check, publish_share

log = logging.getLogger("parley")

_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Launch:
    """A model to launch. ``fingerprint`` changes with the file."""

    options: ChildOptions
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Running:
    launch: Launch
    supervision: Supervision


class ProcessPool:
    """Starts wanted processes, keeps those that are still wanted, and releases the rest."""

    def __init__(self, probe: float = 0.0) -> None:
        """``probe``: seconds without an answer or work after which a process is restarted; 0: never."""
        self._probe = probe
        self._running: list[_Running] = []

    @property
    def launched(self) -> tuple[Launch, ...]:
        """The running models, in order."""
        return tuple(one.launch for one in self._running)

    def launch(self, wanted: Sequence[Launch], *, workers: int, patience: float = 0.0) -> None:
        """Run exactly these models, and publish them in this order. With a ``patience``, in seconds, wait until the
        new ones are loaded. Restart those that have ended.

        Raises:
            ConfigurationError: a model cannot be run, or is not loaded in time; then nothing has changed.
        """
        if wanted:
            check()
        self.revive()
        kept = list(self._running)
        running: list[_Running] = []
        new: list[_Running] = []
        try:
            for launch in wanted:
                found = next((one for one in kept if one.launch == launch), None)
                if found is None:
                    found = _Running(launch, begin(launch.options, self._probe))
                    new.append(found)
                else:
                    kept.remove(found)
                running.append(found)
            if patience:
                _wait(new, patience)
        except ConfigurationError:
            for one in new:
                one.supervision.close(timeout=0)
            raise
        for one in kept:
            one.supervision.close(timeout=0)
        for number, one in enumerate(running):
            one.supervision.publish(number)
        for number in range(len(running), len(self._running)):
            for name in address_variables(number):
                os.environ.pop(name, None)
        publish_share(workers)
        self._running = running

    def revive(self) -> None:
        """Restart supervisors that have ended, and their processes, at the same addresses. Call it every second."""
        for one in self._running:
            path = one.launch.options.model
            try:
                if one.supervision.revive():
                    log.error("the supervisor of the model %s had ended and is being restarted", path)
            except ConfigurationError as error:
                log.error("the supervisor of the model %s has ended: %s", path, error)

    def close(self) -> None:
        """Release all processes, and wait a moment for each."""
        running, self._running = self._running, []
        for one in running:
            one.supervision.close()


def _wait(new: Sequence[_Running], patience: float) -> None:
    deadline = time.monotonic() + patience
    for one in new:
        while not is_loaded(one.supervision.socket, one.supervision.key):
            if time.monotonic() >= deadline:
                raise ConfigurationError(
                    f"The model {one.launch.options.model} was not loaded within {patience:g} seconds."
                )
            time.sleep(_PAUSE)
