"""The page about other servers has a row for each, and what came of asking is read as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.certify.report import Report
from app.certify.verdicts import Row

from ..environments import Environment, Unavailable
from ..processes import running
from . import scripted, table
from .asking import Found, names
from .front import Front
from .servers import SERVERS
from .vices import OWN, SPOILT


def test_the_page_has_a_row_for_each_server_and_nothing_wrong_through_parley() -> None:
    head, *rows = table.rows("servers")
    assert tuple(head) == table.SERVERS_HEAD
    assert [row[0] for row in rows] == [*SERVERS]
    for _, version, kind, directly, through, *_ in rows:
        if not kind.startswith("not asked: "):
            assert version[0].isdigit()
            assert int(through.removesuffix(" %")) > int(directly.removesuffix(" %"))


def test_the_page_has_a_row_for_each_vice() -> None:
    head, *rows = table.rows("vices")
    assert tuple(head) == table.VICES_HEAD
    assert [row[0] for row in rows] == [scripted.HONEST, *SPOILT, *OWN]
    assert dict(row[:2] for row in rows)[scripted.HONEST] == table.MENDED


def row(path: str, fate: str, group: str = "tools") -> Row:
    return Row(group, "request", path, "", fate)  # type: ignore[arg-type]


def test_what_parley_mends_and_refuses_is_told_by_the_outermost_parameters() -> None:
    before = Report("u", "m", "", (row("tools", "ignored"), row("tools[].type", "ignored"), row("stop", "honoured")))
    after = Report("u", "m", "", (row("tools", "honoured"), row("tools[].type", "honoured"), row("stop", "refused")))
    found = Found(before, after, "vllm", ("refusal_missing", "not_honoured.stop", "extra_field.other"))
    assert (found.honoured, found.refused, found.mends) == (["tools"], ["stop"], ["refusal_missing"])
    assert found.scores == (33, 100)
    assert names([row("n", "refused", "bounds"), row("audio.voice", "refused"), row("audio", "refused")]) == ["audio"]


def test_the_log_tells_what_a_server_was_taken_for_and_where_it_strayed() -> None:
    log = (
        "upstream of a, http://127.0.0.1:1: recognised as vllm\n"
        "upstream of b, http://127.0.0.1:2: not recognised, and treated as OpenAI's API\n"
        "upstream a: deviations in its answers: refusal_missing 3, usage_missing 1\n"
        "upstream a: deviations in its answers: refusal_missing 1\n"
    )
    front = Front(None, log)  # type: ignore[arg-type]
    assert (front.kind("a"), front.kind("b"), front.kind("c")) == ("vllm", "not recognised", "")
    assert front.strays("a") == ["refusal_missing", "usage_missing"]


@pytest.mark.live
def test_what_cannot_be_had_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(Unavailable, match="it ended with status 3: no luck"),
        running(["sh", "-c", "echo no luck; exit 3"], tmp_path / "log", 1, "/", 10),
    ):
        pass
    with (
        pytest.raises(Unavailable, match="it was not ready in 0 s: it said nothing"),
        running(["sleep", "60"], tmp_path / "log", 1, "/", 0),
    ):
        pass
    with pytest.raises(Unavailable, match="x: boom"):
        Environment("x", ())._step(["sh", "-c", "echo boom >&2; false"])
