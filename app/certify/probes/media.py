"""Images, audio and files in a conversation. They are small, generated here, and sent once and then repeated."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from ...jsontypes import Json
from ..answers import count
from ..probe import Answers, Probe, changed, step
from ..verdicts import Verdict, honoured, ignored, not_seen

GROUP = "media"
_SIDE = 256


def picture(side: int = _SIDE) -> bytes:
    """A red PNG image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xd0\x20\x20" * side) * side
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def sound(seconds: float = 1.0, rate: int = 8000) -> bytes:
    """A WAV recording of silence."""
    samples = bytes(2 * int(rate * seconds))
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(samples))
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
        + b"data"
        + struct.pack("<I", len(samples))
        + samples
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def address() -> str:
    """The image as a data URL."""
    return f"data:image/png;base64,{_base64(picture())}"


def _image(**more: Any) -> Json:
    return {"type": "image_url", "image_url": {"url": address(), **more}}


_SOUND = {"type": "input_audio", "input_audio": {"data": _base64(sound()), "format": "wav"}}
FILE: dict[str, Any] = {
    "type": "file",
    "file": {"filename": "zyr.txt", "file_data": f"data:text/plain;base64,{_base64(b'A zyr is a qixotl.' * 8)}"},
}
_TEXT = {"type": "text", "text": "What is this?"}


def _asks(*parts: Json) -> list[Json]:
    return [{"role": "user", "content": [_TEXT, *parts]}]


def read(answers: Answers) -> Verdict:
    """Whether something adds prompt tokens, or changes the answer."""
    without, once = answers["without"], answers["once"]
    before, after = count(without, "prompt_tokens"), count(once, "prompt_tokens")
    if before is not None and after is not None and after > before:
        return honoured(f"{after - before} more tokens are read with it")
    if changed(answers, "without", "once"):
        return honoured("another answer with it")
    return ignored("with it neither the answer changes nor how many tokens are read")


def _detail(answers: Answers) -> Verdict:
    low, high = (count(answers[name], "prompt_tokens") for name in ("low", "high"))
    if low is not None and high is not None and low != high:
        return honoured(f"{low} tokens are read with low, {high} with high")
    if changed(answers, "low", "high"):
        return honoured("another answer with high than with low")
    return not_seen(f"a picture of {_SIDE} x {_SIDE} is read alike with low and high")


def _unseen(answers: Answers) -> Verdict:
    return not_seen("it is accepted; a cache does not show in an answer")


def _breakpoint(**more: str) -> list[Json]:
    part = {"type": "text", "text": "Hello!", "prompt_cache_breakpoint": {"mode": "explicit", **more}}
    return [{"role": "user", "content": [part]}]


def _content(paths: str) -> tuple[str, ...]:
    return tuple(f"messages[].content[].{path}" for path in paths.split())


def _media(part: Json, paths: str, parts: str = "") -> Probe:
    return Probe(
        GROUP,
        "",
        (
            step("once", _asks(part)),
            step("without", _asks(), role="compare"),
            step("without again", _asks(), role="compare", turn=1),
        ),
        read,
        _content(paths),
        _content(parts),
    )


def _cached(paths: str, **more: str) -> Probe:
    # The contract forbids this value: there is only one mode.
    wrong: list[Json] = [
        {"role": "user", "content": [{"type": "text", "text": "Hello!", "prompt_cache_breakpoint": {"mode": 7}}]}
    ]
    return Probe(
        GROUP,
        "",
        (step("set", _breakpoint(**more)), step("nonsense", wrong, role="nonsense")),
        _unseen,
        _content(paths),
    )


PROBES = (
    _media(_image(), "image_url image_url.url"),
    Probe(
        GROUP,
        "",
        (
            step("low", _asks(_image(detail="low"))),
            step("low again", _asks(_image(detail="low")), turn=1),
            step("high", _asks(_image(detail="high"))),
        ),
        _detail,
        _content("image_url.detail"),
    ),
    _media(_SOUND, "input_audio input_audio.data", "input_audio.format"),
    _media(FILE, "file file.file_data", "file.filename"),
    Probe(
        GROUP,
        "",
        (step("made up", _asks({"type": "file", "file": {"file_id": "file-qixotl"}})),),
        lambda answers: ignored("the id of a file that there never was is accepted"),
        _content("file.file_id"),
    ),
    _cached("prompt_cache_breakpoint prompt_cache_breakpoint.mode"),
    _cached("prompt_cache_breakpoint.ttl", ttl="30m"),
)
