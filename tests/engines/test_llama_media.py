"""Pictures and sounds reach llama.cpp as data that were looked at, and nothing else does."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from app.engines.asked import Asked
from app.engines.dialects.llama_cpp.request import translate
from app.engines.media import media as llama_media
from app.engines.media.media import Media
from app.errors import BadRequest

from .media_files import BLUE, GIF, MP3_FRAME, audio, bmp, image, jpeg, mp3, png, png_of, text, wav, wav_of

PLACE = "messages[0].content[0]"


def _content(*parts: dict[str, Any]) -> Any:
    request = {"messages": [{"role": "user", "content": list(parts)}]}
    return translate(request, Asked(), context_length=100, media=Media().translate)["messages"][0]["content"]


def _refusal(*parts: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        _content(*parts)
    return caught.value


def _url(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def test_the_order_of_parts_is_kept_and_texts_side_by_side_become_one() -> None:
    picture, sound = image(png()), audio(wav())
    parts = _content(text("a"), text("b"), picture, text("c"), sound, text(""), picture)
    assert parts == [text("ab"), picture, text("c"), sound, picture]


def test_a_message_without_pictures_stays_one_text() -> None:
    assert _content(text("a"), text("b")) == "ab"
    assert _content(text("")) == ""


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png(), "image/png"),
        (jpeg(3, 2), "image/jpeg"),
        (GIF, "image/gif"),
        (bmp(2, 2), "image/bmp"),
        (bmp(2, -2), "image/bmp"),
    ],
)
def test_the_data_tell_what_picture_they_are(data: bytes, kind: str) -> None:
    assert _content(image(data, "image/jpeg")) == [image(data, kind)]


def test_data_urls_are_read_as_rfc_2397_writes_them() -> None:
    encoded = base64.b64encode(png()).decode()
    escaped = encoded.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    for url in (
        f"DATA:Image/PNG;base64,{encoded}",
        f"data:image/png;name=a.png;base64,{encoded}",
        f"data:image/png;base64,{escaped}",
    ):
        assert _content(_url(url)) == [image(png())]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "https://example.com/a.png",
        "HTTP://127.0.0.1/a.png",
        "file:///etc/hostname",
        "ftp://example.com/a.png",
        "/etc/hostname",
        " data:image/png;base64,AAAA",
        "",
        base64.b64encode(png()).decode(),
    ],
)
def test_what_would_have_to_be_fetched_is_refused_by_name(url: str) -> None:
    refusal = _refusal(_url(url))
    assert refusal.param == f"{PLACE}.image_url.url"
    assert refusal.code == "invalid_image_url"
    assert "fetches nothing" in refusal.message
    assert "data:image/png;base64," in refusal.message


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("data:image/png;base64,", "empty_image_file"),
        ("data:image/png;base64,@@@@", "invalid_base64_image"),
        ("data:image/png;base64,QUJ", "invalid_base64_image"),
        ("data:image/png;base64,QU\nJD", "invalid_base64_image"),
        ("data:image/png;base64,é", "invalid_base64_image"),
        ("data:image/png,abc", "invalid_image_url"),
        ("data:image/png;base64", "invalid_image_url"),
        ("data:,", "invalid_image_url"),
        ("data:image/webp;base64,AAAA", "unsupported_image_media_type"),
        ("data:image/svg+xml;base64,AAAA", "unsupported_image_media_type"),
        ("data:text/plain;base64,AAAA", "unsupported_image_media_type"),
        ("data:;base64,AAAA", "unsupported_image_media_type"),
    ],
)
def test_data_urls_without_a_picture_are_refused_by_code(url: str, code: str) -> None:
    refusal = _refusal(_url(url))
    assert (refusal.code, refusal.param) == (code, f"{PLACE}.image_url.url")


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\x1a\0\0\0WEBPVP8L" + bytes(20),
        b"<svg/>",
        b"\0\0\0\x18ftypmp42" + bytes(20),
        wav(),
        b"8BPS" + bytes(40),
        b"P6 2 2 255\n" + bytes(12),
        b"#?RADIANCE\n",
    ],
)
def test_data_that_are_no_picture_are_refused_whatever_they_are_called(data: bytes) -> None:
    assert _refusal(image(data, "image/png")).code == "invalid_image_format"


@pytest.mark.parametrize(
    "data",
    [
        png()[:20],
        b"\x89PNG\r\n\x1a\n" + bytes(30),
        png_of(0, 4, b""),
        jpeg().replace(b"\0\x08\0\x08", bytes(4)),
        jpeg()[:78],
        b"\xff\xd8\xff" + bytes(9),
        GIF[:8],
        bmp(2, 2)[:20],
    ],
)
def test_a_picture_whose_size_cannot_be_read_is_refused(data: bytes) -> None:
    assert _refusal(image(data)).code == "image_parse_error"


@pytest.mark.parametrize(
    "data",
    [
        png_of(30_000, 30_000, b""),
        jpeg(64, 64).replace(b"\0\x40\0\x40", b"\xf0\0\xf0\0"),
        bmp(1, 1)[:18] + bytes([0, 0, 1, 0] * 3),
    ],
)
def test_a_picture_that_becomes_too_large_is_refused_before_it_is_decoded(data: bytes) -> None:
    refusal = _refusal(image(data))
    assert refusal.code == "image_too_large"
    assert str(llama_media.MOST_PIXELS) in refusal.message


def test_pixels_are_counted_over_all_pictures_of_a_request() -> None:
    half = image(png_of(5_000, 5_000, b""))
    assert _content(half)
    assert _refusal(half, text("x"), half).param == "messages[0].content[2].image_url.url"


def test_a_picture_may_not_be_a_mere_line() -> None:
    assert _content(image(png_of(200, 1, b"")))
    assert _refusal(image(png_of(1, 201, b""))).code == "invalid_image"


def test_there_is_a_limit_to_the_number_of_pictures() -> None:
    picture = image(png(1, 1))
    assert len(_content(*[picture] * llama_media.MOST_PARTS)) == llama_media.MOST_PARTS
    refusal = _refusal(*[picture] * (llama_media.MOST_PARTS + 1))
    assert refusal.code == "array_above_max_length"
    assert refusal.param == f"messages[0].content[{llama_media.MOST_PARTS}]"
    assert str(llama_media.MOST_PARTS) in refusal.message


def test_a_part_that_is_too_large_is_not_even_decoded() -> None:
    refusal = _refusal(_url("data:image/png;base64," + "A" * (llama_media.LARGEST_PART * 3 // 2)))
    assert refusal.code == "image_too_large"


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (wav(), "wav"),
        (wav_of(bytes(3200), bits=8), "wav"),
        (wav_of(bytes(48_000), bits=24, channels=2), "wav"),
        (wav_of(struct.pack("<f", 0.5) * 3200, kind=3, bits=32), "wav"),
        (wav()[:4000], "wav"),
        (mp3(), "mp3"),
        (MP3_FRAME * 10 + b"TAG" + bytes(125), "mp3"),
    ],
)
def test_sounds_go_on_as_they_are(data: bytes, form: str) -> None:
    assert _content(audio(data, form)) == [audio(data, form)]


@pytest.mark.parametrize(
    ("data", "form", "part"),
    [
        (b"", "wav", "empty"),
        (png(), "wav", "not a WAV"),
        (mp3(), "wav", "not a WAV"),
        (wav(), "mp3", "not an MP3"),
        (wav()[:30], "wav", "not a WAV"),
        (wav_of(bytes(64), kind=2, bits=4), "wav", "PCM"),
        (wav_of(bytes(3200), channels=0), "wav", "channels"),
        (wav_of(bytes(3200), rate=1), "wav", "samples a second"),
        (wav_of(struct.pack("<f", float("nan")) * 3200, kind=3, bits=32), "wav", "from -1000 to 1000"),
        (wav_of(struct.pack("<2f", 0.5, -1e19) * 3200, kind=3, bits=32), "wav", "from -1000 to 1000"),
        (wav_of(b"\1\1"), "wav", "at least"),
        (wav_of(bytes(8_000 * 1801), rate=8_000, bits=8), "wav", "at most 1800 seconds"),
        (MP3_FRAME, "mp3", "at least"),
        (mp3(0), "mp3", "at least"),
        (MP3_FRAME + b"\xff" * (2 << 20), "mp3", "damaged"),
        ((b"\xff\xe3\x18\xc4" + bytes(68)) * 25_100, "mp3", "at most 1800 seconds"),
    ],
)
def test_sounds_that_cannot_be_heard_are_refused_by_rule(data: bytes, form: str, part: str) -> None:
    refusal = _refusal(audio(data, form))
    assert refusal.param == f"{PLACE}.input_audio.data"
    assert refusal.code == "invalid_value"
    assert part in refusal.message


@pytest.mark.parametrize("data", ["http://127.0.0.1/a.wav", "httpAAAA", "file:///etc/hostname", "@@@@"])
def test_an_address_in_the_place_of_a_sound_is_refused(data: str) -> None:
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    assert _refusal(part).param == f"{PLACE}.input_audio.data"


def test_no_error_holds_what_was_sent() -> None:
    for url in ("http://secret.example/x", "data:secret/secret;base64,AAAA", "data:image/png;base64,secret!"):
        assert "secret" not in _refusal(_url(url)).message


def test_media_are_counted_for_each_request_alone() -> None:
    for _ in range(3):
        assert Media().translate(image(png_of(6_000, 6_000, b"")), PLACE)


def test_pictures_of_another_colour_are_other_data() -> None:
    assert png() != png(colour=BLUE)
