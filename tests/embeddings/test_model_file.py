"""A model file that makes embeddings, served by llama.cpp and asked by OpenAI's SDK."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from app.configuration.model_file import served_model
from app.engines.base import EMBEDDINGS
from app.model_process import gguf

from ..configuration.entries import model_file
from ..engines import bert_file
from ..live import Server, serve

Refusal = Callable[..., tuple[int, str | None, str | None]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_file.small(tmp_path_factory.mktemp("bert") / "letters.gguf")


@pytest.fixture(scope="module")
def server(file: Path) -> Iterator[Server]:
    with serve("llama", {"PARLEY_MODEL": str(file)}) as server:
        yield server


@pytest.fixture
def client(server: Server) -> OpenAI:
    return OpenAI(base_url=server.base, api_key=server.key, max_retries=0)


def vectors(client: OpenAI, **fields: Any) -> list[list[float]]:
    return [each.embedding for each in client.embeddings.create(model="letters", **fields).data]


def refusal(client: OpenAI, **fields: Any) -> tuple[int, str | None, str | None]:
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(**{"model": "letters", **fields})
    return caught.value.status_code, caught.value.param, caught.value.code


def test_a_file_with_pooling_is_served_for_embeddings_alone(file: Path, tmp_path: Path) -> None:
    served = served_model(model_file(path=file))
    assert served.model.operations == {EMBEDDINGS}
    assert served.options.embeds
    assert served.options.context_length == bert_file.CONTEXT
    assert served.remark is None  # that it has no chat template is nothing to tell
    bare = bert_file.small(tmp_path / "bare.gguf", pooling=0)
    assert gguf.read(file).embeds
    assert not gguf.read(bare).embeds


@pytest.mark.live
def test_vectors_have_the_length_1_and_depend_on_the_text_alone(client: OpenAI) -> None:
    first, second, third = vectors(client, input=["the cat", "a dog", "the cat"])
    assert all(math.isclose(math.hypot(*each), 1, rel_tol=1e-5) for each in (first, second, third))
    assert len(first) == bert_file.WIDTH
    assert sum(a * b for a, b in zip(first, third, strict=True)) > 0.9999
    assert sum(a * b for a, b in zip(first, second, strict=True)) < 0.999
    (alone,) = vectors(client, input="the cat")
    assert alone == pytest.approx(first, abs=1e-5)
    assert vectors(client, input="the cat", encoding_format="float")[0] == pytest.approx(first, abs=1e-6)


@pytest.mark.live
def test_a_batch_has_a_vector_for_each_text_in_order_and_their_tokens_together(client: OpenAI) -> None:
    texts = [letter * (1 + place % 3) for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")]
    answer = client.embeddings.create(model="letters", input=texts)
    assert [each.index for each in answer.data] == list(range(26))
    # A token for each letter, and one at each end.
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == sum(map(len, texts)) + 2 * 26
    (last,) = vectors(client, input=texts[-1])
    assert answer.data[-1].embedding == pytest.approx(last, abs=1e-5)


@pytest.mark.live
def test_tokens_are_read_as_they_are(client: OpenAI) -> None:
    cls, sep, letter = 2, 3, 5
    (text,) = vectors(client, input="a")
    assert vectors(client, input=[cls, letter, sep])[0] == pytest.approx(text, abs=1e-5)
    assert vectors(client, input=[[letter], [cls, letter, sep]])[1] == pytest.approx(text, abs=1e-5)


@pytest.mark.live
@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"input": "a" * bert_file.CONTEXT}, "input", "context_length_exceeded"),
        ({"input": ["a", "b c " * 100_000]}, "input", "context_length_exceeded"),
        ({"input": [5] * (bert_file.CONTEXT + 1)}, "input", "context_length_exceeded"),
        ({"input": [100_000]}, "input", "invalid_value"),
        ({"input": [-1]}, "input", "invalid_value"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": "a", "dimensions": 3}, "dimensions", "unsupported_parameter"),
    ],
)
def test_what_has_no_vector_is_refused_by_name(client: OpenAI, fields: Any, param: str, code: str) -> None:
    assert refusal(client, **fields) == (400, param, code)


@pytest.mark.live
def test_it_answers_no_conversation_and_says_what_it_answers(client: OpenAI, server: Server) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="letters", messages=[{"role": "user", "content": "Hello!"}])
    assert (caught.value.param, caught.value.code) == ("model", "unsupported_operation")
    told = server.request("GET", "/v1/models/letters", headers=server.bearer).json()["x_parley"]
    assert told["operations"] == ["createEmbedding"]
    assert told["parameters"] == []
    verdicts = {row["name"]: row["verdict"] for row in told["embedding_parameters"]}
    assert verdicts["dimensions"] == "refused"
    assert verdicts["input"] == "honoured"
    assert server.log_line("path=/v1/embeddings").count("model=letters")


@pytest.mark.live
def test_the_start_shows_how_to_ask_it(server: Server) -> None:
    line = server.log_line("Try it")
    assert f"{server.base}/embeddings -H" in line
    assert line.endswith("""-d '{"model": "letters", "input": "Hello!"}'""")
