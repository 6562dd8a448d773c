"""llama.cpp itself says whether it can use a chat template."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.configuration.model_file import BUNDLED_MODEL
from app.model_process.trial import refusal

from ..engines.gguf_template import template

pytestmark = pytest.mark.live


@pytest.mark.parametrize("text", ["chatml", "{{ messages[0].content }}", "{{ bos_token }}{{ nothing.at.all }}", "ä"])
def test_a_template_that_it_can_use_is_not_refused(text: str) -> None:
    assert refusal(text, BUNDLED_MODEL) is None


def test_nor_is_the_bundled_model_s_own() -> None:
    assert refusal(template(), BUNDLED_MODEL) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% if %}", "Unexpected token"),
        ("{% macro", "Unexpected EOF"),
        ("{% include 'x' %}", "include"),
        ("{{ messages[0].content | nofilter }}", "nofilter"),
        ("{{ raise_exception('not like this') }}", "not like this"),
    ],
)
def test_one_that_it_cannot_use_is_refused_with_its_reason(text: str, reason: str) -> None:
    assert reason in (refusal(text, BUNDLED_MODEL) or "")


def test_where_no_model_can_be_loaded_at_all_nothing_is_said_of_the_template(tmp_path: Path) -> None:
    assert refusal("{% if %}", tmp_path / "none.gguf") is None
