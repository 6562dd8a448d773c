"""Keys are held as digests, compared over all of them, and made once when there is none."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.settings import Settings
from app.web.keys import KeyRing, is_loopback, load_keys


def test_a_key_is_found_by_its_value_and_told_by_its_short_name() -> None:
    ring = KeyRing.of(["first", "second"])
    assert ring.find("second") == ring.names[1]
    assert ring.find("third") is None
    assert ring.find("") is None
    assert ring.find("\udce9") is None
    assert "first" not in repr(ring)


def test_every_key_is_compared_even_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append(a)
        return a == b

    monkeypatch.setattr("app.web.keys.hmac.compare_digest", compare)
    KeyRing.of(["a", "b", "c"]).find("a")
    assert len(compared) == 3


def test_keys_come_from_the_setting_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# a comment\nfrom-file\n\n  # another\n  padded  \n")
    ring = load_keys(Settings(api_keys=("from-setting",), api_keys_file=file))
    assert all(ring.find(key) for key in ("from-setting", "from-file", "padded"))
    assert ring.generated is None
    assert ring.find("# a comment") is None


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# nothing\n")
    with pytest.raises(ConfigurationError, match="holds no key"):
        load_keys(Settings(api_keys_file=tmp_path / "keys"))


def _generate(folder: Path) -> str | None:
    return load_keys(Settings(state_dir=folder)).generated


@pytest.mark.live
def test_processes_that_start_at_once_agree_on_one_generated_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        found = set(pool.map(_generate, [tmp_path / "state"] * 16))
    assert len(found) == 1
    (path,) = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_address_is_loopback_only_when_it_is() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost", "/run/x.sock"))
    assert not any(is_loopback(host) for host in ("", "0.0.0.0", "::", "192.168.1.1", "example.org"))
