"""A handful of the zoo's models, of the kinds that differ most; ``make models`` asks them all.

What they say is noise, and all that is said of an answer must hold for noise too.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..live import Server, serve
from . import table, zoo
from .__main__ import ENVIRONMENT
from .checks import CHECKS, FAILED, HONOURED, REFUSED, verdicts

HANDFUL = {
    # A vocabulary of SentencePiece, and no place for tools.
    "microsoft-Phi-3.5-mini-instruct": (
        "schema",
        "tools by choice",
        "tools, required",
        "custom tools",
        "a tool's result",
    ),
    # It demands an order of roles, and ids of a length.
    "mistralai-Mistral-Nemo-Instruct-2407": ("system and developer", "turns", "a tool's result", "tools, required"),
    # Its thoughts and words are in channels, without which llama.cpp's parser reads nothing.
    "openai-gpt-oss-120b": ("plain", "stream", "schema", "tools by choice"),
    # It always thinks.
    "deepseek-ai-DeepSeek-R1-Distill-Llama-8B": ("schema, streamed", "tools, named"),
    # It thinks when it is told to.
    "Qwen-Qwen3-0.6B": ("effort",),
}


@pytest.fixture(scope="module", params=HANDFUL)
def model(request: pytest.FixtureRequest) -> Iterator[tuple[Server, tuple[str, ...]]]:
    """A server with a model, and what that is asked for."""
    try:
        path = zoo.build(request.param)
    except zoo.Unavailable as reason:
        pytest.skip(str(reason))
    with serve("llama", {**ENVIRONMENT, "PARLEY_MODEL": str(path)}) as server:
        yield server, HANDFUL[request.param]


@pytest.mark.live
def test_noise_is_answered_as_the_request_says(model: tuple[Server, tuple[str, ...]]) -> None:
    server, features = model
    assert [(name, why) for name, verdict, why in verdicts(server, iter(features)) if verdict == FAILED] == []


def test_the_page_has_a_verdict_on_each_feature_of_each_model() -> None:
    head, _, *rows = table.rows()
    assert head[2:] == [*CHECKS]
    assert len(rows) > 70
    assert {cell for row in rows for cell in row[2:]} <= {HONOURED, REFUSED}
    assert {name for name, *_ in rows} >= {*HANDFUL, table.SMOLLM2}
