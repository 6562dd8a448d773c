"""Clients and a server in Rust, made by the generators ``rust`` and ``rust-server``, against a live Parley.

Both are made of the contract in the form that ``tools/rust_contract.py`` gives it, and are built as one workspace with
the programs in ``rust/`` and the example of ``docs/clients.md``.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tools.rust_contract import rust_contract

from ..live import Server, free_port, serve
from ..openapi import contract
from ..patience import wait_until
from . import pages
from .comparing import ask, compare, table
from .generating import FOLDER, generate, needs, put, run
from .requests import MODEL, requests

needs("cargo", "cc", "pkg-config")
if subprocess.run(["pkg-config", "--exists", "openssl"], check=False).returncode:
    pytest.skip("there are no headers of OpenSSL", allow_module_level=True)

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
    _write(folder / "src" / "bin" / "example.rs", pages.block(pages.PAGE, "rust", "create_chat_completion"))
    document = folder / "rust.yaml"
    _write(document, yaml.safe_dump(rust_contract(contract()), sort_keys=False, allow_unicode=True))
    generate("rust", name="cargo/openapi", document=document)
    generate("rust-server", OPTIONS, name="cargo/openapi_client", document=document)
    return folder


@pytest.fixture(scope="module")
def built(workspace: Path) -> Path:
    """The folder of the workspace, everything in it built, and nothing of it with a warning.

    All at once: what is built together is compiled once for all.
    """
    targets = ["--lib", "--bins", "--examples", "--test", "reqwest_client", "--test", "hyper_client"]
    printed = run(["cargo", "build", "--locked", *targets], workspace)
    assert "warning:" not in printed, printed
    return workspace


def _write(file: Path, text: str) -> None:
    """Write a file, unless it is so already: its time would have cargo build it again."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("client", ["reqwest_client", "hyper_client"])
def test_a_generated_client_gets_all_that_it_asks_for(client: str, built: Path, llama_server: Server) -> None:
    env = {"PARLEY_URL": llama_server.url, "PARLEY_KEY": llama_server.key}
    printed = run(["cargo", "test", "--locked", "--test", client], built, env)
    passed = re.search(r"test result: ok\. (\d+) passed; 0 failed; 0 ignored", printed)
    assert passed
    assert int(passed[1]) == (PROGRAMS / "tests" / f"{client}.rs").read_text().count("#[tokio::test]")


def test_the_example_of_the_page_prints_what_the_page_says(built: Path, echo_server: Server) -> None:
    env = {"PARLEY_BASE": echo_server.base, "PARLEY_KEY": echo_server.key}
    printed = run([str(built / "target" / "debug" / "example")], built, env)
    assert printed == pages.block(pages.PAGE, "text", "Hello from Rust")


def test_the_clients_readme_has_the_crate_added_as_it_was_here(workspace: Path) -> None:
    readme = (workspace / "openapi" / "README.md").read_text(encoding="utf-8")
    block = re.search(r"^```\n(openapi = .*)\n```$", readme, re.MULTILINE)
    assert block
    assert block[1] in (PROGRAMS / "Cargo.toml").read_text(encoding="utf-8").splitlines()


def _commands(workspace: Path, words: str) -> list[list[str]]:
    """The commands with these words in the README of the generated server and client."""
    lines = (workspace / "openapi_client" / "README.md").read_text(encoding="utf-8").splitlines()
    found = [shlex.split(line) for line in lines if line.startswith("cargo run ") and words in line]
    assert found
    return found


def test_the_example_client_of_the_readme_runs_as_it_is_printed(
    built: Path, llama_server: Server, tmp_path: Path
) -> None:
    commands = _commands(built, "openapi_client-client ")
    operations = [command for command in commands if command[-1] != "--help"]
    named = {command[-1]: command for command in operations}
    found = dict.fromkeys(("CreateChatCompletion", "ListModels", "RetrieveModel"), "Ok(OK {")
    # The ids are made up, and a limit of 0 is none.
    found |= dict.fromkeys(("GetChatCompletion", "DeleteChatCompletion"), "Ok(ThereIsNoSuch")
    found |= dict.fromkeys(("ListChatCompletions", "GetChatCompletionMessages"), "Ok(TheRequestBreaks")
    assert set(named) == {*found, "UpdateChatCompletion"}
    # It makes its key itself, and tells it in its log.
    log = {"RUST_LOG": "debug"}
    printed = run([*named["ListModels"], "--port", str(llama_server.port)], built, log)
    assert "TheKeyIsMissingOrUnknown" in printed
    token = re.search(r'Derived token: "(\S+)"', printed)
    assert token
    # It sends an Idempotency-Key.
    database = f"sqlite:///{tmp_path}/parley.sqlite3"
    with serve("llama", {"PARLEY_API_KEYS": token[1], "PARLEY_DATABASE": database}) as server:
        for name, answer in found.items():
            assert answer in run([*named[name], "--port", str(server.port)], built, log), name


def test_the_command_line_tool_has_the_name_of_its_crate(built: Path, llama_server: Server) -> None:
    # Its README says `cli`.
    assert _commands(built, "--bin cli --features=cli")
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Say hello."}], "max_completion_tokens": 4}
    tool = str(built / "target" / "debug" / "openapi_client")
    arguments = ["--server-address", llama_server.url, llama_server.key, "create-chat-completion", json.dumps(body)]
    assert run([tool, *arguments], built).startswith("OK\nbody: {")


def test_the_page_calls_the_generators_as_they_were_called_here() -> None:
    page = pages.PAGE.read_text(encoding="utf-8").replace("\\\n", "")
    called = [
        shlex.split(line) for line in page.splitlines() if line.startswith("openapi-generator-cli generate -g rust")
    ]
    assert [command[3:] for command in called] == [
        ["rust", "-i", "rust.yaml", "-o", "openapi"],
        ["rust-server", "-i", "rust.yaml", "-o", "openapi_client", *OPTIONS],
    ]


@pytest.fixture(scope="module")
def stub(built: Path) -> Iterator[str]:
    """The address, up to ``/v1``, of a server made with the generated stub."""
    port = free_port()
    base = f"http://127.0.0.1:{port}/v1"
    with subprocess.Popen([built / "target" / "debug" / "stub", str(port), KEY]) as process:

        def answers() -> bool:
            assert process.poll() is None
            try:
                return ask(base, KEY, requests()[0]) == 200
            except ConnectionRefusedError:
                return False

        try:
            wait_until(answers, "the stub does not answer")
            yield base
        finally:
            process.kill()


def test_parley_is_at_least_as_strict_as_a_generated_server(stub: str, llama_server: Server) -> None:
    rows = compare((stub, KEY), (llama_server.base, llama_server.key), requests())
    for row in rows:
        assert row.stricter or not row.differs, row
        assert row.request.kind != "valid" or row.theirs == 200, row
        assert row.request.kind != "no key" or (row.theirs, row.ours) == (403, 401), row
        assert row.theirs < 500, row
    pages.hold("rust", table(rows, "rust-server"))
