"""What is said of an upstream is shown without what is secret."""

from __future__ import annotations

from .playing import KEY, options


def test_the_options_do_not_show_key_and_headers() -> None:
    shown = repr(options("http://x/v1", headers={"api-key": "other-secret"}))
    assert KEY not in shown
    assert "other-secret" not in shown
