"""What those who change the project rely on: one version, tools of one version, recipes whose files are there."""

from __future__ import annotations

import configparser
import os
import re

import pytest
import yaml

from .live import ROOT

SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
RECIPES = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_version_is_that_of_the_newest_changes_and_of_the_image_that_is_deployed() -> None:
    version = SETUP["metadata"]["version"]
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGES.md").read_text(), re.MULTILINE)
    assert headings[0].removesuffix(" (unreleased)") == version
    numbers = [tuple(map(int, heading.removesuffix(" (unreleased)").split("."))) for heading in headings]
    assert numbers == sorted(numbers, reverse=True)
    deployment = (ROOT / "deploy" / "kubernetes" / "deployment.yaml").read_text()
    assert re.findall(r"image: \S+/parley:(\S+)", deployment) == [version]


def test_hooks_run_the_tools_of_the_environment_whose_versions_are_pinned() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"].split() for hook in repository["hooks"]]
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", SETUP["options.extras_require"]["test"], re.MULTILINE))
    for entry in entries:
        folder, _, tool = entry[0].rpartition("/")
        assert (folder, tool in pinned) == (".venv/bin", True), entry
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert {entry[0].rpartition("/")[2] for entry in entries} == set(re.findall(r"\$\(BIN\)/(\w+)", lint))


def test_the_workflow_runs_what_ci_runs_everywhere() -> None:
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"].values()
    (script,) = [step["run"] for step in job["steps"] if step.get("run", "").startswith(".ci/")]
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("name", ["bug", "document", "upstream"])
def test_what_an_issue_asks_for_has_a_name_and_fields(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert {"name", "description", "body"} <= set(form)
    fields = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert len(fields) == len(set(fields)) > 2


def test_every_file_and_folder_that_a_recipe_names_is_there() -> None:
    named = set(re.findall(r"`([\w./-]+/[\w./-]*)`", RECIPES))
    placeholders = {path for path in named if "NAME" in path or "TAG" in path}
    assert {"app/settings.py", "tests/engines/kinds.py"} <= named
    # `make` makes them.
    made = {".venv/", "build/"}
    assert sorted(path for path in named - placeholders - made if not (ROOT / path).exists()) == []


def test_every_test_that_a_recipe_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", RECIPES)
    assert len(named) > 5
    assert [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()] == []


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([\w./-]+)\)", RECIPES))))
def test_every_link_of_the_recipes_leads_to_a_file(link: str) -> None:
    assert (ROOT / link).is_file()
