"""What the setting of a projector gives a model, and what is refused as one, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.configuration.model_file import served_model
from app.errors import ConfigurationError
from app.model_process import gguf

from ..configuration.entries import model_file
from .conftest import BUNDLED
from .gguf_writer import write, write_projector

EMBEDDING = 192  # the bundled model's


@pytest.fixture
def projector(tmp_path: Path) -> Path:
    return write_projector(tmp_path / "projector.gguf", EMBEDDING)


def _capabilities(path: Path) -> frozenset[str]:
    return served_model(model_file(mmproj=path)).model.capabilities


def test_capabilities_follow_from_the_projector(tmp_path: Path) -> None:
    senses = {"images", "audio_input"}
    path = tmp_path / "mmproj.gguf"
    assert _capabilities(write_projector(path, EMBEDDING)) >= senses
    assert _capabilities(write_projector(path, EMBEDDING, audio=False)) & senses == {"images"}
    assert _capabilities(write_projector(path, EMBEDDING, images=False)) & senses == {"audio_input"}
    assert not served_model(model_file()).model.capabilities & senses


def test_another_projector_is_another_fingerprint(tmp_path: Path) -> None:
    path = write_projector(tmp_path / "mmproj.gguf", EMBEDDING)
    one = served_model(model_file(mmproj=path)).model.fingerprint
    write_projector(path, EMBEDDING, audio=False)
    other = served_model(model_file(mmproj=path)).model.fingerprint
    assert len({one, other, served_model(model_file()).model.fingerprint}) == 3


def test_a_projector_is_described_by_its_header(projector: Path) -> None:
    file = gguf.read(projector)
    assert file.architecture == "clip"
    assert file.sees
    assert file.hears
    assert EMBEDDING in file.widths
    assert gguf.read(BUNDLED).embedding_length == EMBEDDING


def _start_error(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        served_model(model_file(mmproj=path))
    return str(caught.value)


def test_a_projector_that_cannot_be_one_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "mmproj.gguf"
    assert "does not exist" in _start_error(path)
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    assert "not a GGUF file" in _start_error(path)
    path.write_bytes(write_projector(path, EMBEDDING).read_bytes()[:-1_000])
    assert "cut short" in _start_error(path)
    assert "not a projector" in _start_error(BUNDLED)
    assert "not a projector" in _start_error(write(path, {"general.architecture": "clip"}, {}))
    for sentence in (_start_error(tmp_path / "none"), _start_error(BUNDLED)):
        assert sentence.startswith("parley.toml: models.m.mmproj: ")


def test_a_projector_of_another_model_is_refused_by_the_width_of_its_embeddings(tmp_path: Path) -> None:
    sentence = _start_error(write_projector(tmp_path / "mmproj.gguf", 96, audio=False))
    assert "another model" in sentence
    assert str(EMBEDDING) in sentence


def test_a_projector_in_the_place_of_the_model_is_told_its_own(projector: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"name it in parley\.toml: models\.m\.mmproj"):
        served_model(model_file(path=projector))
