"""How an upstream is asked is checked when it is said, and shown without what is secret."""

from __future__ import annotations

import pytest

from app.engines.transport.options import Timeouts, UpstreamOptions
from app.errors import ConfigurationError

from .playing import KEY, options


@pytest.mark.parametrize(
    "changes",
    [
        {"base_urls": ()},
        {"base_urls": ("file:///etc/passwd",)},
        {"base_urls": ("localhost:8000/v1",)},
        {"base_urls": ("http://",)},
        {"base_urls": ("http://user:word@host/v1",)},
        {"base_urls": ("http://host/v1?key=word",)},
        {"base_urls": ("http://[bad/v1",)},
        {"key": "word\r\nx: y"},
        {"key": ""},
        {"headers": {"a b": "word"}},
        {"headers": {"x": "word\r\ny: z"}},
        {"headers": {"Content-Length": "5"}},
        {"timeouts": Timeouts(idle=0)},
        {"retries": -1},
        {"max_answer": 0},
        {"health_path": "models"},
        {"probe_seconds": 0.0},
    ],
)
def test_options_that_cannot_be_meant_are_refused_without_their_value(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        UpstreamOptions(**{"name": "m", "base_urls": ("http://x/v1",), **changes})  # type: ignore[arg-type]
    assert "word" not in str(caught.value)
    assert str(caught.value).startswith("The upstream of 'm' has ")


def test_the_options_do_not_show_key_and_headers() -> None:
    shown = repr(options("http://x/v1", headers={"api-key": "other-secret"}))
    assert KEY not in shown
    assert "other-secret" not in shown
