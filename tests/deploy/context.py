"""What Docker's builder gets of the checkout."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
from pathlib import Path

from ..live import ROOT


def sent_to_the_builder(relative: Path) -> bool:
    """Whether ``.dockerignore`` lets a file through: the last line that matches it, or a folder above it, decides."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        above = [relative, *relative.parents][:-1]
        if any(
            fnmatch.fnmatch(path.name if pattern.startswith("**/") else str(path), pattern.removeprefix("**/"))
            for path in above
        ):
            kept = line.startswith("!")
    return kept


def copy_context(folder: Path) -> None:
    """Copy the checkout as Docker's builder would get it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if sent_to_the_builder(Path(name)) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
