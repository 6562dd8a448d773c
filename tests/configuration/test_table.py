"""The table of keys in the documentation is the table of keys."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import fields

from app.configuration.building import build
from app.configuration.keys import ModelKeys
from app.configuration.loading import load
from app.configuration.table import keys_table
from app.settings import Settings
from app.tables import help_of

from ..published import DOCS, hold, page


def test_the_documentation_has_every_key_with_its_default_and_no_other() -> None:
    hold(DOCS / "settings.md", "keys", f"{keys_table()}\n")


def test_every_key_says_what_it_does_and_has_a_row() -> None:
    table = keys_table()
    for field in fields(ModelKeys):
        assert help_of(field).endswith("."), field.name
        assert f"| `{field.name}" in table


def test_the_file_in_the_documentation_can_be_served(tmp_path: Path) -> None:
    text = page("settings").partition("```toml\n")[2].partition("```")[0]
    text = text.replace('path = "models/qwen3-4b-q4_k_m.gguf"\n', "")
    (tmp_path / "parley.toml").write_text(text)
    configuration = load(tmp_path / "parley.toml", {"VLLM_KEY": "sk-x"})
    built = build(configuration, Settings())
    fast, small = built.engine.models
    assert (fast.id, fast.aliases, fast.fallbacks) == ("fast", ("gpt-4o-mini",), ("small",))
    assert (fast.foreign, small.foreign) == (True, False)
    assert built.limiters.of("fast").bounds.in_flight == 256
    assert built.limiters.of("small").bounds.waiting == 64
    assert built.extra == {"top_k"}
    assert [served.options.threads for served in built.served] == [8]
