"""Pictures and recordings for the tests, made on the spot."""

from __future__ import annotations

import base64
import io
import math
import struct
import wave
import zlib
from typing import Any

RED = (255, 0, 0)
BLUE = (0, 0, 255)


def png(width: int = 24, height: int = 16, colour: tuple[int, int, int] = RED) -> bytes:
    """A picture of one colour that fades to black on the right."""
    row = b"\0" + bytes(part * (width - x) // width for x in range(width) for part in colour)
    return png_of(width, height, row * height)


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """A PNG that says it has a size, whatever its rows have."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def bmp(width: int, height: int) -> bytes:
    rows = bytes((width * 3 + 3) // 4 * 4 * abs(height))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54) + header + rows


GIF = b"GIF89a\1\0\1\0\x80\0\0\xff\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"


def jpeg(width: int = 8, height: int = 8) -> bytes:
    """A grey picture: two Huffman tables of one code each, whose only symbol is zero."""
    quantization = b"\xff\xdb\0\x43\0" + b"\1" * 64
    frame = b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
    tables = b"".join(b"\xff\xc4\0\x14" + number + b"\1".ljust(16, b"\0") + b"\0" for number in (b"\0", b"\x10"))
    blocks = -(-width // 8) * -(-height // 8)
    bits = "0" * (2 * blocks)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"\xff\xd8" + quantization + frame + tables + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + data + b"\xff\xd9"


def wav(frequency: float = 440, seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A tone."""
    samples = (int(20_000 * math.sin(2 * math.pi * frequency * n / rate)) for n in range(int(seconds * rate)))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def wav_of(samples: bytes, *, kind: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16) -> bytes:
    """A WAV whose header says anything."""
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * block & 0xFFFFFFFF, block, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


# MPEG 1, layer III, 128 kbit/s, 44.1 kHz, of which nothing follows but zeros: silence.
MP3_FRAME = b"\xff\xfb\x90\x64".ljust(417, b"\0")
MP3_TAG = b"ID3\x04\0\0\0\0\1\0" + bytes(128)


def mp3(frames: int = 40) -> bytes:
    return MP3_TAG + MP3_FRAME * frames


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def image(data: bytes, media_type: str = "image/png", **more: Any) -> dict[str, Any]:
    url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image_url", "image_url": {"url": url, **more}}


def audio(data: bytes, form: str = "wav") -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": form}}
