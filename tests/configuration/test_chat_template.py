"""A chat template that the configuration names stands in for the one in the model's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.configuration import trying
from app.configuration.chat_template import CHATML, read_template
from app.configuration.chosen import chosen
from app.configuration.loading import load
from app.configuration.model_file import served_model
from app.configuration.trying import try_templates
from app.errors import ConfigurationError
from app.settings import Settings

from ..engines.gguf_template import with_template, without_template
from .entries import model_file

VERBOSE = "{% for m in messages %}{{ m.content }}{% endfor %}{{ verbosity }}"


def jinja(tmp_path: Path, text: str = VERBOSE) -> Path:
    path = tmp_path / "chat.jinja"
    path.write_text(text)
    return path


def test_what_the_template_of_the_configuration_knows_is_what_the_model_can_be_asked_for(tmp_path: Path) -> None:
    own = with_template(tmp_path / "m.gguf", "{{ reasoning_effort }}")
    before = served_model(model_file(own))
    after = served_model(model_file(own, chat_template=str(jinja(tmp_path))))
    assert "reasoning" in before.model.capabilities
    assert after.model.capabilities ^ before.model.capabilities == {"reasoning", "verbosity"}


def test_it_is_handed_to_the_model_process_as_text_and_one_of_the_file_is_not(tmp_path: Path) -> None:
    assert served_model(model_file()).options.chat_template == ""
    assert served_model(model_file(chat_template=str(jinja(tmp_path)))).options.chat_template == VERBOSE
    assert served_model(model_file(chat_template=CHATML)).options.chat_template == "chatml"


def test_another_template_makes_another_fingerprint(tmp_path: Path) -> None:
    entries = [model_file(), model_file(chat_template=CHATML), model_file(chat_template=str(jinja(tmp_path)))]
    assert len({served_model(entry).model.fingerprint for entry in entries}) == 3


def test_a_model_without_a_template_is_remarked_on_until_it_is_given_one(tmp_path: Path) -> None:
    bare = without_template(tmp_path / "m.gguf")
    remark = served_model(model_file(bare)).remark
    assert remark is not None
    assert f"{bare} has no chat template: llama.cpp writes conversations in ChatML marks" in remark
    assert remark.endswith("Give a template by parley.toml: models.m.chat_template.")
    assert served_model(model_file(bare, chat_template=CHATML)).remark is None
    assert served_model(model_file(bare, chat_template=str(jinja(tmp_path)))).remark is None
    assert served_model(model_file()).remark is None


def test_in_a_configuration_file_its_path_begins_at_the_file_s_folder(tmp_path: Path) -> None:
    model = '[models.{}]\nengine = "llama"\nchat_template = "{}"\n'
    (tmp_path / "p.toml").write_text(model.format("a", "chat.jinja") + model.format("b", "chatml"))
    a, b = load(tmp_path / "p.toml", {}).models
    assert (a.keys.chat_template, b.keys.chat_template) == (str(tmp_path / "chat.jinja"), "chatml")


def test_a_setting_names_it_too(tmp_path: Path) -> None:
    path = jinja(tmp_path)
    (entry,) = chosen(Settings.from_environment({"PARLEY_CHAT_TEMPLATE": str(path)})).models
    assert served_model(entry).options.chat_template == VERBOSE
    (entry,) = chosen(Settings.from_environment({"PARLEY_CHAT_TEMPLATE": "~/none.jinja"})).models
    with pytest.raises(ConfigurationError, match=rf"^PARLEY_CHAT_TEMPLATE: .*{Path.home()}/none\.jinja cannot be read"):
        served_model(entry)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is not text in UTF-8"),
        (b" \n", "is not text in UTF-8"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"x" * 60_001, "is longer than 60000 bytes"),
    ],
)
def test_a_file_that_cannot_be_a_template_is_refused_by_name(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "chat.jinja"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{path} {part}"):
        read_template(str(path))


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_is_no_path_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_template(str(tmp_path / name))


def test_each_template_is_tried_once_and_that_of_the_bundled_model_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(trying, "refusal", lambda text, _model: tried.append(text))
    own = with_template(tmp_path / "own.gguf", "{{ messages }}")
    bare = without_template(tmp_path / "bare.gguf")
    entries = [model_file(), model_file(own), model_file(own, slots=2), model_file(bare)]
    try_templates(map(served_model, entries))
    assert len(tried) == 1
    assert tried[0].startswith("{{ messages }}")


def test_one_that_llama_cpp_cannot_use_is_told_with_its_reason_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trying, "refusal", lambda _text, _model: "because")
    way_out = r"cannot be used by llama\.cpp \(because\)\. Give another one by parley\.toml: models\.m\.chat_template\."
    own = with_template(tmp_path / "own.gguf", "{% if %}")
    with pytest.raises(ConfigurationError, match=f"The chat template of {own} {way_out}"):
        try_templates([served_model(model_file(own))])
    path = jinja(tmp_path)
    with pytest.raises(ConfigurationError, match=rf"models\.m\.chat_template: The chat template {path} {way_out}"):
        try_templates([served_model(model_file(own, chat_template=str(path)))])
