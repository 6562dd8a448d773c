"""Entries of a configuration as tests want them."""

from __future__ import annotations

from pathlib import Path

from app.configuration.keys import Entry, ModelKeys


def model_file(
    path: Path | None = None,
    *,
    mmproj: Path | None = None,
    model_id: str = "",
    context_length: int | None = None,
    slots: int = 4,
    threads: int = 0,
    extra_parameters: tuple[str, ...] = (),
    chat_template: str | None = None,
) -> Entry:
    """A model of the model process; without a path the bundled one."""
    keys = ModelKeys(
        engine="llama",
        path=None if path is None else str(path),
        mmproj=mmproj,
        context_length=context_length,
        slots=slots,
        threads=threads,
        extra_parameters=extra_parameters,
        chat_template=chat_template,
    )
    return Entry(id=model_id, at="models.m", source="parley.toml", keys=keys)
