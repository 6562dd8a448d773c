"""Generated Java projects, built by Maven as their README says."""

from __future__ import annotations

from pathlib import Path

from .generating import needs, run

# What a build would also do: compile and run generated tests that are empty, and write pages. It takes minutes.
_LEFT_OUT = ("-Dmaven.test.skip=true", "-Dmaven.javadoc.skip=true", "-Dmaven.source.skip=true")


def package(folder: Path, command: str, jar: str) -> Path:
    """The jar that a Maven command makes of the project in a folder; made again only when a source is younger.

    Raises:
        AssertionError: Maven failed.
    """
    needs("java", "javac", "mvn")
    made = folder / jar
    sources = [folder / "pom.xml", *(path for path in (folder / "src").rglob("*") if path.is_file())]
    if not made.exists() or made.stat().st_mtime <= max(path.stat().st_mtime for path in sources):
        run([*command.split(), "-B", "-ntp", "-q", *_LEFT_OUT], folder)
    return made
