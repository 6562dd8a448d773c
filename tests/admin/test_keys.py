"""The file of the operators' keys."""

from __future__ import annotations

import logging
import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from app.admin.keys import OperatorKeys, create_key, key_file, read_keys, revoke_key
from app.errors import ConfigurationError
from app.settings import Settings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "admin-keys"


def test_a_key_is_found_by_its_secret_and_by_nothing_else(path: Path) -> None:
    secrets = {name: create_key(path, name) for name in ("ann", "b.o-b_@x")}
    keys = OperatorKeys(path)
    for name, secret in secrets.items():
        found = keys.find(secret)
        assert found is not None
        assert found.name == name
    first = secrets["ann"]
    for token in ("", "x", first[:-1], f"{first} ", first.upper(), sha256(first.encode()).hexdigest(), "\udcff"):
        assert keys.find(token) is None


def test_the_file_has_hashes_and_is_its_owners(path: Path) -> None:
    secret = create_key(path, "ann")
    assert secret.startswith("sk-parley-admin-")
    assert len(secret) == len("sk-parley-admin-") + 43  # 256 random bits
    assert path.read_text() == f"ann {sha256(secret.encode()).hexdigest()}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["admin-keys"]


def test_changes_are_seen_at_once_and_comments_stay(path: Path) -> None:
    keys = OperatorKeys(path)
    assert keys.find("x") is None
    first = create_key(path, "ann")
    assert keys.find(first)
    path.write_text(f"# the team\n\n{path.read_text()}")
    second = create_key(path, "bob")
    assert keys.find(first)
    assert keys.find(second)
    revoke_key(path, "ann")
    assert keys.find(first) is None
    assert keys.find(second)
    assert path.read_text().startswith("# the team\n\nbob ")
    path.unlink()
    assert keys.find(second) is None


@pytest.mark.parametrize("name", ["", "a b", "a\n", "a" * 65, "é", "a/b", "#a:"])
def test_a_name_that_cannot_be_is_refused(path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 64 characters"):
        create_key(path, name)
    assert not path.exists()


def test_a_name_is_used_once_and_only_a_key_that_is_there_is_revoked(path: Path) -> None:
    create_key(path, "ann")
    before = path.read_text()
    with pytest.raises(ConfigurationError, match="already"):
        create_key(path, "ann")
    with pytest.raises(ConfigurationError, match="no operator's key"):
        revoke_key(path, "an")
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ann", 1),
        ("\n# x\nann 12", 3),
        (f"ann {'A' * 64}", 1),
        (f"a b {'a' * 64}", 1),
        (f"ann {'a' * 64} x", 1),
        (f"ann {'a' * 64}\nann {'b' * 64}", 2),
    ],
)
def test_a_line_that_is_no_key_closes_the_file_and_is_named_by_its_number(
    path: Path, text: str, line: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    secret = create_key(path, "zoe")
    keys = OperatorKeys(path)
    assert keys.find(secret)
    path.write_text(f"{text}\n{path.read_text()}")
    with pytest.raises(ConfigurationError, match=f"^Line {line} of") as caught:
        read_keys(path)
    assert "12" not in str(caught.value).replace(str(path), "")
    assert keys.find(secret) is None
    assert keys.find(secret) is None
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_opens_nothing(path: Path, mode: int) -> None:
    secret = create_key(path, "ann")
    keys = OperatorKeys(path)
    assert keys.find(secret)
    path.chmod(mode)
    assert keys.find(secret) is None
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_keys(path)
    path.chmod(0o640)  # as secrets of Kubernetes are
    assert keys.find(secret)


def test_a_file_that_is_no_text_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not text"):
        read_keys(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_keys(path.parent)


def test_many_changes_at_once_lose_none(path: Path) -> None:
    threads = [threading.Thread(target=create_key, args=(path, f"k{number}")) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(read_keys(path)) == sorted(f"k{number}" for number in range(20))


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_told(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        create_key(path, "ann")


def test_a_missing_key_is_told_once_with_what_makes_one(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("parley"), "propagate", True)
    keys = OperatorKeys(path)
    for _ in range(3):
        assert keys.find("x") is None
    assert [record.getMessage() for record in caplog.records] == [
        f"No key opens the operators' API: {path} has none. Create one with `parley admin keys create NAME`."
    ]


def test_the_file_is_the_one_of_the_setting_or_in_the_state_folder(tmp_path: Path) -> None:
    assert key_file(Settings(state_dir=tmp_path)) == tmp_path / "admin-keys"
    assert key_file(Settings(state_dir=tmp_path, admin_keys_file=tmp_path / "x")) == tmp_path / "x"
