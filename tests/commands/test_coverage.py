"""The command that prints the score of a model."""

from __future__ import annotations

import json
import re

import pytest

from ..conftest import Command


@pytest.mark.parametrize(("engine", "model"), [("llama", "parley-tiny"), ("echo", "parley-echo")])
def test_the_command_prints_the_score(command: Command, engine: str, model: str) -> None:
    whole = command("contract", "coverage", PARLEY_ENGINE=engine).stdout
    assert whole.splitlines()[-1].startswith(f"{model}: ")
    assert re.search(r"\n  store +refused +but for `false`\n", whole)
    report = json.loads(command("contract", "coverage", "--model", model, "--json", PARLEY_ENGINE=engine).stdout)
    assert whole.splitlines()[-1] == f"{model}: {report['totals']}"
    accounted = re.match(r"(\d+) of (\d+) properties accounted for", report["totals"])
    assert accounted is not None
    found = {each["operation"]: each["properties"] for each in report["operations"]}
    assert accounted[1] == accounted[2] == str(sum(map(len, found.values())))
    wanted = {"createChatCompletion", "createCompletion", "createResponse"}
    assert {*found} == (wanted | {"createEmbedding"} if engine == "echo" else wanted)
    for each in report["operations"]:
        assert f"\n{each['operation']}: {each['totals']}\n" in whole


def test_the_command_knows_no_other_model(command: Command) -> None:
    done = command("contract", "coverage", "--model", "other", PARLEY_ENGINE="echo")
    assert done.exit_code == 1
    assert "there is no such model" in done.stderr
