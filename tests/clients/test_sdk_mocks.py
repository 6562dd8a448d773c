"""OpenAI's Python SDK takes mocks for the real thing, whole and streamed, for all that OpenAI's document describes,
and that of another in its manner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from ..foreign import NEWEST, OURS, foreign
from ..live import Server, children, serve

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

HELLO: list[Any] = [{"role": "user", "content": "Hello!"}]


def connect(server: Server, **headers: str) -> OpenAI:
    return OpenAI(base_url=server.base, api_key=server.key, max_retries=0, default_headers=headers)


@pytest.fixture(scope="module")
def everything() -> Iterator[Server]:
    """OpenAI's whole API."""
    with serve("echo", {"PARLEY_SPEC": str(foreign(NEWEST)), "PARLEY_MOCK": "all"}) as server:
        yield server


@pytest.fixture(scope="module")
def ours() -> Iterator[Server]:
    """Our own document, all of it mocked, set to have a model that it does not need."""
    with serve("llama", {"PARLEY_MOCK": "all"}) as server:
        yield server


RESOURCES: dict[str, Callable[[OpenAI], Any]] = {
    "models.delete": lambda c: c.models.delete("m"),
    "files.list": lambda c: c.files.list(),
    "files.retrieve": lambda c: c.files.retrieve("f"),
    "files.delete": lambda c: c.files.delete("f"),
    "embeddings": lambda c: c.embeddings.create(model="parley-echo", input="x"),
    "moderations": lambda c: c.moderations.create(input="x"),
    "responses.create": lambda c: c.responses.create(model="gpt-4o", input="x"),
    "responses.retrieve": lambda c: c.responses.retrieve("r"),
    "responses.input_items": lambda c: c.responses.input_items.list("r"),
    "conversations": lambda c: c.conversations.create(),
    "images": lambda c: c.images.generate(prompt="x"),
    "completions": lambda c: c.completions.create(model="parley-echo", prompt="x"),
    "stored completions": lambda c: c.chat.completions.list(),
    "fine_tuning.create": lambda c: c.fine_tuning.jobs.create(model="gpt-4o-mini", training_file="f"),
    "fine_tuning.list": lambda c: c.fine_tuning.jobs.list(),
    "fine_tuning.events": lambda c: c.fine_tuning.jobs.list_events("j"),
    "fine_tuning.checkpoints": lambda c: c.fine_tuning.jobs.checkpoints.list("j"),
    "vector_stores.create": lambda c: c.vector_stores.create(name="v"),
    "vector_stores.list": lambda c: c.vector_stores.list(),
    "vector_stores.search": lambda c: c.vector_stores.search("v", query="q"),
    "vector_stores.files": lambda c: c.vector_stores.files.create("v", file_id="f"),
    "batches.create": lambda c: c.batches.create(
        completion_window="24h", endpoint="/v1/chat/completions", input_file_id="f"
    ),
    "batches.list": lambda c: c.batches.list(),
    "assistants.create": lambda c: c.beta.assistants.create(model="gpt-4o"),
    "assistants.list": lambda c: c.beta.assistants.list(),
    "threads.create": lambda c: c.beta.threads.create(),
    "threads.messages": lambda c: c.beta.threads.messages.create("t", role="user", content="x"),
    "threads.runs": lambda c: c.beta.threads.runs.create("t", assistant_id="a"),
    "threads.runs.steps": lambda c: c.beta.threads.runs.steps.list("r", thread_id="t"),
    "uploads": lambda c: c.uploads.create(bytes=1, filename="f", mime_type="text/plain", purpose="batch"),
    "evals": lambda c: c.evals.list(),
    "containers": lambda c: c.containers.list(),
    "videos": lambda c: c.videos.list(),
    "skills": lambda c: c.skills.list(),
}


def hold_to_its_type(found: openai.BaseModel) -> None:
    """The SDK itself takes whatever comes; its types are held against strictly here."""
    type(found).model_validate_json(found.to_json(), strict=True)


@pytest.mark.parametrize("name", RESOURCES)
def test_each_resource_is_of_the_type_that_the_sdk_has_for_it(everything: Server, name: str) -> None:
    found = RESOURCES[name](connect(everything))
    hold_to_its_type(found)
    if hasattr(found, "data") and "moderations" not in name:
        assert found.data, "a list with something in it"


@pytest.mark.parametrize("seed", range(4))
def test_random_resources_are_taken_too(everything: Server, seed: int) -> None:
    client = connect(everything, Prefer=f"dynamic=true, seed={seed}")
    answers = {name: call(client) for name, call in RESOURCES.items()}
    assert len({answer.to_json() for answer in answers.values()}) == len(RESOURCES)
    hold_to_its_type(answers["responses.create"])
    hold_to_its_type(answers["embeddings"])


def test_what_a_client_asks_for_comes_back_where_it_fits(everything: Server) -> None:
    client = connect(everything)
    assert client.vector_stores.create(name="my store").name == "my store"
    assert client.beta.assistants.create(model="gpt-4o", instructions="be kind").instructions == "be kind"


def test_files_and_sounds_are_bytes(everything: Server) -> None:
    client = connect(everything)
    assert client.files.content("f").read()
    assert client.audio.speech.create(model="tts-1", input="x", voice="alloy").read()
    assert client.videos.download_content("v").read()


def test_every_kind_of_event_of_the_responses_api_is_streamed_once_in_order(everything: Server) -> None:
    stream = connect(everything).responses.create(model="gpt-4o", input="x", stream=True)
    events: list[Any] = list(stream)
    for event in events:
        hold_to_its_type(event)
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert len(set(kinds)) == len({type(event) for event in events}) == len(kinds) > 40
    assert "response.output_text.delta" in kinds


def test_images_are_streamed(everything: Server) -> None:
    events: list[Any] = list(connect(everything).images.generate(prompt="x", stream=True))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


def test_what_has_a_handler_is_answered_by_it_under_another_document_too() -> None:
    with serve("echo", {"PARLEY_SPEC": str(foreign(NEWEST)), "PARLEY_MOCK": "missing"}) as server:
        client = connect(server)
        answer = client.chat.completions.create(
            model="parley-echo", messages=[{"role": "user", "content": "say it again"}], store=False
        )
        assert answer.choices[0].message.content == "say it again"
        assert client.responses.create(model="parley-echo", input="and again").output_text == "and again"
        with client.responses.stream(model="parley-echo", input="and again") as stream:
            assert stream.get_final_response().output_text == "and again"
        assert client.models.delete("m")


@pytest.mark.parametrize("name", OURS)
def test_under_a_document_in_its_manner_the_chat_is_answered_by_the_handler_and_the_rest_by_mocks(name: str) -> None:
    with serve("echo", {"PARLEY_SPEC": str(foreign(name)), "PARLEY_MOCK": "missing"}) as server:
        client = connect(server)
        answer = client.chat.completions.create(model="parley-echo", messages=HELLO)
        assert answer.choices[0].message.content == "Hello!"
        chunks = client.chat.completions.create(model="parley-echo", messages=HELLO, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Hello!"
        assert client.files.list().data[0].object == "file"
        assert client.files.content("f").read()
        stream = client.responses.create(model="m", input="x", stream=True)
        kinds = [event.type for event in stream]
        assert kinds == ["response.created", "response.output_text.delta", "response.completed"]
        assert "mock=static" in server.log_line("path=/v1/responses")


def test_errors_that_are_asked_for_are_the_sdks_exceptions(everything: Server, ours: Server) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        connect(ours, Prefer="code=429").chat.completions.create(model="m", messages=HELLO)
    assert int(limited.value.response.headers["retry-after"]) >= 0
    with pytest.raises(openai.InternalServerError):
        connect(ours, Prefer="code=503").models.list()
    with pytest.raises(openai.BadRequestError) as unknown:
        connect(everything, Prefer="code=418").files.list()
    assert unknown.value.param == "Prefer"
    with pytest.raises(openai.AuthenticationError):
        connect(everything).with_options(api_key="wrong").files.list()
    with pytest.raises(openai.BadRequestError) as wrong:
        connect(everything).embeddings.create(model="m", input=5)  # type: ignore[arg-type]
    assert wrong.value.param == "input"


def test_our_whole_document_is_mocked_without_a_model(ours: Server) -> None:
    assert children(ours.pid) == ours.workers, "no supervisor of a model"
    assert "Parley serves mocks" in ours.log()
    client = connect(ours)
    whole = client.chat.completions.create(model="any-model", messages=HELLO)
    hold_to_its_type(whole)
    assert (whole.model, whole.choices[0].message.role) == ("any-model", "assistant")
    chunks = list(client.chat.completions.create(model="any-model", messages=HELLO, stream=True))
    assert len(chunks) > 1
    for chunk in chunks:
        hold_to_its_type(chunk)
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {"any-model"}
    with client.chat.completions.stream(model="any-model", messages=HELLO) as stream:
        assert stream.get_final_completion().choices[0].message.content
    assert [model.object for model in client.models.list()] == ["model"]
    assert "mock=static" in ours.log_line("POST")
