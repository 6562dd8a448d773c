"""SECURITY.md names settings that there are, with values that they may have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings import Settings, unknown_variables

PAGE = (Path(__file__).parents[1] / "SECURITY.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def test_every_setting_on_the_page_is_one() -> None:
    assert unknown_variables(dict.fromkeys(re.findall(r"PARLEY_[A-Z_]+", PAGE), "")) == []


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_page_sets_can_be_set_and_differs_from_the_default(block: str) -> None:
    environ = dict(line.split("=", 1) for line in block.splitlines())
    settings = Settings.from_environment(environ)
    for name in environ:
        field = name.removeprefix("PARLEY_").lower()
        assert getattr(settings, field) != getattr(Settings(), field), name


def test_the_page_has_a_strict_and_a_generous_case() -> None:
    strict, generous = (Settings.from_environment(dict(line.split("=", 1) for line in b.splitlines())) for b in BLOCKS)
    usual = Settings()
    assert strict.max_body < usual.max_body < generous.max_body
    assert strict.max_wait < usual.max_wait < generous.max_wait
