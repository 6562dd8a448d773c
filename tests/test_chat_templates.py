"""A server's model answers under the chat template that it is given, and a start tells what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Command
from .engines.gguf_template import with_template, without_template
from .live import Server, StartError, serve

pytestmark = pytest.mark.live

PLAIN = "{% for m in messages %}{{ m.content }}{% endfor %}"


def prompt_tokens(server: Server, model: str) -> int:
    body = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Hello!"}]}
    answer = server.request("POST", "/v1/chat/completions", body=body, headers=server.bearer)
    assert answer.status == 200, answer.body
    tokens: int = answer.json()["usage"]["prompt_tokens"]
    return tokens


def test_a_model_file_without_a_template_answers_in_chatml_marks_unless_it_is_given_one(tmp_path: Path) -> None:
    bare = without_template(tmp_path / "base.gguf")
    (tmp_path / "plain.jinja").write_text(PLAIN)
    with serve("llama", {"PARLEY_MODEL": str(bare)}) as server:
        assert f"{bare} has no chat template" in server.log_line("ChatML marks")
        assert "PARLEY_CHAT_TEMPLATE" in server.log_line("ChatML marks")
        marked = prompt_tokens(server, "base")
    env = {"PARLEY_MODEL": str(bare), "PARLEY_CHAT_TEMPLATE": str(tmp_path / "plain.jinja")}
    with serve("llama", env) as server:
        assert "chat template" not in server.log()
        plain = prompt_tokens(server, "base")
    assert plain < marked


@pytest.mark.parametrize("ours", [True, False], ids=["of the configuration", "of the file"])
def test_a_template_that_llama_cpp_cannot_use_ends_the_start_in_a_sentence(
    ours: bool, tmp_path: Path, command: Command
) -> None:
    broken = "{% for m in messages %}{{ m.content | nofilter }}{% endfor %}"
    if ours:
        (tmp_path / "chat.jinja").write_text(broken)
        env = {"PARLEY_CHAT_TEMPLATE": str(tmp_path / "chat.jinja")}
    else:
        env = {"PARLEY_MODEL": str(with_template(tmp_path / "m.gguf", broken))}
    with pytest.raises(StartError) as caught, serve("llama", env):
        pass
    said = caught.value.log
    assert "cannot be used by llama.cpp (Unknown (built-in) filter 'nofilter'" in said
    assert "Give another one by PARLEY_CHAT_TEMPLATE." in said
    assert "Traceback" not in said
    checked = command("config", "check", **env)
    assert checked.exit_code == 1
    assert "cannot be used by llama.cpp" in checked.stderr


def test_the_check_of_a_configuration_remarks_on_a_model_without_a_template(tmp_path: Path, command: Command) -> None:
    bare = without_template(tmp_path / "base.gguf")
    checked = command("config", "check", PARLEY_MODEL=str(bare))
    assert checked.exit_code == 0
    assert f"{bare} has no chat template" in checked.stdout
