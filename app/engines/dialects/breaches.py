"""Handles parameters that an upstream did not honour, once its answer shows that."""

from __future__ import annotations

from ...errors import UnsupportedParameter, UpstreamFailed
from ..base import Refuse
from .drift import Drift


class Breaches:
    """Counts breaches. By the operator's policy, each is the upstream's failure, or is passed on and named.
    ``refuse`` is that of `base.Engine.prepare`."""

    def __init__(self, drift: Drift, refuse: Refuse) -> None:
        self._drift = drift
        self._refuse = refuse

    def tell(self, param: str, what: str = "", *, message: str = "", row: str | None = None) -> None:
        """Report that a parameter was not honoured: ``what`` is the evidence, or ``message`` the whole error message.
        ``row`` is the parameter's path in the table of parameters, if it differs.

        Raises:
            UpstreamFailed: unless the policy is to pass it on.
        """
        self._drift.count(f"not_honoured.{row or param}")
        message = message or f"The model's engine does not honour '{param}': {what}"
        try:
            self._refuse(UnsupportedParameter(message, param=row or param))
        except UnsupportedParameter:
            raise UpstreamFailed(message, param=param) from None
