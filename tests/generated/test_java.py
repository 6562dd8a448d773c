"""The Java clients that openapi-generator makes, for Java's own HTTP client and for Spring's, against a live Parley."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..live import KEY, Server
from .generating import generate, needs, run
from .maven import package
from .pages import PAGE, block, options

pytestmark = [pytest.mark.live, pytest.mark.clients]

SOURCES = Path(__file__).parent / "java"
LIBRARIES = ("native", "resttemplate")
REQUEST = "new CreateChatCompletionRequest();"
MESSAGE = "new ChatCompletionRequestUserMessage().role(ChatCompletionRequestUserMessage.RoleEnum.USER).content({})"
# What is to be put into the example of each README, and there instead of what: the key, the address and the request...
FILLED = {
    "native": {
        "// Configure clients using": """
        defaultClient.updateBaseUri("{base}");
        defaultClient.setRequestInterceptor(request -> request.header("Authorization", "Bearer {key}"));
        //""",
        REQUEST: f"""new CreateChatCompletionRequest().model("parley-echo").addMessagesItem(
            new ChatCompletionRequestMessage({MESSAGE.format('"Say hello."')}));""",
    },
    "resttemplate": {
        '"/v1"': '"{base}"',
        '"BEARER TOKEN"': '"{key}"',
        REQUEST: f"""new CreateChatCompletionRequest().model("parley-echo").addMessagesItem(
            {MESSAGE.format('"Say hello."')});""",
    },
}
# A name that the reader is to replace stands for an optional parameter; and it may be null.
PLACEHOLDER = '"idempotencyKey_example"'
# ... and names of classes and methods that this library does not have.
MENDED = {
    "native": {},
    "resttemplate": {
        "Configuration.getDefaultApiClient()": "new ApiClient()",
        "ApiException e": "org.springframework.web.client.RestClientResponseException e",
        "e.getCode()": "e.getRawStatusCode()",
        "e.getResponseBody()": "e.getResponseBodyAsString()",
    },
}


@dataclass(frozen=True)
class Client:
    """A generated client, built, and the program of ours that uses it."""

    library: str
    folder: Path
    classpath: str

    def converse(self, server: Server, model: str, *names: str) -> dict[str, Any]:
        """What came of conversations with a server, by their names."""
        command = ["java", "-cp", self.classpath, "Conversations", server.base, model, *names]
        printed = run(command, self.folder, {"API_KEY": server.key})
        return {name: came for line in printed.splitlines() for name, came in json.loads(line).items()}


@pytest.fixture(scope="module", params=LIBRARIES)
def client(request: pytest.FixtureRequest) -> Client:
    needs("java", "javac", "mvn")
    library: str = request.param
    folder = generate("java", options("java", library), name=f"java-{library}")
    command = block(folder / "README.md", "shell", "mvn clean package")
    jar = package(folder, command, "target/openapi-java-client-1.0.0.jar")
    classes = folder / "build"
    classpath = os.pathsep.join([str(jar), str(folder / "target" / "lib" / "*"), str(classes)])
    run(["javac", "-cp", classpath, "-d", str(classes), str(SOURCES / library / "Conversations.java")], folder)
    return Client(library, folder, classpath)


@pytest.fixture(scope="module")
def words(client: Client, echo_server: Server) -> dict[str, Any]:
    """What came of conversations whose words are certain."""
    return client.converse(echo_server, "parley-echo", "plain", "stream", "stream as generated")


@pytest.fixture(scope="module")
def structures(client: Client, llama_server: Server) -> dict[str, Any]:
    """What came of conversations whose form is certain."""
    names = ("models", "tools", "schema", "choices", "logprobs", "refused", "stranger")
    return client.converse(llama_server, "parley-tiny", *names)


def test_a_generated_java_client_has_an_answer(words: dict[str, Any]) -> None:
    assert words["plain"] == {"content": "Say hello.", "finish_reason": "stop", "completion_tokens": 2}


def test_a_generated_java_client_lists_the_models_and_describes_one(structures: dict[str, Any]) -> None:
    assert structures["models"] == {"listed": "parley-tiny", "one": "parley-tiny"}


def test_a_generated_java_client_has_a_function_called_and_gives_its_result(structures: dict[str, Any]) -> None:
    came = structures["tools"]
    assert came["name"] == "get_weather"
    assert came["arguments"]["city"] in ("Bern", "Oslo")
    assert came["answer"]


def test_a_generated_java_client_has_an_answer_in_a_json_schema(structures: dict[str, Any]) -> None:
    assert list(structures["schema"]["content"]) == ["city"]
    assert structures["schema"]["content"]["city"] in ("Bern", "Oslo")


def test_a_generated_java_client_has_several_choices(structures: dict[str, Any]) -> None:
    assert structures["choices"] == {"indexes": [0, 1]}


def test_a_generated_java_client_has_log_probabilities(structures: dict[str, Any]) -> None:
    assert structures["logprobs"]["logprob"] <= 0
    assert structures["logprobs"]["likeliest"] == 2


def test_a_generated_java_client_is_told_which_parameter_is_refused(structures: dict[str, Any]) -> None:
    assert structures["refused"]["status"] == 400
    assert structures["refused"]["param"] == "temperature"


def test_a_generated_java_client_is_told_that_its_key_is_unknown(structures: dict[str, Any]) -> None:
    assert structures["stranger"] == {"status": 401, "param": "null", "code": "invalid_api_key"}


def test_the_models_of_a_generated_java_client_read_the_events_of_a_stream(words: dict[str, Any]) -> None:
    assert words["stream"]["content"] == "Say hello."
    assert words["stream"]["chunks"] > 2
    assert words["stream"]["completion_tokens"] == 2


def test_the_method_of_a_generated_java_client_cannot_read_a_stream(words: dict[str, Any]) -> None:
    # Once it can, docs/clients.md is to say so.
    assert words["stream as generated"]["failed"]


def test_the_example_in_the_readme_of_a_generated_java_client_runs(client: Client, echo_server: Server) -> None:
    example = block(client.folder / "README.md", "java", "ChatApiExample")
    for printed, meant in {PLACEHOLDER: "null", **FILLED[client.library], **MENDED[client.library]}.items():
        assert printed in example, printed
        example = example.replace(printed, meant.replace("{base}", echo_server.base).replace("{key}", KEY))
    file = client.folder / "build" / "ChatApiExample.java"
    file.write_text(example, encoding="utf-8")
    assert "content: Say hello." in run(["java", "-cp", client.classpath, str(file)], client.folder)


@pytest.mark.parametrize("client", ["native"], indirect=True)
def test_the_java_example_of_the_page_prints_what_stands_there(client: Client, llama_server: Server) -> None:
    file = client.folder / "build" / "Hello.java"
    file.write_text(block(PAGE, "java", "class Hello"), encoding="utf-8")
    env = {"PARLEY_BASE_URL": llama_server.base, "PARLEY_API_KEY": llama_server.key}
    printed = run(["java", "-cp", client.classpath, str(file)], client.folder, env)
    assert f"```\n{printed}```\n" in PAGE.read_text(encoding="utf-8")
