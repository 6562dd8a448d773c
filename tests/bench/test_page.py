"""The page on performance tells of every part what the bench measures, with the targets of the code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from bench import page
from bench.__main__ import DEFAULT, PARTS
from bench.parts import layers
from bench.table import HEAD, Table
from bench.target import Target

from .. import page_tables


def rows(name: str, path: Path = page.PAGE) -> list[list[str]]:
    return page_tables.read(path, name)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copy(page.PAGE, tmp_path))


@pytest.mark.parametrize("part", DEFAULT)
def test_the_page_tells_of_each_target_of_a_part_and_whether_it_is_met(part: str) -> None:
    told = {(row[0], row[1]): row for row in page.told()}
    for measure, target in PARTS[part].TARGETS.items():
        row = told[part, measure]
        assert row[3] == str(target)
        assert row[4] in ("met", "missed")


def test_the_page_tells_of_no_target_that_the_code_has_not() -> None:
    known = {(part, measure) for part, module in PARTS.items() for measure in module.TARGETS}
    bounded = [row for row in page.told() if row[3].startswith(("at most", "at least"))]
    assert {(row[0], row[1]) for row in bounded} <= known


LAYERED = {
    "echo": "an echo request",
    "relayed": "a relayed request",
    "long": "a relayed request of 1,000 messages",
}


@pytest.mark.parametrize("request_", LAYERED.values())
def test_a_layer_that_takes_a_tenth_is_explained(request_: str) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    explained = [name.lower() for name in re.findall(r"^- \*\*(?:The )?(.+?)\*\*", text, re.MULTILINE)]
    found = rows(f"layers of {request_}")[1:]
    assert len(found) > 8
    for layer, _, share, what in found:
        assert what == layers.WHAT[layer]
        if int(share.rstrip("%")) >= 10:
            assert layer.replace(" and ", " and the ").lower() in explained, layer


def test_the_drawings_of_the_page_are_there_and_show_the_numbers_of_the_tables() -> None:
    for name, request_ in LAYERED.items():
        drawn = page.image_of(f"layers-{name}").read_text(encoding="utf-8")
        for layer, microseconds, *_ in rows(f"layers of {request_}")[1:]:
            assert f">{layer}</text>" in drawn
            assert f">{microseconds} µs, " in drawn


def test_a_part_is_written_in_place_of_what_was_told_of_it_and_others_stay(copy: Path, tmp_path: Path) -> None:
    others = [row for row in page.told(copy) if row[0] != "latency"]
    table = Table()
    table.hold("latency", "waiting", 1.25, Target(2, then=1.5))
    table.grid("latency", ["Server", "ms"], [["parley", "1"]])
    table.draw("drawn", "<svg/>")
    page.write(table, list(PARTS), copy, tmp_path)
    written = page.told(copy)
    assert rows(page.TARGETS, copy)[0] == [cell for cell in HEAD if cell]
    assert [row for row in written if row[0] == "latency"] == [
        ("latency", "waiting", "1.25 x", "at most 2 x, then 1.5 x", "met")
    ]
    assert [row for row in written if row[0] != "latency"] == others
    assert rows("latency", copy) == [["Server", "ms"], ["parley", "1"]]
    assert (tmp_path / "performance-drawn.svg").read_text() == "<svg/>"
    places = [list(PARTS).index(row[0]) for row in written]
    assert places == sorted(places)


def test_a_table_without_a_place_in_the_page_is_told(copy: Path, tmp_path: Path) -> None:
    table = Table()
    table.grid("nowhere", ["Server"], [["parley"]])
    with pytest.raises(ValueError, match="no place for the table 'nowhere'"):
        page.write(table, list(PARTS), copy, tmp_path)
