"""The applications that are tried."""

from __future__ import annotations

from .coding import CODING
from .evaluating import EVALUATING
from .libraries import LIBRARIES

APPS = {app.name: app for app in (*LIBRARIES, *CODING, *EVALUATING)}
