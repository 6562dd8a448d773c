"""Downloads a model from a hub: ``python -m app.model_files.hub hf:org/repo``, a separate process.

The separate process keeps the package huggingface_hub out of the server: it is large, and its threads and connections
would not survive a fork. Messages go to stdout, as lines of JSON: ``{"say": text}``, and ``{"path": path}`` or
``{"error": text}`` at the end. Files are in the package's own cache. The package resumes a download only within one
process, so this module has its own steps: an incomplete download is kept beside the final file, under the file's ETag,
and is resumed from there.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from ..errors import ConfigurationError
from .hub_cache import cached, repository
from .reference import Reference
from .storing import Say, digest, locked, megabytes, not_kept

# Seconds until the hub answers, and between two lines about a download.
_ASK_SECONDS = 15.0
_LINE_SECONDS = 10.0

_PARTIAL = ".incomplete"
_ETAG = re.compile(r"[0-9A-Za-z_-]{8,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class _Unreachable(Exception):
    """The hub does not answer; the message describes the failure."""


def fetch(reference: Reference, say: Say) -> Path:
    """Return the file of a reference; download it unless it is in the cache. If the hub cannot be reached, fall back to
    the cached file.

    Raises:
        ConfigurationError: the file cannot be obtained.
    """
    if reference.is_pinned and (found := cached(reference)) is not None:
        return found
    try:
        return _ask(lambda: _fetch(reference, say), reference)
    except _Unreachable as error:
        if (found := cached(reference)) is None:
            begun = any(repository(reference).glob(f"blobs/*{_PARTIAL}"))
            kept = " The part that was downloaded is kept: the next attempt resumes there." if begun else ""
            raise ConfigurationError(f"{reference} is not in the cache, and {error}.{kept}") from None
        say(f"{reference}: {error}; the file in the cache is served")
        return found


def _fetch(reference: Reference, say: Say) -> Path:
    info = HfApi().model_info(reference.repo, revision=reference.revision, timeout=_ASK_SECONDS)
    names = reference.choose([file.rfilename for file in info.siblings or ()])
    commit = info.sha or reference.revision
    paths = [_download(reference, name, commit, say) for name in names]
    return paths[0]


def _ask(question: Callable[[], Path], reference: Reference) -> Path:
    """Return the result of a question to the hub. Error messages do not quote the hub, because its messages may contain
    signed URLs."""
    hub = f"the hub {urlsplit(constants.ENDPOINT).hostname or 'of HF_ENDPOINT'}"
    login = "Log in with a token that may read it, in HF_TOKEN"
    try:
        return question()
    except OfflineModeIsEnabled:
        raise _Unreachable("HF_HUB_OFFLINE forbids requests to the hub") from None
    except GatedRepoError:
        raise ConfigurationError(
            f"{reference}: {hub} gives it only to users who accepted its terms. {login}."
        ) from None
    except RepositoryNotFoundError:
        raise ConfigurationError(
            f"{reference}: {hub} has no such repository, or it is private. Correct the name. {login}."
        ) from None
    except RevisionNotFoundError:
        raise ConfigurationError(f"{reference}: the repository has no revision {reference.revision}.") from None
    except RemoteEntryNotFoundError:
        raise ConfigurationError(f"{reference}: the repository no longer has this file.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status >= 500 or status == 429:
            raise _Unreachable(f"{hub} answers with status {status}") from None
        if status in (401, 403):
            raise ConfigurationError(f"{reference}: {hub} does not let you read it. {login}.") from None
        raise ConfigurationError(f"{reference}: {hub} answers with status {status}.") from None
    except httpx2.HTTPError as error:
        raise _Unreachable(f"{hub} cannot be reached ({type(error).__name__})") from None
    except (FileMetadataError, LocalEntryNotFoundError) as error:
        raise _Unreachable(f"{hub} does not answer as a hub does ({type(error).__name__})") from None
    except OSError as error:
        raise _local(reference, error) from None
    except ConfigurationError:
        raise
    except Exception as error:
        raise _Unreachable(f"{hub} does not answer as a hub does ({type(error).__name__})") from None


def _local(reference: Reference, error: OSError) -> ConfigurationError:
    if error.errno is None:
        # The package raises this if a file does not have the announced length.
        return ConfigurationError(f"{reference}: the download was interrupted. Start again to resume it.")
    return not_kept(str(reference), repository(reference), error)


def _download(reference: Reference, name: str, commit: str, say: Say) -> Path:
    """Make sure that one file is in the cache, and return its path."""
    url = hf_hub_url(reference.repo, name, revision=commit)
    about = get_hf_file_metadata(url, timeout=_ASK_SECONDS)
    etag, size = about.etag or "", about.size
    blob = repository(reference) / "blobs" / etag
    # The hub does not serve larger files in one piece; the package can download them.
    ours = _ETAG.fullmatch(etag) and size is not None and size <= constants.MAX_HTTP_DOWNLOAD_SIZE
    if ours and not blob.exists():
        locks = repository(reference).parent / ".locks" / repository(reference).name
        for folder in (blob.parent, locks):
            folder.mkdir(parents=True, exist_ok=True)
        # The package's own lock.
        with locked(locks / f"{etag}.lock", lambda: say(f"{name} is being downloaded; this one waits for it")):
            if not blob.exists():
                _resume(url, blob, size or 0, name, say)
    # Puts the file into its place for the requested revision, without downloading it again.
    return Path(hf_hub_download(reference.repo, name, revision=reference.revision, etag_timeout=_ASK_SECONDS))


def _resume(url: str, blob: Path, size: int, name: str, say: Say) -> None:
    """Download a file, resuming an earlier attempt, and move it into its place when it is complete."""
    partial = blob.with_name(blob.name + _PARTIAL)
    with partial.open("ab") as file:
        if file.tell() > size:
            file.truncate(0)
            file.seek(0)
        have = file.tell()
        if shutil.disk_usage(blob.parent).free < size - have:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        begun = f"resumes at {megabytes(have)} of" if have else "is downloaded,"
        say(f"{name} {begun} {megabytes(size)}")
        http_get(
            url,
            file,
            resume_size=have,
            headers=build_hf_headers(),
            expected_size=size,
            displayed_filename=name,
            tqdm_class=None if sys.stderr.isatty() else _lines(name, say),
        )
    if _SHA256.fullmatch(blob.name) and digest(partial) != blob.name:
        partial.unlink()
        raise ConfigurationError(f"{name} is not what the hub says it is: its checksum differs. Start again.")
    partial.rename(blob)


def _lines(name: str, say: Say) -> type[Any]:
    """Return a progress bar class that reports lines, for a log."""

    class Lines:
        def __init__(self, *, total: int | None = None, initial: int = 0, **_options: Any) -> None:
            self._done, self._total, self._said = initial, total, time.monotonic()

        def update(self, more: float) -> None:
            self._done += int(more)
            if time.monotonic() - self._said >= _LINE_SECONDS:
                self._said = time.monotonic()
                of = "" if self._total is None else f" of {megabytes(self._total)}"
                say(f"{name}: {megabytes(self._done)}{of}")

        def __enter__(self) -> Lines:
            return self

        def __exit__(self, *_error: object) -> None:
            """There is nothing to clean up."""

    return Lines


def _end_with_parent() -> None:
    """End this process when its parent has ended, which closes the other end of stdin."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _print(**line: str) -> None:
    print(json.dumps(line), flush=True)


def main(arguments: list[str]) -> None:
    """Download the file of a reference."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # The amount that the package buffers before it writes, and so what an aborted download loses. Default: 10 MB.
    constants.DOWNLOAD_CHUNK_SIZE = 1 << 20
    (text,) = arguments
    try:
        _print(path=str(fetch(Reference.parse(text), lambda said: _print(say=said))))
    except ConfigurationError as error:
        _print(error=str(error))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(sys.argv[1:])
