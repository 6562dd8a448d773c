"""The TypeScript client that openapi-generator makes of the contract, built by npm and run by Node."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..live import Server
from . import pages
from .generating import FOLDER, generate, needs, put, run

pytestmark = [pytest.mark.live, pytest.mark.clients]

# The name of the package; and one for the errors, since the generator takes `Error` for JavaScript's own.
OPTIONS = ("--additional-properties=npmName=parley-client,npmVersion=1.0.0", "--model-name-mappings=Error=ApiError")
OURS = Path(__file__).parent / "typescript"
NODE = 20


@pytest.fixture(scope="module")
def client() -> Path:
    """The generated package, built as its README says."""
    needs("java", "node", "npm")
    version = run(["node", "--version"], OURS)
    if int(version.strip("v").split(".")[0]) < NODE:
        pytest.skip(f"Node is {version.strip()}, and the client wants {NODE}")
    folder = generate("typescript-fetch", OPTIONS)
    built = folder / "dist" / ".built"
    if not built.exists() or built.stat().st_mtime < (folder / ".generated").stat().st_mtime:
        for command in pages.block(folder / "README.md", "bash", "npm run build").splitlines():
            run(command.split(), folder)
        built.touch()
    return folder


@pytest.fixture(scope="module")
def program(client: Path) -> Path:
    """Our program, with the generated package installed."""
    folder = FOLDER / "typescript"
    put(OURS, folder)
    if not (folder / "node_modules" / "parley-client").exists():
        run(["npm", "ci", "--no-audit", "--no-fund"], folder)
    return folder


def test_the_generated_client_compiles_under_strict_rules(client: Path) -> None:
    run(["npx", "--no-install", "tsc", "--strict", "--noEmit"], client)


def test_a_typescript_program_talks_to_parley(program: Path, llama_server: Server, echo_server: Server) -> None:
    run(["npx", "--no-install", "tsc"], program)
    tests = sorted(str(path.relative_to(program)) for path in (program / "dist").glob("*.test.js"))
    env = {
        "PARLEY_BASE_URL": llama_server.base,
        "ECHO_BASE_URL": echo_server.base,
        "PARLEY_API_KEY": llama_server.key,
    }
    printed = run(["node", "--test", "--test-reporter=tap", *tests], program, env, seconds=120)
    written = sum(path.read_text().count('\ntest("') for path in OURS.glob("src/*.test.ts"))
    assert written > 10
    assert f"# pass {written}\n" in printed


def test_the_example_of_the_generated_readme_runs_as_it_is_printed(program: Path, llama_server: Server) -> None:
    example = pages.block(program.parent / "typescript-fetch" / "README.md", "ts", "createChatCompletion")
    key = 'accessToken: "YOUR BEARER TOKEN",'
    assert key in example
    # The contract's address is a path alone, so the server's goes in beside the key.
    example = example.replace(key, f'accessToken: "{llama_server.key}", basePath: "{llama_server.base}",')
    (program / "src" / "example.ts").write_text(example, encoding="utf-8")
    run(["npx", "--no-install", "tsc"], program)
    printed = run(["node", "dist/example.js"], program, seconds=60)
    assert "object: 'chat.completion'" in printed
    assert "finishReason: 'stop'" in printed
