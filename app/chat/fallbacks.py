"""Selects the model that answers in place of one that is temporarily unavailable.

A fallback happens only before the first byte, and never because the request is wrong: another model would fail too, or
would answer a different request. If a model cannot honour a parameter, it falls back only if the operator enables that.
"""

from __future__ import annotations

from collections.abc import Callable

from ..accounts import Account
from ..engines.base import Model
from ..errors import ApiError, UnsupportedParameter
from ..jsontypes import Json
from .call import Call

# Too many requests, no usable answer from the engine, no engine or no capacity, timeout. Not 500: that is our own bug.
_OF_THE_MOMENT = frozenset({429, 502, 503, 504})


class Fallbacks:
    """The fallback models of one call. ``make`` creates a call from a body for a model; ``model`` finds a model by
    id."""

    def __init__(
        self,
        make: Callable[[Model, Json, Account, Json], Call],
        model: Callable[[str], Model],
        call: Call,
    ) -> None:
        self._make = make
        self._model = model
        self._call = call
        self._by_capability = call.model.fallbacks_by_capability
        self._left = list(call.fallbacks)
        self._first: ApiError | None = None

    async def next(self, error: ApiError) -> None:
        """Switch the call to the next model that can honour it and whose limits allow it.

        Raises:
            ApiError: there is none; the error is that of the first model that failed.
        """
        while True:
            self._switch(error)
            try:
                await self._call.account.switch()
            except ApiError as refusal:
                error = refusal
            else:
                return

    def _switch(self, error: ApiError) -> None:
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
                other = self._make(model, call.body, call.account, told)
            except ApiError:
                continue  # this model lacks the capabilities and would refuse the request
            log.pop("ignored", None)
            call.become(other)
            if call.account.counts:
                call.estimate()
            told.pop("ignored", None)  # `become` has logged these names already, together with the unknown fields
            log.update(told, model=model.id, instead_of=call.instead_of, because=self._first.code)
            return
        raise self._first
