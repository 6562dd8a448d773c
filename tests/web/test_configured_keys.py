"""Keys of the settings and of the file, which is read again when it changes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.accounts import Client
from app.settings import Settings
from app.web.configured_keys import ConfiguredKeys
from app.web.keys import KeyRing, load_keys


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the monotonic clock on."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def move(seconds: float) -> None:
        passed[0] += seconds

    return move


def name_of(key: str) -> str:
    return KeyRing.of([key]).names[0]


def replace(file: Path, text: str) -> None:
    """As a tool does that writes beside the file and renames."""
    new = file.with_name("new")
    new.write_text(text)
    os.replace(new, file)


def test_a_key_is_a_client_of_its_short_name() -> None:
    keys = ConfiguredKeys(Settings(api_keys=("one",)))
    assert keys.find("one") == Client(name_of("one"))
    assert keys.find("One") is None


@pytest.mark.parametrize("write", [replace, Path.write_text], ids=["replaced", "written"])
def test_a_changed_file_is_read_again_within_a_second_or_so(
    write: Callable[[Path, str], object], tmp_path: Path, pass_seconds: Callable[[float], None]
) -> None:
    file = tmp_path / "keys"
    file.write_text("old\n")
    keys = ConfiguredKeys(Settings(api_keys=("fixed",), api_keys_file=file))
    assert keys.find("old")
    write(file, "a-new-one\nolder\n")
    pass_seconds(1.1)
    assert keys.find("old") is None
    assert keys.find("a-new-one") == Client(name_of("a-new-one"))
    assert keys.find("fixed")


def test_the_file_is_looked_at_once_a_second_at_most(tmp_path: Path, pass_seconds: Callable[[float], None]) -> None:
    file = tmp_path / "keys"
    file.write_text("old\n")
    keys = ConfiguredKeys(Settings(api_keys_file=file))
    file.write_text("newer\n")
    pass_seconds(-1000)  # so that a slow machine does not reach the second
    assert keys.find("old")


@pytest.mark.parametrize("text", ["", "# nothing\n", "a key with spaces\n", None])
def test_while_the_file_cannot_be_used_the_keys_stay_and_the_log_says_so_once(
    text: str | None,
    tmp_path: Path,
    pass_seconds: Callable[[float], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    file = tmp_path / "keys"
    file.write_text("sk-secret-old\n")
    keys = ConfiguredKeys(Settings(api_keys_file=file))
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    for _ in range(3):
        pass_seconds(1.1)
        assert keys.find("sk-secret-old")
    assert caplog.text.count("stay in force") == 1
    file.write_text("sk-secret-new\n")
    pass_seconds(1.1)
    assert keys.find("sk-secret-new")
    assert keys.find("sk-secret-old") is None
    assert "sk-secret" not in caplog.text


def test_no_key_is_generated_where_there_are_others(tmp_path: Path) -> None:
    ring = load_keys(Settings(state_dir=tmp_path), others=True)
    assert (ring.digests, ring.generated) == ((), None)
    assert list(tmp_path.iterdir()) == []
