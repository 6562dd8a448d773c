"""Servers are recognised by what they themselves say, and nobody is taken for another."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from app.engines.dialects.known import DIALECTS
from app.engines.dialects.recognising import by_host, recognise
from app.engines.transport.looking import LISTING, Seen
from app.jsontypes import Json

from ..kinds import KINDS, UVICORN, seen


def answer(value: object, status: int = 200, headers: Mapping[str, str] = UVICORN) -> Seen:
    return Seen(status, headers, json.dumps(value).encode())


def listing(**entry: object) -> dict[str, Seen]:
    return {LISTING: answer({"object": "list", "data": [{"id": "m", "object": "model", "created": 1, **entry}]})}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_by_all_that_it_says(kind: str) -> None:
    assert recognise(seen(kind)) == (None if kind == "unknown" else kind)


def test_each_dialect_that_a_host_does_not_tell_has_a_kind_of_server() -> None:
    assert set(KINDS) - {"unknown"} == set(DIALECTS) - {"openai"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("vllm", LISTING),
        ("sglang", LISTING),
        ("llama.cpp", LISTING),
        ("llama.cpp", "/"),
        ("ollama", "/"),
        ("litellm", LISTING),
        ("litellm", "/health/liveliness"),
    ],
)
def test_one_mark_is_enough_where_something_stands_between(kind: str, path: str) -> None:
    assert recognise(seen(kind, path)) == kind


def test_a_server_behind_another_that_changes_its_headers_is_recognised_by_its_list() -> None:
    entry = {"owned_by": "llamacpp", "meta": {"n_ctx": 512}}
    assert recognise(listing(**entry)) == "llama.cpp"
    assert recognise({**listing(owned_by="library"), "/api/version": answer({"version": "0.12.6"})}) == "ollama"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {LISTING: answer({"detail": "Unauthorized"}, 401)},
        {LISTING: Seen(200, UVICORN, b"<html>")},
        {LISTING: Seen(200, UVICORN, b"[" * 100_000)},
        {LISTING: answer({"data": [7, None, {"owned_by": ["vllm"], "root": 1}]})},
        # A gateway, this server among them, that repeats what its own upstream says.
        listing(owned_by="vllm", max_model_len=4096, context_length=4096),
        listing(owned_by="sglang", max_model_len=4096, context_length=4096),
        listing(owned_by="llamacpp"),
        listing(owned_by="library"),
        # Others that have a version.
        {**listing(owned_by="me"), "/version": answer({"version": "1"})},
        {**listing(owned_by="me"), "/api/version": answer({"version": "1"})},
        {**listing(owned_by="me"), "/": Seen(200, {"server": "llama-cpp-python"}, b"Hello")},
        {"/version": answer({"version": "0.32.0"}, 404), **listing(owned_by="x", max_model_len=7)},
    ],
    ids=str,
)
def test_what_nothing_certain_is_said_of_is_not_recognised(said: Mapping[str, Seen]) -> None:
    assert recognise(said) is None


def test_openai_is_known_by_its_host_alone() -> None:
    assert by_host("https://api.openai.com/v1") == "openai"
    for url in ("https://api.openai.com.example.org/v1", "https://example.org/api.openai.com/v1", "http://a/v1"):
        assert by_host(url) is None


def test_vllm_with_its_list_renamed_is_recognised_by_its_version() -> None:
    entry: Json = {"owned_by": "us", "max_model_len": 4096}
    assert recognise({**listing(**entry), "/version": answer({"version": "0.32.0"})}) == "vllm"
    assert recognise({**listing(**entry), "/get_model_info": answer({"model_path": "x"})}) == "sglang"
