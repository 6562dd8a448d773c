"""What a chat template knows is read from its Jinja, not from its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.configuration.model_file import served_model
from app.model_process import gguf
from app.model_process.template import capabilities

from ..configuration.entries import model_file
from .conftest import BUNDLED
from .gguf_template import template, with_template


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("{{ reasoning_effort }}", {"reasoning"}),
        ("{%- if reasoning_effort is not defined %}{%- set reasoning_effort = 'medium' %}{%- endif %}", {"reasoning"}),
        ("{% macro m() %}{{ reasoning_effort | default('low') }}{% endmacro %}{{ m() }}", {"reasoning"}),
        ("{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}", {"reasoning"}),
        ("{%- set thinking = thinking if thinking is defined else false %}", {"reasoning"}),
        ("{{ '<|assistant|><think>\\n' }}", {"reasoning"}),
        ("<|assistant|>\n<think>\n", {"reasoning"}),
        ("{{ verbosity }}{{ reasoning_effort }}", {"reasoning", "verbosity"}),
        ("{% for m in messages %}{% if m.x %}{% continue %}{% endif %}{{ verbosity }}{% endfor %}", {"verbosity"}),
        ("{% generation %}{{ verbosity }}{% endgeneration %}", {"verbosity"}),
        ("Mind the reasoning_effort, the verbosity and enable_thinking.", set()),
        ("{# reasoning_effort #}{{ 'reasoning_effort' }}{{ message.reasoning_effort }}", set()),
        ("{% macro m(reasoning_effort) %}{{ reasoning_effort }}{% endmacro %}{{ m('low') }}", set()),
        ("{% set reasoning_effort = 'low' %}{{ reasoning_effort }}", set()),
        ("{{ m.content.split('</think>')[-1] }}", set()),
        ("{% if %}{{ reasoning_effort }}", set()),
        ("", set()),
        (None, set()),
    ],
)
def test_a_template_knows_the_parameters_whose_variables_it_reads(text: str | None, known: set[str]) -> None:
    assert capabilities(text) == known


def test_the_template_is_read_from_the_model_file(tmp_path: Path) -> None:
    text = template()
    assert gguf.read(BUNDLED).chat_template == text
    changed = with_template(tmp_path / "changed.gguf", text + "{{ verbosity }}")
    assert (gguf.read(changed).chat_template or "").startswith(text + "{{ verbosity }}")
    assert "verbosity" not in served_model(model_file()).model.capabilities
    assert "verbosity" in served_model(model_file(path=changed)).model.capabilities
