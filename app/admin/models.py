"""The ids of models that an operator names by an alias."""

from __future__ import annotations

from collections.abc import Iterable

from ..configuration.chosen import chosen
from ..settings import Settings


class ModelIds:
    """The ids of the models that the configuration names, by their aliases. A key's models, and limits, are by id.

    Raises:
        ConfigurationError: the configuration cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        # Under mocks no model is served, and the configuration is not read.
        models = chosen(settings).models if settings.mock != "all" else ()
        self._ids = {alias: entry.id for entry in models for alias in entry.keys.aliases}

    def of(self, name: str) -> str:
        """Return the id of a model; a name that the configuration does not have stays, because an upstream may have
        it."""
        return self._ids.get(name, name)

    def of_all(self, names: Iterable[str] | None) -> list[str] | None:
        """Return the ids of several models, without repetitions. None stays."""
        return None if names is None else list(dict.fromkeys(map(self.of, names)))
