"""Which model answers instead of one that cannot for the moment.

Only before the first byte, and never for what is wrong with the request: another model would be asked in vain, or
would answer what was not asked. That a model cannot honour a parameter is a reason where the operator says so.
"""

from __future__ import annotations

from collections.abc import Callable

from ..engines.base import Model
from ..errors import ApiError, UnsupportedParameter
from ..jsontypes import Json
from .call import Call

# Too many requests, nothing usable from the engine, no engine or no place, too late. Not 500: that is a fault of ours.
_OF_THE_MOMENT = frozenset({429, 502, 503, 504})


class Fallbacks:
    """The models to turn to for one call. ``make`` makes a call of a body for a model, ``model`` finds one by id."""

    def __init__(
        self,
        make: Callable[[Model, Json, str | None, Json], Call],
        model: Callable[[str], Model],
        call: Call,
    ) -> None:
        self._make = make
        self._model = model
        self._call = call
        self._by_capability = call.model.fallbacks_by_capability
        self._left = list(call.fallbacks)
        self._first: ApiError | None = None

    def next(self, error: ApiError) -> None:
        """Turn the call into one of the next model that can honour it.

        Raises:
            ApiError: there is none; it is the failure of the model that was asked.
        """
        if self._first is None:
            lacks = isinstance(error, UnsupportedParameter) and self._by_capability
            if not (error.status in _OF_THE_MOMENT or lacks) or not self._left:
                raise error
            self._first = error
        call, log = self._call, self._call.log
        while self._left:
            model = self._model(self._left.pop(0))
            told: Json = {}
            try:
                other = self._make(model, call.body, call.client, told)
            except ApiError:
                continue  # by its capabilities it would have to refuse the request
            log.pop("ignored", None)
            call.become(other)
            told.pop("ignored", None)  # the call has told of it, and of what no model is told of
            log.update(told, model=model.id, instead_of=call.instead_of, because=self._first.code)
            return
        raise self._first
