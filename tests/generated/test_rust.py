"""Clients and a server in Rust, made by the generators ``rust`` and ``rust-server``, against a live Parley.

Both are made of the contract in the form that ``tools/rust_contract.py`` gives it, and are built as one workspace with
the programs in ``rust/``.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tools.rust_contract import rust_contract

from ..live import Server, free_port
from ..openapi import contract
from ..patience import wait_until
from . import pages
from .comparing import ask, compare, table
from .generating import FOLDER, generate, needs, put, run
from .requests import requests

needs("cargo", "cc", "pkg-config")

pytestmark = [pytest.mark.live, pytest.mark.clients]

PROGRAMS = Path(__file__).parent / "rust"
# A type of its own for each enum: otherwise a tool's `type` is called after a message's `role`.
OPTIONS = ["--inline-schema-options", "SKIP_SCHEMA_REUSE=true"]
KEY = "sk-stub-0123456789"


@pytest.fixture(scope="module")
def workspace() -> Path:
    """The folder of the workspace, generated but not built."""
    folder = FOLDER / "cargo"
    put(PROGRAMS, folder)
    document = folder / "rust.yaml"
    document.write_text(yaml.safe_dump(rust_contract(contract()), sort_keys=False, allow_unicode=True))
    generate("rust", name="cargo/openapi", document=document)
    generate("rust-server", OPTIONS, name="cargo/openapi_client", document=document)
    return folder


def test_what_is_generated_builds_without_a_warning(workspace: Path) -> None:
    assert "warning:" not in run(["cargo", "build", "--locked"], workspace)


@pytest.mark.parametrize("client", ["reqwest_client", "hyper_client"])
def test_a_generated_client_gets_all_that_it_asks_for(client: str, workspace: Path, llama_server: Server) -> None:
    env = {"PARLEY_URL": llama_server.url, "PARLEY_KEY": llama_server.key}
    printed = run(["cargo", "test", "--locked", "--test", client], workspace, env)
    assert "warning:" not in printed
    passed = re.search(r"test result: ok\. (\d+) passed; 0 failed; 0 ignored", printed)
    assert passed
    assert int(passed[1]) == (PROGRAMS / "tests" / f"{client}.rs").read_text().count("#[tokio::test]")


@pytest.fixture(scope="module")
def stub(workspace: Path) -> Iterator[str]:
    """The address, up to ``/v1``, of a server made with the generated stub."""
    run(["cargo", "build", "--locked"], workspace)
    port = free_port()
    with subprocess.Popen([workspace / "target" / "debug" / "stub", str(port), KEY], stderr=subprocess.PIPE) as process:
        try:
            base = f"http://127.0.0.1:{port}/v1"

            def answers() -> bool:
                assert process.poll() is None
                try:
                    return ask(base, KEY, requests()[0]) == 200
                except ConnectionRefusedError:
                    return False

            wait_until(answers, "the stub does not answer")
            yield base
        finally:
            process.kill()


def test_parley_is_at_least_as_strict_as_a_generated_server(stub: str, llama_server: Server) -> None:
    rows = compare((stub, KEY), (llama_server.base, llama_server.key), requests())
    for row in rows:
        assert row.stricter or not row.differs, row
        assert row.request.kind != "valid" or row.theirs == 200, row
        assert row.theirs < 500, row
    pages.hold("rust", table(rows, "rust-server"))
