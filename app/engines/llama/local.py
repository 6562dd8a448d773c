"""What all engines of a model process share: one model, and the life of the connection to its process."""

from __future__ import annotations

from ..base import Model
from .process import ModelProcess


class LocalEngine:
    """The part of `base.Engine` that does not depend on what the model is used for."""

    def __init__(self, model: Model, process: ModelProcess) -> None:
        self._model = model
        self._process = process

    @property
    def models(self) -> tuple[Model, ...]:
        """The one model of the process."""
        return (self._model,)

    async def start(self) -> None:
        """As `ModelProcess.start`."""
        await self._process.start()

    async def close(self) -> None:
        """Close the connections to the process."""
        await self._process.close()

    async def ready(self) -> bool:
        """Return whether the model is loaded and answers. Takes at most one second."""
        return await self._process.ready()
