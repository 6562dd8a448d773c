"""Validates pictures and sounds in messages before llama.cpp gets them.

llama.cpp would fetch a URL in place of a picture or of a sound, start a program for data that it cannot decode, and
abort with a failed assertion on a sound that is too short. So only data inside the request are passed on, whose first
bytes show a format that llama.cpp decodes itself, and whose header says how large they become.
"""

from __future__ import annotations

import base64
import binascii
from typing import NoReturn
from urllib.parse import unquote

from ...errors import BadRequest
from ...jsontypes import Json
from . import pictures, sounds

MOST_PARTS = 100  # pictures and sounds per request
LARGEST_PART = 20 << 20  # bytes
MOST_PIXELS = 40_000_000  # of all pictures of a request together: about four bytes per pixel when decoded
LONGEST_SIDE = 200  # times the other side
LONGEST_SOUND = 1800  # seconds, of all sounds of a request together
SHORTEST_SOUND = 0.1  # seconds

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/bmp")
_ALIASES = {"image/jpg": "image/jpeg", "image/x-ms-bmp": "image/bmp", "image/x-bmp": "image/bmp"}
_UNKNOWN_TYPE = "unsupported_image_media_type"
_SEND_PICTURE = "send the picture itself, as data:image/png;base64,… or the same with jpeg, gif or bmp"


class Media:
    """Validates the pictures and sounds of one request, and counts them together."""

    def __init__(self) -> None:
        self._parts = 0
        self._pixels = 0
        self._seconds = 0.0

    def translate(self, part: Json, place: str) -> Json:
        """Return a part of the type image_url or input_audio for llama.cpp; ``place`` is its path in the request.

        Raises:
            BadRequest: the part has no data, or data of an unsupported kind or size.
        """
        self._parts += 1
        if self._parts > MOST_PARTS:
            _refuse(place, f"a request may hold at most {MOST_PARTS} pictures and sounds", "array_above_max_length")
        return self._picture(part, place) if part["type"] == "image_url" else self._sound(part, place)

    def _picture(self, part: Json, place: str) -> Json:
        place += ".image_url.url"
        declared, data = _read_data_url(part["image_url"]["url"], place)
        if declared not in PICTURES:
            _refuse(place, f"this model does not read its media type; {_SEND_PICTURE}", _UNKNOWN_TYPE)
        # The data determine the type: many clients declare every picture as image/jpeg.
        kind = pictures.kind_of(data)
        if kind is None:
            _refuse(place, "the data are not a picture in JPEG, PNG, GIF or BMP", "invalid_image_format")
        size = pictures.size_of(data, kind)
        if size is None:
            _refuse(place, "the picture is damaged: its size cannot be read", "image_parse_error")
        if max(size) > LONGEST_SIDE * min(size):
            _refuse(place, f"one side of the picture is over {LONGEST_SIDE} times the other", "invalid_image")
        self._pixels += size[0] * size[1]
        if self._pixels > MOST_PIXELS:
            _refuse(
                place, f"the pictures of a request may have at most {MOST_PIXELS} pixels together", "image_too_large"
            )
        url = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        return {"type": "image_url", "image_url": {"url": url}}

    def _sound(self, part: Json, place: str) -> Json:
        sound = part["input_audio"]
        place += ".input_audio.data"
        data = _decode(sound["data"], place, "invalid_value")
        if not data:
            _refuse(place, "it is empty", "invalid_value")
        try:
            seconds = sounds.wav_seconds(data) if sound["format"] == "wav" else sounds.mp3_seconds(data)
        except ValueError as error:
            _refuse(place, str(error), "invalid_value")
        if seconds < SHORTEST_SOUND:
            _refuse(place, f"the sound must last at least {SHORTEST_SOUND} seconds", "invalid_value")
        self._seconds += seconds
        if self._seconds > LONGEST_SOUND:
            _refuse(
                place, f"the sounds of a request may last at most {LONGEST_SOUND} seconds together", "invalid_value"
            )
        # Re-encoded, it begins as WAV and MP3 do, never as a URL, which llama.cpp would fetch.
        encoded = base64.b64encode(data).decode()
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": sound["format"]}}


def in_messages(messages: list[Json]) -> bool:
    """Whether any message has a picture or a sound."""
    contents = (message.get("content") for message in messages)
    return any(
        part.get("type") in ("image_url", "input_audio")
        for content in contents
        if isinstance(content, list)
        for part in content
    )


def _refuse(place: str, rule: str, code: str) -> NoReturn:
    raise BadRequest(f"Invalid value for '{place}': {rule}.", param=place, code=code)


# Below: data: URLs (RFC 2397) and base64 (RFC 4648).


def _read_data_url(url: str, place: str) -> tuple[str, bytes]:
    """Return the media type, in lower case and without parameters, and the data."""
    if url[:5].lower() != "data:":
        _refuse(place, f"this server fetches nothing; {_SEND_PICTURE}", "invalid_image_url")
    head, comma, text = url[5:].partition(",")
    kind, *parameters = (piece.strip().lower() for piece in head.split(";"))
    if not comma or "base64" not in parameters[-1:]:
        _refuse(place, f"a data: URL must have ;base64, before its data; {_SEND_PICTURE}", "invalid_image_url")
    data = _decode(unquote(text) if "%" in text else text, place, "invalid_base64_image")
    if not data:
        _refuse(place, "it is empty", "empty_image_file")
    return _ALIASES.get(kind, kind), data


def _decode(text: str, place: str, code: str) -> bytes:
    if len(text) * 3 // 4 > LARGEST_PART + 3:
        _refuse(
            place, f"it may have at most {LARGEST_PART} bytes", code if code == "invalid_value" else "image_too_large"
        )
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _refuse(place, "the data are not standard base64, with + and / and padded with =", code)
