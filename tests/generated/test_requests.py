"""The table of requests says of each what the contract says, and Parley does so."""

from __future__ import annotations

import json

import pytest

from ..live import Server
from ..openapi import component_accepts
from .comparing import ask
from .requests import requests


def test_each_request_is_as_valid_as_the_table_says() -> None:
    for row in requests():
        if row.kind in ("valid", "invalid"):
            assert component_accepts("CreateChatCompletionRequest", json.loads(row.body)) == (row.kind == "valid"), (
                row.name
            )


@pytest.mark.live
@pytest.mark.clients
def test_parley_refuses_what_the_contract_forbids_and_breaks_at_nothing(llama_server: Server) -> None:
    for row in requests():
        status = ask(llama_server.base, llama_server.key, row)
        assert status < 500, row.name
        if row.kind != "valid":
            assert 400 <= status < 500, row.name
        if row.kind == "no key":
            assert status == 401, row.name
