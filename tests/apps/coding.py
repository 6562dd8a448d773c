"""Agents that write code in a terminal.

The echo engine calls an agent's first tool with the smallest arguments that fit its schema: a shell with the command
``string``, in the folder ``string`` where there is one to be named. There is such a command here, which leaves a trace.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from ..environments import Environment, NodeEnvironment
from ..live import Server
from .trial import ECHO, App, Trial

_COMMAND = "#!/bin/sh\ntouch trace\necho It ran.\n"
_RAN = "It ran."
# What Codex tells the model of it, with no more of the output than the model asked for.
_WENT_WELL = "Process exited with code 0"
_CALLS = {"PARLEY_ECHO_CALLS_TOOLS": "1"}
_WARN = {"PARLEY_UNSUPPORTED": "warn"}


def _workplace(trial: Trial) -> tuple[Path, str]:
    """A folder to work in, and a PATH with the command."""
    program = trial.folder / "bin" / "string"
    program.parent.mkdir(exist_ok=True)
    program.write_text(_COMMAND)
    program.chmod(0o755)
    # Login shells set a PATH of their own.
    Path(trial.folder, ".profile").write_text(f'PATH="{program.parent}:$PATH"\n')
    work = trial.folder / "work"
    Path(work, "string").mkdir(parents=True, exist_ok=True)
    # Else they would take the repository around it for what they work on.
    subprocess.run(["git", "init", "--quiet", str(work)], check=True)
    return work, f"{program.parent}:{trial.environ()['PATH']}"


def _has_run(work: Path) -> bool:
    """Whether the command has run since it was last asked."""
    traces = [*work.glob("trace"), *work.glob("string/trace")]
    for trace in traces:
        trace.unlink()
    return bool(traces)


# -- Codex

_CODEX = """
model = "parley-echo"
model_provider = "parley"
{more}
[model_providers.parley]
name = "Parley"
base_url = "{base}"
env_key = "OPENAI_API_KEY"
wire_api = "responses"
"""


def _codex_exec(trial: Trial, server: Server, *arguments: str, more: str = "") -> str:
    """The last message of a run without a person."""
    work, path = _workplace(trial)
    home = trial.folder / ".codex"
    home.mkdir(exist_ok=True)
    Path(home, "config.toml").write_text(_CODEX.format(base=server.base, more=more))
    options = ("--skip-git-repo-check", "--sandbox", "danger-full-access", "--output-last-message", "last")
    trial.run("codex", "exec", *options, *arguments, folder=work, env={"PATH": path, "OPENAI_API_KEY": server.key})
    return Path(work, "last").read_text().strip()


def _codex(trial: Trial) -> None:
    with trial.parley(_WARN) as server:
        trial.check("answers by its defaults, with `warn`", _codex_exec(trial, server, "Hello!"), "Hello!")
    more = 'web_search = "disabled"'
    with trial.parley() as server:
        trial.check("answers without web search", _codex_exec(trial, server, "Hello!", more=more), "Hello!")
        again = _codex_exec(trial, server, "resume", "--last", "And again.", more=more)
        trial.check("a session resumed", again, "And again.")
    with trial.parley(_CALLS) as server:
        said = _codex_exec(trial, server, "Run it.", more=more)
        trial.holds("a command run", _has_run(trial.folder / "work") and _WENT_WELL in said, said)


# -- opencode

_OPENCODE = {
    "$schema": "https://opencode.ai/config.json",
    "model": "parley/parley-echo",
    "autoupdate": False,
    "share": "disabled",
}


def _opencode_run(trial: Trial, server: Server, *arguments: str) -> list[dict[str, Any]]:
    """What is told of a run."""
    work, path = _workplace(trial)
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Parley",
        "options": {"baseURL": server.base, "apiKey": "{env:OPENAI_API_KEY}"},
        "models": {ECHO: {}},
    }
    Path(work, "opencode.json").write_text(json.dumps({**_OPENCODE, "provider": {"parley": provider}}))
    offline = {"OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1", "npm_config_offline": "true"}
    env = {"PATH": path, "OPENAI_API_KEY": server.key, **offline}
    out = trial.run("opencode", "run", "--format", "json", *arguments, folder=work, env=env)
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def _texts(events: list[dict[str, Any]]) -> list[str]:
    return [event["part"]["text"].strip().strip('"') for event in events if event["type"] == "text"]


def _opencode(trial: Trial) -> None:
    with trial.parley() as server:
        trial.check("answers", _texts(_opencode_run(trial, server, "Hello, code!")), ["Hello, code!"])
        again = _texts(_opencode_run(trial, server, "--continue", "And once again."))
        trial.check("a session continued", again, ["And once again."])
    with trial.parley(_CALLS) as server:
        said = _texts(_opencode_run(trial, server, "Run it, please."))
        trial.holds("a command run", _has_run(trial.folder / "work") and said == [_RAN], said)


# -- aider

_AIDER = """
model: openai/parley-echo
check-update: false
analytics: false
git: false
show-model-warnings: false
pretty: false
"""
# The echo engine gives back what it is asked, so the edit that a model would write stands in the message.
_EDIT = """greet.py
<<<<<<< SEARCH
print("Hello")
=======
print("Good day")
>>>>>>> REPLACE
"""


def _aider(trial: Trial) -> None:
    Path(trial.folder, ".aider.conf.yml").write_text(_AIDER)
    work, path = _workplace(trial)
    file = work / "greet.py"
    file.write_text('print("Hello")\n')
    with trial.parley() as server:
        env = {"PATH": path, "OPENAI_API_BASE": server.base, "OPENAI_API_KEY": server.key}
        said = trial.run("aider", "--yes", "--message", "Hello, aider!", folder=work, env=env)
        trial.holds("answers, streamed", "\nHello, aider!" in said, said)
        edit = ("--edit-format", "diff", "--message", _EDIT, "greet.py")
        said = trial.run("aider", "--yes", *edit, folder=work, env=env)
        trial.check("a file edited", file.read_text(), 'print("Good day")\n')


CODING = (
    App(
        "aider",
        Environment("apps/aider", ("aider-chat==0.86.2",)),
        "`OPENAI_API_BASE`, `OPENAI_API_KEY`; `--model openai/NAME`",
        _aider,
    ),
    App(
        "opencode",
        NodeEnvironment("apps/opencode", ("opencode-ai@1.18.33",)),
        "`opencode.json`: a provider with `@ai-sdk/openai-compatible` and its `baseURL`, `apiKey` and `models`",
        _opencode,
    ),
    App(
        "Codex",
        NodeEnvironment("apps/codex", ("@openai/codex@0.169.0",)),
        "`config.toml`: a provider with its `base_url` and `env_key`, as in [Responses](responses.md#codex), and "
        '`web_search = "disabled"`; or, at Parley, `PARLEY_UNSUPPORTED=warn`',
        _codex,
    ),
)
