"""What programs and handlers of yours import: ``from parley import Reply, Stream``.

    create_app(settings)   the application, for any server that speaks ASGI
    Settings               its settings; ``Settings.from_environment()`` reads the variables
    Request                what a handler gets that has a parameter called ``request``
    Reply, Stream          what a handler answers with when a body alone does not say enough
    Event                  an event of a stream that has a name or an id beside its data
    Upload                 a file of a form, in a handler's ``body``
    ApiError               what a handler raises: derive a class of your own with its ``status``, ``type`` and
                           ``default_code``

These are promised to stay; all other modules are private.

Parley itself is the package ``app`` beside this one. It is loaded from there, so that a module ``app`` of yours, first
on the path, is not taken for it. In one process there is only one ``app``, though: where yours has been imported under
that name, Parley cannot be, and says so.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app import ApiError, Event, Reply, Request, Settings, Stream, Upload, create_app

__all__ = ["ApiError", "Event", "Reply", "Request", "Settings", "Stream", "Upload", "create_app"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(sys.modules["app"], name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _load() -> None:
    folder = Path(__file__).resolve().parents[1] / "app"
    found = sys.modules.get("app")
    if found is None:
        spec = spec_from_file_location("app", folder / "__init__.py", submodule_search_locations=[str(folder)])
        assert spec is not None
        assert spec.loader is not None
        sys.modules["app"] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
    elif folder not in [Path(place).resolve() for place in getattr(found, "__path__", ())]:
        place = getattr(found, "__file__", None) or "one without a file"
        raise ImportError(
            f"Parley's own package is called app, and this process has imported another module of that name: {place}. "
            "Rename that one."
        )


_load()
