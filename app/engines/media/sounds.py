"""Determines the duration of a recording, and validates its format, without decoding it."""

from __future__ import annotations

import array
import itertools
import math
import struct
import sys
from collections.abc import Iterator

_MOST_CHANNELS = 8
_SLOWEST, _FASTEST = 4_000, 192_000  # samples a second
_LOUDEST = 1_000  # largest absolute value of a float sample; values should stay within 1
_MOST_CHUNKS = 1_000  # of a WAV
_MOST_JUNK = 1 << 20  # bytes between the frames of an MP3


def wav_seconds(data: bytes) -> float:
    """Return the duration of a RIFF WAVE recording in seconds, from its header.

    Raises:
        ValueError: the data are no WAV, or the samples are not integers of 8 to 32 bits or 32-bit floats, or break a
            limit; the error's text is the violated rule.
    """
    chunks: dict[bytes, bytes] = {}
    for name, content in itertools.islice(_wav_chunks(data), _MOST_CHUNKS):
        chunks.setdefault(name, content)
    form, samples = chunks.get(b"fmt "), chunks.get(b"data")
    if form is None or samples is None or len(form) < 16:
        raise ValueError("the data are not a WAV file, or are cut off")
    kind, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", form)
    if kind == 0xFFFE and len(form) >= 26:  # the actual format code is in the extension
        kind = int.from_bytes(form[24:26], "little")
    if (kind, bits) not in ((1, 8), (1, 16), (1, 24), (1, 32), (3, 32)):
        raise ValueError("a WAV must be PCM of 8, 16, 24 or 32 bits, or of floats of 32 bits")
    if not 1 <= channels <= _MOST_CHANNELS or block != channels * bits // 8 or not _SLOWEST <= rate <= _FASTEST:
        raise ValueError(
            f"a WAV must have 1 to {_MOST_CHANNELS} channels and {_SLOWEST} to {_FASTEST} samples a second"
        )
    if kind == 3 and not _quiet(samples):
        raise ValueError(
            f"the samples of a WAV of floats must be from -{_LOUDEST} to {_LOUDEST}, and mostly from -1 to 1"
        )
    return float(len(samples) // block / rate)


def _wav_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks up to the one with the samples, which may be truncated, or have a length that was not known when
    the file was written."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return
    at = 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        yield name, data[at + 8 : at + 8 + length]
        if name == b"data":
            return
        at += 8 + length + length % 2


def _quiet(samples: bytes) -> bool:
    """Whether no sample would cause a NaN in the spectrum of the sound."""
    numbers = array.array("f", samples[: len(samples) // 4 * 4])
    if sys.byteorder == "big":
        numbers.byteswap()
    # A NaN makes the sum NaN; comparisons alone would not detect it.
    return not numbers or (math.isfinite(sum(numbers)) and min(numbers) >= -_LOUDEST and max(numbers) <= _LOUDEST)


# MPEG audio layer III: kilobits per second, and samples per second, by their index in a frame's header.
_RATES_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_FREQUENCIES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def mp3_seconds(data: bytes) -> float:
    """Return the duration of an MPEG audio layer III recording in seconds, by going through its frames.

    Raises:
        ValueError: the data are not an MP3 file, or are damaged; the error's text is the violated rule.
    """
    at = 0
    if data[:3] == b"ID3" and len(data) >= 10:
        # A tag's length has seven bits per byte.
        at = 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])
    elif not (data[0] == 0xFF and data[1:2] and data[1] & 0xE0 == 0xE0):
        raise ValueError("the data are not an MP3 file")
    seconds, junk = 0.0, 0
    while at + 4 <= len(data):
        length, duration = _mp3_frame(data, at)
        if not length:
            following = data.find(b"\xff", at + 1)
            following = len(data) if following < 0 else following
            junk += following - at
            if junk > _MOST_JUNK:
                raise ValueError("the data are not an MP3 file, or are damaged")
            at = following
            continue
        at += length
        seconds += duration
    return seconds


def _mp3_frame(data: bytes, at: int) -> tuple[int, float]:
    """Return the length in bytes and in seconds of the frame that begins at ``at``; zeros if none does."""
    if data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return 0, 0.0
    version = data[at + 1] >> 3 & 3
    rate, frequency = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or not 1 <= rate <= 14 or frequency == 3:
        return 0, 0.0
    bits = (_RATES_1 if version == 3 else _RATES_2)[rate - 1] * 1000
    per_second = _FREQUENCIES[version][frequency]
    samples = 1152 if version == 3 else 576
    return samples // 8 * bits // per_second + (data[at + 2] >> 1 & 1), samples / per_second
