"""Finds the Python functions that handle the operations of a document, in the packages that may contain them."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import inflection

from ..errors import ConfigurationError
from .operations import Operation

Handler = Callable[..., Any]


class Handlers:
    """Looks up handlers.

    ``packages`` are dotted names; the first package that has a handler wins. ``renamed`` maps operationIds of the
    document to the operationIds that handlers are named after, for documents whose authors chose other names.

    Raises:
        ConfigurationError: a package cannot be imported.
    """

    def __init__(self, packages: Sequence[str], renamed: Mapping[str, str] | None = None) -> None:
        self.packages = tuple(packages)
        self.renamed = dict(renamed or {})
        # Cached, because a document has many operations and few tags.
        self._exists = functools.cache(_exists)
        for package in self.packages:
            _import(package)

    def find(self, operation: Operation) -> Handler | None:
        """Return the function for an operation, or None.

        Raises:
            ConfigurationError: a module that should have it cannot be imported, or there is no handler for the name
                that an operation is renamed to.
        """
        name = self.renamed.get(operation.id)
        for package in self.packages:
            found = _anywhere(package, name) if name else self._of_tag(package, operation)
            if found is not None:
                return found
        if name:
            raise ConfigurationError(
                f"PARLEY_OPERATIONS maps {operation.id} to {name}, for which there is no handler in "
                f"{' or '.join(self.packages)}."
            )
        return None

    def _of_tag(self, package: str, operation: Operation) -> Handler | None:
        """Return the function for an operation in a package, by its first tag and its operationId, or None.

        Raises:
            ConfigurationError: the module that should have it cannot be imported.
        """
        module = f"{package}.{_snake(operation.tag)}" if operation.tag else package
        return _function(module, operation.id) if self._exists(module) else None

    def check_names(self, operations: Sequence[Operation]) -> None:
        """Validate the renamed operationIds against the document.

        Raises:
            ConfigurationError: one is not an operation of the document.
        """
        known = {operation.id for operation in operations}
        for name in self.renamed:
            if name not in known:
                raise ConfigurationError(
                    f"PARLEY_OPERATIONS names the operation {name}, which the document does not have."
                )


def _anywhere(package: str, name: str) -> Handler | None:
    """Return the function for an operationId in a package or any of its modules, or None."""
    modules = [package]
    modules += [
        f"{package}.{module.name}" for module in pkgutil.iter_modules(getattr(_import(package), "__path__", []))
    ]
    return next(filter(None, (_function(module, name) for module in modules)), None)


def _function(module: str, name: str) -> Handler | None:
    found = getattr(_import(module), _snake(name), None)
    return found if callable(found) else None


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except Exception as error:  # a user's module may raise anything on import
        raise ConfigurationError(
            f"The handlers in {module} cannot be imported: {type(error).__name__}: {error}"
        ) from error


@functools.lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    return inflection.underscore(re.sub(r"\W+", "_", name).strip("_"))
