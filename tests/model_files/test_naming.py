"""What names a model's file: a path, or a model that was pulled."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.errors import ConfigurationError
from app.model_files.catalogue import CATALOGUE
from app.model_files.naming import is_name, locate, pull_command


def test_what_is_no_name_is_a_path(tmp_path: Path) -> None:
    for text in ("models/x.gguf", "./smollm2", str(tmp_path)):
        assert not is_name(text)
        assert locate(text, tmp_path) == Path(text)


def test_a_name_is_the_file_that_was_pulled(tmp_path: Path) -> None:
    pinned = CATALOGUE["smollm2"]
    pinned.path(tmp_path).parent.mkdir()
    with pinned.path(tmp_path).open("wb") as file:
        file.truncate(pinned.size)
    assert locate("smollm2", tmp_path) == pinned.path(tmp_path) == tmp_path / "models" / "smollm2.gguf"


@pytest.mark.parametrize("there", [False, True], ids=["nothing is there", "a part is there"])
def test_before_that_a_sentence_says_how_to_pull_it(there: bool, tmp_path: Path) -> None:
    if there:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "smollm2.gguf").write_bytes(b"GGUF")
    rule = r"^The model smollm2 is not in .*/models\. Pull it: .*models pull smollm2$"
    with pytest.raises(ConfigurationError, match=rule):
        locate("smollm2", tmp_path)


def test_what_is_almost_a_name_is_told_the_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^There is no file smollm\. Did you mean smollm2\?$"):
        locate("smollm", tmp_path)


def test_the_command_that_pulls_can_be_run_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert pull_command("x") == f"{folder}/python -m parley models pull x"
    for name, call in (("python", "bin/python -m parley"), ("parley", "bin/parley")):
        (folder / name).touch(mode=0o755)
        assert pull_command("x") == f"{call} models pull x"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pull_command("x") == f"{folder}/parley models pull x"
    monkeypatch.setenv("PATH", str(folder))
    assert pull_command("x") == "parley models pull x"
