"""A GGUF file is described by its header, and a broken one is refused with a sentence that helps."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.model_process import gguf

from .conftest import BUNDLED


def _text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def _header(version: int = 3, tensors: int = 0, entries: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries)


def _refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        gguf.read(path)
    return str(caught.value)


def _refusal_of(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return _refusal(path)


def test_the_bundled_model_is_described() -> None:
    file = gguf.read(BUNDLED)
    assert file.architecture == "qwen3"
    assert file.context_length == 4096
    assert file.size == BUNDLED.stat().st_size


def test_a_file_cut_by_one_byte_is_cut_short(tmp_path: Path) -> None:
    data = BUNDLED.read_bytes()
    sentence = _refusal_of(tmp_path, data[:-1])
    assert f"ends at {len(data) - 1} bytes" in sentence
    assert f"promises {len(data)}" in sentence
    assert "download it again" in sentence


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    data = BUNDLED.read_bytes()
    for length in (1, 3, 4, 7, 8, 23, 24, 31, 40, 100, 1_000, 10_000, 40_000, len(data) // 2):
        assert "download it again" in _refusal_of(tmp_path, data[:length]), length


def test_a_missing_file_is_named() -> None:
    assert "/nowhere/model.gguf does not exist" in _refusal(Path("/nowhere/model.gguf"))


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    assert "is a directory" in _refusal(tmp_path)


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    assert "is empty" in _refusal_of(tmp_path, b"")


def test_a_foreign_file_is_not_a_gguf(tmp_path: Path) -> None:
    assert "is not a GGUF file" in _refusal_of(tmp_path, b"PK\x03\x04" + bytes(100))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    path.chmod(0)
    assert "permissions" in _refusal(path)


def test_a_device_is_refused() -> None:
    assert "/dev/null" in _refusal(Path("/dev/null"))


def test_other_versions_are_refused(tmp_path: Path) -> None:
    assert "GGUF version 1" in _refusal_of(tmp_path, _header(version=1))
    assert "big-endian" in _refusal_of(tmp_path, _header(version=3 << 24))


def test_a_header_without_an_architecture_holds_no_model(tmp_path: Path) -> None:
    assert "names no architecture" in _refusal_of(tmp_path, _header())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_header(entries=1 << 60), id="a count of entries"),
        pytest.param(_header(tensors=1 << 60), id="a count of tensors"),
        pytest.param(_header(entries=1) + struct.pack("<Q", 1 << 62), id="the length of a key"),
        pytest.param(_header(entries=1) + _text(b"a") + struct.pack("<IQ", 8, 1 << 63), id="the length of a text"),
        pytest.param(
            _header(entries=1) + _text(b"a") + struct.pack("<IIQ", 9, 8, 1 << 62) + bytes(64),
            id="an array of texts",
        ),
        pytest.param(_header(entries=1) + _text(b"a") + struct.pack("<IIQ", 9, 10, 1 << 62), id="an array of numbers"),
        pytest.param(_header(entries=1) + _text(b"a") + struct.pack("<IIQ", 9, 9, 1) * 50, id="nested arrays"),
        pytest.param(_header(entries=1) + _text(b"a") + struct.pack("<I", 99), id="an unknown type"),
        pytest.param(_header(tensors=1) + _text(b"t") + struct.pack("<I", 1 << 31), id="many dimensions"),
        pytest.param(
            _header(tensors=1) + _text(b"t") + struct.pack("<IQQIQ", 2, 1 << 63, 1 << 63, 0, 0),
            id="a giant tensor",
        ),
        pytest.param(
            _header(entries=1) + _text(b"general.alignment") + struct.pack("<II", 4, 0),
            id="an alignment of zero",
        ),
    ],
)
def test_sizes_that_cannot_be_are_refused_at_once(tmp_path: Path, data: bytes) -> None:
    assert "download it again" in _refusal_of(tmp_path, data)


def test_a_tensor_of_a_new_type_is_checked_by_its_offset(tmp_path: Path) -> None:
    entry = _text(b"general.architecture") + struct.pack("<I", 8) + _text(b"llama")
    tensor = _text(b"t") + struct.pack("<IQIQ", 1, 32, 9_999, 64)
    data = _header(tensors=1, entries=1) + entry + tensor
    start = -(-len(data) // 32) * 32
    path = tmp_path / "model.gguf"
    path.write_bytes(data.ljust(start + 64, b"\0"))
    assert gguf.read(path).context_length is None
    assert "cut short" in _refusal_of(tmp_path, data.ljust(start + 63, b"\0"))
