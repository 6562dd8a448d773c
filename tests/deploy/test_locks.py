"""What is pinned is what setup.cfg demands, all of it, and can be installed from anywhere."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools.requirements import floor, requirements

from ..live import ROOT

LOCKS = {"requirements.lock": [], "requirements-test.lock": ["test"]}
# An entry: a name and a version, perhaps for some platforms alone, and one hash or more of its files.
ENTRY = re.compile(r"([a-z0-9-]+)==(\S+)(?: ; ([^\\\n]+?))?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n(?:    #.*\n)*")


def pins(name: str) -> dict[str, tuple[Version, str | None]]:
    """The versions that a file pins, and for which platforms."""
    return {entry[1]: (Version(entry[2]), entry[3]) for entry in ENTRY.finditer((ROOT / name).read_text())}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_nothing_but_versions_with_hashes_and_what_wants_them(name: str) -> None:
    text = (ROOT / name).read_text()
    assert ENTRY.sub("", text) == "", "neither options, such as an index, nor addresses"
    notes = re.findall(r"^    #(.*)$", text, re.MULTILINE)
    assert all(re.fullmatch(r" +(via *)?(-[rc] (-|requirements\.lock)|[a-z0-9-]*)", note) for note in notes)


@pytest.mark.parametrize("name", LOCKS)
def test_each_requirement_is_pinned_to_a_version_that_it_allows(name: str) -> None:
    pinned = pins(name)
    for requirement in map(Requirement, requirements(LOCKS[name])):
        version, _ = pinned[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{requirement}, but {name} pins {version}: make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_all_that_a_pinned_package_needs_here_is_pinned_too_and_nothing_else(name: str) -> None:
    pinned = pins(name)
    wanted = [Requirement(line) for line in requirements(LOCKS[name])]
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        package = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (package, extra) in seen or not here(requirement):
                continue
            seen.add((package, extra))
            version, _ = pinned[package]
            assert version in requirement.specifier
            try:
                further = [Requirement(line) for line in requires(package) or ()]
            except PackageNotFoundError:
                pytest.skip(f"{package} is not installed")
            wanted += [each for each in further if each.marker is None or each.marker.evaluate({"extra": extra})]
    elsewhere = {package for package, (_, marker) in pinned.items() if marker and not here(Requirement(f"x; {marker}"))}
    assert set(pinned) - elsewhere == {package for package, _ in seen}


def here(requirement: Requirement) -> bool:
    """Whether a requirement holds on this platform; what an extra asks for has been looked at."""
    return requirement.marker is None or "extra" in str(requirement.marker) or requirement.marker.evaluate()


def test_what_is_tested_is_what_is_served() -> None:
    served, tested = pins("requirements.lock"), pins("requirements-test.lock")
    assert {package: tested.get(package, (None,))[0] for package in served} == {
        package: version for package, (version, _) in served.items()
    }


def test_what_is_shared_with_other_packages_has_a_range_and_what_is_built_on_closely_stays_within_a_release() -> None:
    kinds: dict[str, set[str]] = {}
    for requirement in map(Requirement, requirements([])):
        kinds[canonicalize_name(requirement.name)] = {specifier.operator for specifier in requirement.specifier}
    for package in ("aiohttp", "orjson", "pyyaml", "click", "jiter", "msgspec", "jsonschema"):
        assert kinds[package] == {">=", "<"}
    for package in ("connexion", "flask", "gunicorn", "xllamacpp", "llguidance", "jsonschema-rs", "starlette"):
        assert kinds[package] == {"~="}


@pytest.mark.parametrize(
    ("requirement", "oldest"),
    [
        ("aiohttp>=3.12,<4", "aiohttp==3.12"),
        ("connexion[flask]~=3.3.0", "connexion[flask]==3.3.0"),
        ("a~=1.0; sys_platform == 'x'", "a==1.0; sys_platform == 'x'"),
        ("a==1.0", "a==1.0"),
        ("a", "a"),
    ],
)
def test_the_floor_of_a_requirement_is_the_oldest_version_that_it_allows(requirement: str, oldest: str) -> None:
    assert floor(requirement) == oldest


def test_everything_installs_from_the_lock() -> None:
    makefile = (ROOT / "Makefile").read_text()
    install = re.findall(r"^INSTALL := (.*)$", makefile, re.MULTILINE)
    assert len(install) == 1
    assert install[0].endswith("--require-hashes")
    assert re.search(r"^\$\(VENV\)/\.serve: requirements\.lock\n.*\n\t\$\(INSTALL\) -r \$<$", makefile, re.MULTILINE)
    assert re.search(r"^\$\(VENV\)/\.test: requirements-test\.lock .*\n\t\$\(INSTALL\) -r \$<$", makefile, re.MULTILINE)
    assert "--require-hashes \\\n    -r requirements.lock" in (ROOT / "deploy" / "Dockerfile").read_text()


def test_no_file_of_ours_names_an_index() -> None:
    for path in [ROOT / "setup.cfg", ROOT / "Makefile", ROOT / ".ci" / "run", *map(Path, map(ROOT.joinpath, LOCKS))]:
        assert not re.search(r"index-url|find-links|https?://", path.read_text()), path.name
