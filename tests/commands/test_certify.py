"""The command that asks a server what it does with each property of the contract."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.certify.rules import Rules
from app.configuration.model_file import BUNDLED_MODEL
from app.contract.document import Document

from ..certify.scripted_server import KEY, MODEL, Answered, Scripted, serve
from ..conftest import Command
from ..live import Server, free_port
from ..patience import PATIENCE, wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def rules(document: Document) -> Rules:
    return Rules(document)


def rows(report: Path, fate: str) -> list[dict[str, Any]]:
    return [row for row in json.loads(report.read_text())["rows"] if row["fate"] == fate]


def fates(report: Path, operation: str = "chat") -> dict[str, str]:
    """What becomes of the properties of an operation's requests, and of how the server behaves."""
    return {
        f"{row['path']} {row['check']}".strip(): row["fate"]
        for row in json.loads(report.read_text())["rows"]
        if row["operation"] == operation and row["side"] in ("request", "behaviour")
    }


def test_our_engine_without_a_model_honours_or_refuses_by_name(
    command: Command, echo_server: Server, tmp_path: Path
) -> None:
    report = tmp_path / "r.json"
    done = command("certify", echo_server.base, "--key-env", "K", "--json", report, K=echo_server.key)
    assert done.exit_code == 0, done.stdout
    assert (rows(report, "ignored"), rows(report, "broken")) == ([], [])
    assert {row["named"] for row in rows(report, "refused")} == {"param"}
    assert fates(report)["max_completion_tokens"] == "honoured"
    for operation, names in (
        ("completions", ("prompt several texts", "prompt tokens", "echo", "n", "stop", "the same text as whole")),
        ("embeddings", ("input", "input several texts", "input tokens", "encoding_format", "dimensions", "no input")),
        ("responses", ("input", "instructions", "tools", "text.format.schema", "order of events", "no item")),
    ):
        shown = fates(report, operation)
        assert {name: shown[name] for name in names} == dict.fromkeys(names, "honoured")


def test_the_bundled_model_honours_all_that_our_table_says_within_a_minute(
    command: Command, llama_server: Server, tmp_path: Path
) -> None:
    report = tmp_path / "r.json"
    begun = time.monotonic()
    done = command("certify", llama_server.base, "--key-env", "K", "--json", report, K=llama_server.key)
    assert done.exit_code == 0, done.stdout
    assert time.monotonic() - begun < 60
    assert (rows(report, "ignored"), rows(report, "broken")) == ([], [])
    assert {row["named"] for row in rows(report, "refused")} == {"param"}
    shown = fates(report)
    for name in (
        *("temperature", "top_p", "seed", "logit_bias", "stop", "n", "logprobs", "top_logprobs", "response_format"),
        *("tools", "tool_choice required", "tool_choice none", "tools[].function.strict", "functions", "stream"),
        *("stream_options.include_usage", "the same text as whole", "metadata", "no key"),
    ):
        assert shown[name] == "honoured", name
    shown = fates(report, "completions")
    for name in ("prompt tokens", "echo with logprobs", "logprobs", "best_of", "seed", "logit_bias", "stop"):
        assert shown[name] == "honoured", name
    shown = fates(report, "responses")
    for name in (
        "include",
        "top_logprobs",
        "tool_choice.type custom tool custom",
        "text.format.schema",
        "input[].output",
    ):
        assert shown[name] == "honoured" if name in shown else shown[f"{name} output of a tool"] == "honoured", name
    for name in (
        "store",
        "previous_response_id",
        "conversation",
        "tools[].type run by the server",
        "input[].type reference",
    ):
        assert shown[name] == "refused", name
    assert fates(report, "embeddings") == {"POST /embeddings": "not offered"}


@pytest.fixture
def llama_cpp() -> Iterator[str]:
    """llama.cpp's own server with the bundled model; its address."""
    port = free_port()
    arguments = [str(BUNDLED_MODEL), str(port), "1", "4", "4096"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.llama", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: is_ready(port))
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait(PATIENCE)


def is_ready(port: int) -> bool:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def test_llama_cpps_own_server_is_told_what_it_ignores(command: Command, llama_cpp: str, tmp_path: Path) -> None:
    report, block = tmp_path / "r.json", tmp_path / "p.toml"
    done = command("certify", llama_cpp, "--json", report, "--write-config", block)
    assert done.exit_code == 1, done.output
    shown = fates(report)
    for name in ("temperature", "stop", "logprobs", "response_format", "tool_choice required", "logit_bias", "stream"):
        assert shown[name] == "honoured", name
    for name in ("tool_choice.function.name named", "store", "an unknown model", "user", "temperature another type"):
        assert shown[name] == ("honoured" if name == "temperature another type" else "ignored"), name
    assert shown["tools[].custom"] == "broken"
    assert shown["no key"] == "not probed"
    assert 'dialect = "llama.cpp"' in block.read_text()
    texts, responses = fates(report, "completions"), fates(report, "responses")
    for name in ("prompt several texts", "prompt tokens", "seed", "stop", "n"):
        assert texts[name] == "honoured", name
    assert (texts["echo"], texts["logprobs"], texts["suffix"]) == ("ignored", "broken", "ignored")
    assert (responses["instructions"], responses["tools"], responses["text.format"]) == (
        "honoured",
        "honoured",
        "ignored",
    )
    assert (responses["order of events"], responses["status of an answer cut short"]) == ("broken", "broken")
    assert fates(report, "embeddings") == {"POST /embeddings": "not offered"}


VICES = {
    "ignores max_tokens": ("max_completion_tokens", "ignored"),
    "leaves stop in": ("stop", "ignored"),
    "logprobs null": ("logprobs", "ignored"),
    "no usage chunk": ("stream_options.include_usage", "ignored"),
    "no [DONE]": ("end of a stream", "broken"),
    "500 with HTML": ("logprobs", "broken"),
    "wrong envelope": ("no message", "broken"),
}


@pytest.mark.parametrize("vice", VICES)
def test_each_vice_of_a_server_is_found_by_name(command: Command, rules: Rules, tmp_path: Path, vice: str) -> None:
    report, evidence = tmp_path / "r.json", tmp_path / "evidence"
    with serve(Scripted(rules, vice, key=KEY)) as url:
        done = command("certify", url, "--key-env", "K", "--json", report, "--evidence", evidence, K=KEY)
    assert done.exit_code == 1, done.output
    name, fate = VICES[vice]
    found = next(row for row in rows(report, fate) if name in (row["path"], row["check"]))
    assert found["seen"]
    assert found["asked"].startswith("POST /chat/completions {")
    # What was sent and what came is kept, under the number that the row names.
    kept = json.loads((evidence / f"{found['requests'][0]:04}.json").read_text())
    assert kept["request"]["body"]["model"] == MODEL
    assert "status" in kept["answer"]


def test_an_operation_is_asked_alone_on_request(command: Command, rules: Rules, tmp_path: Path) -> None:
    report, evidence = tmp_path / "r.json", tmp_path / "evidence"
    with serve(Scripted(rules)) as url:
        done = command("certify", url, "--operation", "embeddings", "--json", report, "--evidence", evidence)
    assert done.exit_code == 0, done.output
    assert {row["operation"] for row in json.loads(report.read_text())["rows"]} == {"embeddings"}
    asked = {json.loads(file.read_text())["request"]["path"] for file in evidence.iterdir()}
    assert asked == {"/models", "/embeddings"}


def test_what_a_server_does_not_offer_is_one_row_and_no_fault(command: Command, rules: Rules, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    with serve(Scripted(rules, "chats alone")) as url:
        done = command("certify", url, "--json", report)
    assert done.exit_code == 0, done.output
    assert fates(report, "chat")["stop"] == "honoured"
    for name in ("completions", "embeddings", "responses"):
        assert fates(report, name) == {f"POST /{name}": "not offered"}
    assert "status 404 there is no such operation" in done.stdout


def test_each_operation_is_asked_of_the_first_model_that_answers_it(
    command: Command, rules: Rules, tmp_path: Path
) -> None:
    class Two(Scripted):
        """It has a model for embeddings too, and lists it first."""

        def answer(self, method: str, path: str, raw: bytes, media_type: str, key: str | None) -> Answered:
            if path == "/models":
                return Answered(200, {"object": "list", "data": [{"id": "vectors"}, {"id": MODEL, "owned_by": "vllm"}]})
            if b'"vectors"' in raw and path != "/embeddings":
                return Answered(400, {"error": {"message": "not for this", "type": "x", "param": "model", "code": "x"}})
            return super().answer(method, path, raw.replace(b'"vectors"', f'"{MODEL}"'.encode()), media_type, key)

    report = tmp_path / "r.json"
    with serve(Two(rules)) as url:
        command("certify", url, "--json", report, "--operation", "chat", "--operation", "embeddings")
    written = json.loads(report.read_text())
    assert written["models"] == {"chat": MODEL, "embeddings": "vectors"}
    assert (written["model"], written["owner"]) == (MODEL, "vllm")


def test_a_key_that_is_refused_is_tried_with_one_model_alone(command: Command, rules: Rules, tmp_path: Path) -> None:
    class Many(Scripted):
        def answer(self, method: str, path: str, raw: bytes, media_type: str, key: str | None) -> Answered:
            if path == "/models":
                return Answered(200, {"object": "list", "data": [{"id": f"m{i}"} for i in range(8)]})
            return super().answer(method, path, raw, media_type, key)

    evidence = tmp_path / "evidence"
    with serve(Many(rules, key=KEY)) as url:
        done = command("certify", url, "--evidence", evidence)
    assert (done.exit_code, len(list(evidence.iterdir()))) == (2, 5), "the list, and each operation once"


def test_a_server_that_fails_at_a_plain_request_of_an_operation_is_broken(
    command: Command, rules: Rules, tmp_path: Path
) -> None:
    class Failing(Scripted):
        def answer(self, method: str, path: str, raw: bytes, media_type: str, key: str | None) -> Answered:
            if path == "/responses":
                return Answered(500, {"error": {"message": "oh", "type": "x", "param": None, "code": None}})
            return super().answer(method, path, raw, media_type, key)

    report = tmp_path / "r.json"
    names = ("--operation", "responses", "--operation", "embeddings")
    with serve(Failing(rules)) as url:
        done = command("certify", url, "--json", report, *names)
    assert done.exit_code == 1
    assert fates(report, "responses") == {"POST /responses": "broken"}


def test_a_server_that_honours_all_is_found_without_a_fault(command: Command, rules: Rules, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    with serve(Scripted(rules, key=KEY)) as url:
        done = command("certify", url, "--key-env", "K", "--json", report, K=KEY)
    assert done.exit_code == 0, done.output
    assert fates(report)["no key"] == "honoured"


def test_a_key_that_the_server_tells_is_cut_out_of_all_that_is_kept(
    command: Command, rules: Rules, tmp_path: Path
) -> None:
    files = ("--json", tmp_path / "r.json", "--evidence", tmp_path / "evidence", "--markdown", tmp_path / "r.md")
    with serve(Scripted(rules, "tells the key", key=KEY)) as url:
        done = command("certify", url, "--key-env", "K", "--all", *files, K=KEY)
    everything = done.output + "".join(path.read_text() for path in tmp_path.rglob("*.*") if path.is_file())
    assert len(everything) > 100_000
    assert "[key]" in everything
    assert KEY not in everything


def test_a_stream_that_does_not_end_is_broken_and_takes_no_longer_than_it_may(
    command: Command, rules: Rules, tmp_path: Path
) -> None:
    report = tmp_path / "r.json"
    bounds = ("--timeout", "0.5", "--max-time", "20", "--concurrency", "16")
    begun = time.monotonic()
    with serve(Scripted(rules, "hangs")) as url:
        done = command("certify", url, "--json", report, *bounds)
    assert done.exit_code == 1
    assert time.monotonic() - begun < PATIENCE
    found = next(row for row in rows(report, "broken") if row["path"] == "stream")
    assert found["seen"] == "it did not end in 0.5 s"


def test_what_is_beyond_a_bound_is_not_probed_and_the_bound_is_named(
    command: Command, rules: Rules, tmp_path: Path
) -> None:
    report = tmp_path / "r.json"
    with serve(Scripted(rules)) as url:
        done = command("certify", url, "--json", report, "--max-requests", "30", "--fail-on", "broken")
    assert done.exit_code == 0, done.output
    assert json.loads(report.read_text())["requests"] <= 30
    reasons = {row["seen"] for row in rows(report, "not probed")}
    assert "the bound of 30 requests is reached" in reasons


def test_json_alone_is_printed_on_request(command: Command, rules: Rules) -> None:
    with serve(Scripted(rules)) as url:
        done = command("certify", "--fail-on", "", url, "--json", "-")
    assert json.loads(done.stdout)["model"] == MODEL


def test_a_redirect_is_not_followed(command: Command, rules: Rules) -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is written."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        done = command("certify", f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
    assert done.exit_code == 2
    assert asked == ["/v1/models"]
    assert "does not list its models (status 302)" in done.stderr


def test_a_server_that_cannot_be_asked_ends_it_with_2(command: Command, rules: Rules) -> None:
    away = command("certify", f"http://127.0.0.1:{free_port()}/v1")
    assert (away.exit_code, "the server cannot be reached" in away.stderr) == (2, True)
    with serve(Scripted(rules, key=KEY)) as url:
        keyless = command("certify", url, "--model", MODEL)
    assert (keyless.exit_code, "a plain request is not answered: status 401" in keyless.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ftp://x"], "an address such as"),
        (["http://u:sk-secret@x/v1"], "must not contain a key or password"),
        (["http://x/v1?a=1"], "an address such as"),
        (["http://x/v1", "--key-env", "NOT_SET"], "the variable NOT_SET is not set"),
        (["http://x/v1", "--fail-on", "bad"], "'bad' is not one of honoured, ignored"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use_ends_it_with_2_and_a_sentence(command: Command, arguments: list[str], message: str) -> None:
    done = command("certify", *(arguments or ["server"]))
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert "sk-secret" not in done.output


def test_two_reports_are_compared(command: Command, rules: Rules, tmp_path: Path) -> None:
    before, after = tmp_path / "a.json", tmp_path / "b.json"
    for report, vices in ((before, ()), (after, ("leaves stop in",))):
        with serve(Scripted(rules, *vices)) as url:
            command("certify", url, "--json", report)
    done = command("certify", "diff", before, after)
    assert done.exit_code == 0
    assert "worse   chat length: stop: honoured -> ignored" in done.stdout
    assert command("certify", "diff", before, after, "--fail-on-worse").exit_code == 1
    (tmp_path / "c.json").write_text("{}")
    assert command("certify", "diff", before, tmp_path / "c.json").exit_code == 1


def test_a_server_that_serves_does_not_load_it() -> None:
    code = "import app.cli, sys; print([name for name in sys.modules if name.startswith('app.certify')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
