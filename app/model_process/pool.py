"""The model processes of a server, as the process that launches them holds them.

Workers find them in the environment when they are forked. Those that a reload has no use for live on until the last
worker that was forked with them has ended.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..engines.llama.process import ModelProcess
from ..errors import ConfigurationError
from .child import address_variables
from .model_file import ServedModel
from .supervisor import Supervision, begin, check, publish_share

_PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class _Running:
    served: ServedModel
    supervision: Supervision

    def serves(self, wanted: ServedModel) -> bool:
        """Whether it is what is wanted: the same file, unchanged, served in the same way."""
        return (self.served.options, self.served.model.fingerprint) == (wanted.options, wanted.model.fingerprint)


class Fleet:
    """Starts what is wanted, keeps what is wanted still, lets go of the rest."""

    def __init__(self) -> None:
        self._running: list[_Running] = []

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """The models whose processes run, in their order."""
        return tuple(one.served for one in self._running)

    def launch(self, wanted: Sequence[ServedModel], *, workers: int, patience: float = 0.0) -> None:
        """Have just these running, and publish them in this order. With a ``patience``, in seconds, those that are
        new are waited for until they are loaded.

        Raises:
            ConfigurationError: one cannot be run, or is not loaded in time; then all is as it was.
        """
        if wanted:
            check()
        kept = list(self._running)
        running: list[_Running] = []
        new: list[_Running] = []
        try:
            for served in wanted:
                found = next((one for one in kept if one.serves(served)), None)
                if found is None:
                    found = _Running(served, begin(served.options))
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
        for place, one in enumerate(running):
            one.supervision.publish(place)
        for place in range(len(running), len(self._running)):
            for name in address_variables(place):
                os.environ.pop(name, None)
        publish_share(workers)
        self._running = running

    def close(self) -> None:
        """Let go of all, and wait a moment for each."""
        running, self._running = self._running, []
        for one in running:
            one.supervision.close()


def _wait(new: Sequence[_Running], patience: float) -> None:
    deadline = time.monotonic() + patience
    for one in new:
        while not asyncio.run(_is_loaded(one.supervision)):
            if time.monotonic() >= deadline:
                raise ConfigurationError(
                    f"The model {one.served.options.model} was not loaded within {patience:g} seconds."
                )
            time.sleep(_PAUSE)


async def _is_loaded(supervision: Supervision) -> bool:
    process = ModelProcess(lambda: (supervision.socket, supervision.key), in_flight=1)
    await process.start()
    try:
        return await process.ready()
    finally:
        await process.close()
