"""Files that clients upload: written to disk as they arrive, deleted when their request ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

# The bytes that are buffered before a thread writes them, so that the event loop does not wait for a disk.
_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """A file of a form. It exists for as long as its request lasts.

    ``filename`` comes from the client, without folders; do not write to a file of this name. ``content_type`` comes
    from the client too. ``size`` is in bytes; ``headers`` are those of the part, with names in lower case. A handler
    that keeps the file moves or copies ``path``.
    """

    path: Path
    filename: str | None
    content_type: str
    size: int
    headers: Mapping[str, list[str]] = field(default_factory=dict)

    def open(self) -> BinaryIO:
        """Open the file for reading, from its beginning; the caller must close it. This blocks: do not call it on the
        event loop."""
        return self.path.open("rb")


class UploadWriter:
    """Writes one file. `write` only buffers; `flush`, which must be awaited now and then, writes."""

    def __init__(self, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder)
        self.path = Path(name)
        self.size = 0
        self._file: BinaryIO | None = os.fdopen(descriptor, "wb", buffering=0)
        self._waiting: list[bytes] = []
        self._gathered = 0
        self._job: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._gathered += len(data)
        self.size += len(data)

    async def flush(self, *, last: bool = False) -> None:
        """Write the buffered bytes if they are enough to be worth a thread, or the ``last`` ones of the file."""
        if self._gathered >= _BLOCK or (last and self._gathered > 0):
            block, self._waiting, self._gathered = b"".join(self._waiting), [], 0
            file = self._file
            assert file is not None
            self._job = asyncio.get_running_loop().run_in_executor(None, _write, file, block)
            await asyncio.shield(self._job)
        if last:
            self.close()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        if self._job is not None and not self._job.done():
            # The request was aborted while a thread is still writing for it.
            self._job.add_done_callback(lambda _: file.close())
        else:
            file.close()


def _write(file: BinaryIO, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


class UploadFolder:
    """The files of one request. The folder is created for the first file, and is removed with everything in it."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._writers: list[UploadWriter] = []

    def new(self) -> UploadWriter:
        if self.path is None:
            self.path = Path(tempfile.mkdtemp(prefix="parley-upload-"))
        writer = UploadWriter(self.path)
        self._writers.append(writer)
        return writer

    def remove(self) -> None:
        if self.path is None:
            return
        for writer in self._writers:
            writer.close()
        for file in list(self.path.iterdir()):
            with contextlib.suppress(OSError):
                file.unlink()
        with contextlib.suppress(OSError):
            self.path.rmdir()
        self.path = None
