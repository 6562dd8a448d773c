"""What becomes of what an upstream did not honour, once its answer shows it."""

from __future__ import annotations

from ...errors import UnsupportedParameter, UpstreamFailed
from ..base import Refuse
from .drift import Drift


class Breaches:
    """Counts them and, by the operator's policy, makes each the upstream's failure or has it passed on and named.
    ``refuse`` is that of `base.Engine.prepare`."""

    def __init__(self, drift: Drift, refuse: Refuse) -> None:
        self._drift = drift
        self._refuse = refuse

    def tell(self, param: str, what: str = "", *, message: str = "", row: str | None = None) -> None:
        """A parameter was not honoured: ``what`` shows it, or the whole ``message`` says it. ``row`` is the parameter
        as the table of parameters has it, where that is another path.

        Raises:
            UpstreamFailed: unless it is to be passed on.
        """
        self._drift.count(f"not_honoured.{row or param}")
        message = message or f"The model's engine does not honour '{param}': {what}"
        try:
            self._refuse(UnsupportedParameter(message, param=row or param))
        except UnsupportedParameter:
            raise UpstreamFailed(message, param=param) from None
