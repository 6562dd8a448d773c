"""The TypeScript client that openapi-generator makes of the contract, built by npm and run by Node."""

from __future__ import annotations

import shutil
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

# What the page's example of a stream leaves out.
_AROUND_THE_STREAM = """\
import { CreateChatCompletionStreamResponseFromJSON } from "parley-client";
import { chat, request as greeting } from "./client.js";
import { events } from "./events.js";
const request = greeting({ temperature: 0 });
"""


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
            # Installing would run the build too.
            run(command.split(), folder, {"npm_config_ignore_scripts": "true"})
        built.touch()
    return folder


@pytest.fixture(scope="module")
def program(client: Path) -> Path:
    """Our program, with the generated package installed."""
    folder = FOLDER / "typescript"
    shutil.rmtree(folder / "src", ignore_errors=True)
    put(OURS, folder)
    if not (folder / "node_modules" / "parley-client").exists():
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return folder


def test_the_generated_client_compiles_under_strict_rules(client: Path) -> None:
    run(["npx", "--no-install", "tsc", "--strict", "--noEmit"], client)


def test_a_typescript_program_talks_to_parley(program: Path, llama_server: Server, echo_server: Server) -> None:
    run(["npx", "--no-install", "tsc"], program)
    tests = sorted(f"dist/{path.stem}.js" for path in OURS.glob("src/*.test.ts"))
    env = {
        "PARLEY_BASE_URL": llama_server.base,
        "ECHO_BASE_URL": echo_server.base,
        "PARLEY_API_KEY": llama_server.key,
    }
    printed = run(["node", "--test", "--test-reporter=tap", *tests], program, env, seconds=120)
    written = sum(path.read_text().count('\ntest("') for path in OURS.glob("src/*.test.ts"))
    assert written > 10
    assert f"# pass {written}\n" in printed


def test_the_examples_of_the_generated_readme_and_of_our_page_run_as_they_are_printed(
    program: Path, llama_server: Server
) -> None:
    example = pages.block(program.parent / "typescript-fetch" / "README.md", "ts", "createChatCompletion")
    key = 'accessToken: "YOUR BEARER TOKEN",'
    assert key in example
    # The contract's address is a path alone, so the server's goes in beside the key.
    example = example.replace(key, f'accessToken: "{llama_server.key}", basePath: "{llama_server.base}",')
    stream = pages.block(pages.PAGE, "ts", "createChatCompletionRaw")
    # A name that the reader is to replace stands for an optional parameter.
    assert "idempotencyKey: idempotencyKey_example," in example
    examples = {
        "example": f"const idempotencyKey_example = undefined;\n{example}",
        "failure": pages.block(pages.PAGE, "ts", "instanceof ResponseError"),
        "stream": _AROUND_THE_STREAM + stream,
    }
    for name, text in examples.items():
        (program / "src" / f"{name}.example.ts").write_text(text, encoding="utf-8")
    run(["npx", "--no-install", "tsc"], program)
    env = {
        "PARLEY_BASE_URL": llama_server.base,
        "ECHO_BASE_URL": llama_server.base,
        "PARLEY_API_KEY": llama_server.key,
    }
    printed = {name: run(["node", f"dist/{name}.example.js"], program, env, seconds=60) for name in examples}
    assert "object: 'chat.completion'" in printed["example"]
    assert "finishReason: 'stop'" in printed["example"]
    assert f"\n```\n{printed['failure']}```\n" in pages.PAGE.read_text(encoding="utf-8")
    assert "hello" in printed["stream"].lower()


def test_a_client_made_of_the_document_that_a_server_serves_knows_its_address(echo_server: Server) -> None:
    document = f"{echo_server.base}/openapi.json"
    folder = generate(
        "typescript-fetch", ["--global-property=supportingFiles"], name="typescript-served", document=document
    )
    assert f'BASE_PATH = "{echo_server.base}"' in (folder / "runtime.ts").read_text(encoding="utf-8")
