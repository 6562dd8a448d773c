"""The applications that are tried."""

from __future__ import annotations

from .coding import CODING
from .evaluating import EVALUATING
from .libraries import LIBRARIES
from .open_webui import OPEN_WEBUI

APPS = {app.name: app for app in (OPEN_WEBUI, *LIBRARIES, *CODING, *EVALUATING)}
