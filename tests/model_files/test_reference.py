"""What `hf:` names: which file of a repository on a hub."""

from __future__ import annotations

import pytest

from app.errors import ConfigurationError
from app.model_files.reference import Reference

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "repo", "revision", "wanted"),
    [
        ("hf:org/repo", "org/repo", "main", None),
        ("hf:Org-1/repo.v2_GGUF:Q4_K_M", "Org-1/repo.v2_GGUF", "main", "Q4_K_M"),
        ("hf:org/repo:folder/file name.gguf", "org/repo", "main", "folder/file name.gguf"),
        ("hf:org/repo@v1.0", "org/repo", "v1.0", None),
        (f"hf:org/repo@{COMMIT}:a@b.gguf", "org/repo", COMMIT, "a@b.gguf"),
        ("hf:org/repo@refs/pr/1:x", "org/repo", "refs/pr/1", "x"),
    ],
)
def test_a_reference_is_read_and_written_again(text: str, repo: str, revision: str, wanted: str | None) -> None:
    reference = Reference.parse(text)
    assert (reference.repo, reference.revision, reference.wanted) == (repo, revision, wanted)
    assert str(reference) == text
    assert reference.is_pinned == (revision == COMMIT)


@pytest.mark.parametrize("text", ["hf:", "hf:repo", "hf:a/b/c", "hf:../x", "hf:a/..", "hf:a/b:", "hf:a/b@", "hf:a b/c"])
def test_another_form_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^A model on a hub is named hf:org/repo, hf:org/repo:Q4_K_M or"):
        Reference.parse(text)


MANY = ["README.md", "m-Q4_K.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-m-Q8_0.gguf", "m.imatrix.gguf"]
SPLIT = ["m-Q8_0-00002-of-00002.gguf", "m-Q8_0-00001-of-00002.gguf", "b/m-Q4_K_M-00001-of-00001.gguf"]


@pytest.mark.parametrize(
    ("wanted", "files", "chosen"),
    [
        (None, MANY, ("m-Q4_K_M.gguf",)),
        ("Q4_K_M", MANY, ("m-Q4_K_M.gguf",)),
        ("q4_k", MANY, ("m-Q4_K.gguf",)),
        ("Q8_0", MANY, ("m-Q8_0.gguf",)),
        ("m-Q8_0.gguf", MANY, ("m-Q8_0.gguf",)),
        ("mmproj-m-Q8_0.gguf", MANY, ("mmproj-m-Q8_0.gguf",)),
        (None, ["z.GGUF", "mmproj.gguf", "b.gguf"], ("b.gguf",)),
        ("Q8_0", SPLIT, ("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf")),
        (None, SPLIT, ("b/m-Q4_K_M-00001-of-00001.gguf",)),
        ("m-Q8_0-00001-of-00002.gguf", SPLIT, ("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf")),
        (None, ["m-UD-Q4_K_M.gguf", "m.gguf"], ("m-UD-Q4_K_M.gguf",)),
        ("BF16", ["BF16/m.gguf", "m.gguf"], ("BF16/m.gguf",)),
    ],
)
def test_the_file_is_chosen_by_name_by_quantisation_or_as_the_usual_one(
    wanted: str | None, files: list[str], chosen: tuple[str, ...]
) -> None:
    assert Reference("org/repo", "main", wanted).choose(files) == chosen


@pytest.mark.parametrize(
    ("wanted", "files", "said"),
    [
        (None, ["README.md", "mmproj.gguf"], "hf:org/repo: the repository has no GGUF file of a model."),
        (
            "Q2_K",
            MANY,
            "hf:org/repo:Q2_K: the repository has no such file or quantisation. It has: m-Q4_K.gguf, m-Q4_K_M.gguf, "
            "m-Q8_0.gguf.",
        ),
        (
            None,
            ["a-Q4_K_M.gguf", "b-Q4_K_M.gguf", "b-Q8_0.gguf"],
            "hf:org/repo may be several files; name one of them: a-Q4_K_M.gguf, b-Q4_K_M.gguf.",
        ),
        (
            "Q8_0",
            SPLIT[1:],
            "hf:org/repo:Q8_0: the model is split into parts, and the repository lacks m-Q8_0-00002-of-00002.gguf.",
        ),
    ],
)
def test_what_is_not_there_or_could_be_several_is_told_with_the_candidates(
    wanted: str | None, files: list[str], said: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Reference("org/repo", "main", wanted).choose(files)
    assert str(caught.value) == said


def test_no_more_than_twenty_candidates_are_listed() -> None:
    with pytest.raises(ConfigurationError, match=r"m-19\.gguf, \.\.\.\.$"):
        Reference("org/repo", "main", "x").choose([f"m-{number:02}.gguf" for number in range(30)])
