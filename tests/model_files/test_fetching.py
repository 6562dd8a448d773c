"""Models on a hub are downloaded into the cache that other programs use, resumed, checked, and found there again."""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.errors import ConfigurationError
from app.model_files.fetching import FILES_VARIABLE, fetch, fetch_all
from app.model_files.hub_cache import REQUIREMENT
from app.model_files.naming import NotDownloaded, is_name, locate
from app.model_files.reference import Reference
from tests.live import ROOT

from ..engines.conftest import BUNDLED
from ..published import page
from .hub_server import COMMIT, Hub, hub

pytestmark = pytest.mark.live

CONTENT = BUNDLED.read_bytes()
SHA256 = sha256(CONTENT).hexdigest()
REFERENCE = "hf:org/tiny"
FILE = "tiny-Q4_K_M.gguf"


@pytest.fixture
def loopback() -> Iterator[Hub]:
    with hub({"org/tiny": {FILE: CONTENT, "README.md": b"# Tiny", "tiny-Q8_0.gguf": CONTENT[:1000]}}) as made:
        yield made


@pytest.fixture
def home(loopback: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of caches and tokens of a program that uses this hub."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", FILES_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in loopback.environ(tmp_path / "hf").items():
        monkeypatch.setenv(name, value)
    # This process reads it when it imports the package.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    return tmp_path / "hf"


def silent(_said: str) -> None:
    """Nobody listens."""


def refused(text: str = REFERENCE) -> str:
    with pytest.raises(ConfigurationError) as caught:
        fetch(text, silent)
    said = str(caught.value)
    assert "Traceback" not in said
    assert "hf_secret" not in said
    return said


def test_the_usual_file_of_a_repository_is_downloaded_once(loopback: Hub, home: Path) -> None:
    said: list[str] = []
    path = fetch(REFERENCE, said.append)
    assert path.read_bytes() == CONTENT
    assert path == home / "hub" / "models--org--tiny" / "snapshots" / COMMIT / FILE
    assert said == [f"{FILE} is downloaded, 3.6 MB"]
    assert fetch(REFERENCE, silent) == path
    assert loopback.downloads == [None]
    assert not list(home.rglob("*.incomplete"))


def test_a_download_that_broke_off_goes_on_from_there(loopback: Hub, home: Path) -> None:
    loopback.breaks_at = 2_000_000
    said = refused()
    assert said == (
        "hf:org/tiny is not in the cache, and the hub 127.0.0.1 answers with status 503. "
        "The part that was downloaded is kept: the next attempt resumes there."
    )
    (partial,) = home.rglob("*.incomplete")
    have = partial.stat().st_size
    assert 0 < have <= 2_000_000
    with pytest.raises(NotDownloaded):
        locate(REFERENCE, home)
    loopback.status = 0
    told: list[str] = []
    assert fetch(REFERENCE, told.append).read_bytes() == CONTENT
    assert loopback.downloads[-1] == f"bytes={have}-"
    assert told[0].startswith(f"{FILE} resumes at ")


def test_one_that_is_not_what_the_hub_says_it_is_is_refused_and_not_kept(loopback: Hub, home: Path) -> None:
    loopback.lies = True
    assert refused() == f"{FILE} is not what the hub says it is: its checksum differs. Start again."
    assert not [path for path in home.rglob("*") if path.is_file() and path.stat().st_size > 1000]


def test_a_partial_file_that_is_too_long_is_begun_anew(loopback: Hub, home: Path) -> None:
    partial = home / "hub" / "models--org--tiny" / "blobs" / f"{SHA256}.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(CONTENT + b"more")
    assert fetch(REFERENCE, silent).read_bytes() == CONTENT
    assert loopback.downloads == [None]


def test_starts_at_once_download_it_once(loopback: Hub, home: Path) -> None:
    with ThreadPoolExecutor() as pool:
        paths = list(pool.map(lambda _number: fetch(REFERENCE, silent), range(3)))
    assert [path.read_bytes() == CONTENT for path in paths] == [True] * 3
    assert loopback.downloads == [None]


@pytest.mark.parametrize("offline", [True, False], ids=["set offline", "the hub is away"])
def test_a_file_in_the_cache_is_served_without_the_hub(
    offline: bool, loopback: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch(REFERENCE, silent)
    if offline:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said: list[str] = []
    assert fetch(REFERENCE, said.append) == path
    assert "the file in the cache is served" in said[0]
    assert refused("hf:org/tiny:Q8_0").startswith("hf:org/tiny:Q8_0 is not in the cache, and ")


def test_a_pinned_commit_that_is_there_asks_nobody(loopback: Hub, home: Path) -> None:
    path = fetch(f"{REFERENCE}@{COMMIT}", silent)
    asked = len(loopback.asked)
    assert fetch(f"{REFERENCE}@{COMMIT}", silent) == path
    assert len(loopback.asked) == asked


def test_all_parts_of_a_split_model_are_downloaded_and_the_first_is_the_file(loopback: Hub, home: Path) -> None:
    names = [f"m-Q4_K_M-0000{number}-of-00002.gguf" for number in (1, 2)]
    loopback.repositories["org/split"] = {names[0]: CONTENT, names[1]: CONTENT[:5000]}
    path = fetch("hf:org/split", silent)
    assert path.name == names[0]
    assert path.with_name(names[1]).read_bytes() == CONTENT[:5000]
    assert locate("hf:org/split", home) == path


@pytest.mark.parametrize(
    ("status", "code", "part"),
    [
        (404, "RepoNotFound", "has no such repository, or it is private"),
        (401, "", "does not let you read it. Log in with a token"),
        (403, "GatedRepo", "gives it only to users who accepted its terms. Log in with a token"),
        (403, "", "does not let you read it. Log in with a token"),
        (404, "RevisionNotFound", "the repository has no revision main"),
        (418, "", "answers with status 418"),
        (500, "", "is not in the cache, and the hub 127.0.0.1 answers with status 500."),
        (429, "", "is not in the cache, and the hub 127.0.0.1 answers with status 429."),
    ],
)
def test_what_the_hub_refuses_is_told_in_a_sentence(
    status: int, code: str, part: str, loopback: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    loopback.status, loopback.error_code = status, code
    assert part in refused()
    assert loopback.tokens[-1] == "Bearer hf_secret"


def test_a_repository_that_is_not_there_is_told_in_a_sentence(home: Path) -> None:
    assert "hf:org/none: the hub 127.0.0.1 has no such repository" in refused("hf:org/none")


def test_where_files_are_elsewhere_the_token_stays_with_the_hub(
    loopback: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with hub(loopback.repositories) as elsewhere:
        loopback.elsewhere = elsewhere.url.replace("127.0.0.1", "localhost")
        assert fetch(REFERENCE, silent).read_bytes() == CONTENT
        assert set(loopback.tokens) == {"Bearer hf_secret"}
        assert elsewhere.downloads == [None]
        assert set(elsewhere.tokens) == {None}


def test_a_disk_without_room_is_told_in_a_sentence_before_anything_is_fetched(
    loopback: Hub, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.model_files import hub as program

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=100))

    def resume() -> Path:
        program._resume(f"{loopback.url}/org/tiny/resolve/main/{FILE}", home / SHA256, len(CONTENT), FILE, silent)
        return home

    home.mkdir()
    with pytest.raises(ConfigurationError, match=r"^hf:org/tiny cannot be kept in .*: the disk is full\. Make room"):
        program._ask(resume, Reference.parse(REFERENCE))
    assert loopback.asked == []


def test_workers_find_the_very_file_that_was_fetched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILES_VARIABLE, "{}")
    fetch_all({"a": REFERENCE, "b": None, "c": "x.gguf", "d": REFERENCE}, silent)
    published = json.loads(os.environ[FILES_VARIABLE])
    assert list(published) == [REFERENCE]
    other = home / "other.gguf"
    other.write_bytes(b"")
    monkeypatch.setenv(FILES_VARIABLE, json.dumps({REFERENCE: str(other)}))
    assert locate(REFERENCE, home) == other
    other.unlink()
    assert locate(REFERENCE, home) == Path(published[REFERENCE])


def test_a_failure_is_told_with_its_place(home: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^PARLEY_MODEL: hf:org/none: "):
        fetch_all({"PARLEY_MODEL": "hf:org/none"}, silent)


def test_what_is_not_there_yet_is_told_with_the_way_to_get_it(home: Path) -> None:
    assert is_name(REFERENCE)
    with pytest.raises(NotDownloaded, match=r"^hf:org/tiny has not been downloaded\. .* models pull hf:org/tiny$"):
        locate(REFERENCE, home)


def test_without_the_extra_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    rule = r"pip install 'parley\[hub\]', or in a checkout: .* -m pip install huggingface_hub~="
    with pytest.raises(ConfigurationError, match=rule):
        fetch(REFERENCE, silent)
    with pytest.raises(ConfigurationError, match=rule):
        locate(REFERENCE, tmp_path)


def test_what_it_says_is_what_the_extra_has() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options.extras_require"]["hub"].strip() == REQUIREMENT
    assert REQUIREMENT in config["options.extras_require"]["test"]
    assert f"pip install {REQUIREMENT} " in page("models")
