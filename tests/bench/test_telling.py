"""What the bench tells: values with their targets, ratios of rounds, drawings; and a part that fails ends no run."""

from __future__ import annotations

import asyncio
import types
import xml.etree.ElementTree as ElementTree

import pytest

from bench import __main__ as bench
from bench import drawing, load
from bench.compare import Costs, side_by_side
from bench.server import Server
from bench.table import Table
from bench.target import Target


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target(1.5), 1.5, True),
        (Target(1.5, then=1.2), 1.51, False),
        (Target(0.95, least=True), 0.96, True),
        (Target(0.95, least=True), 0.94, False),
    ],
)
def test_a_target_is_met_up_to_its_bound(target: Target, value: float, met: bool) -> None:
    table = Table()
    table.hold("part", "measure", value, target)
    assert table.rows == [("part", "measure", f"{value:.2f} x", str(target), "met" if met else "missed")]


def test_a_target_says_what_comes_then() -> None:
    assert str(Target(1.8, then=1.5)) == "at most 1.8 x, then 1.5 x"
    assert str(Target(1_000, "ms")) == "at most 1,000 ms"
    assert str(Target(0.95, least=True)) == "at least 0.95 x"


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    # The machine was slow in the second round, for both.
    costs = Costs({"ours": [2.0, 20.0, 3.0], "theirs": [1.0, 8.0, 1.0]})
    assert costs.ratio("ours", "theirs") == 2.5
    assert costs.of("ours") == 3.0


def test_servers_take_turns_at_being_first_and_the_round_that_warms_up_does_not_count() -> None:
    servers = [Server(name, 0, 0, "m", 0.0) for name in ("a", "b")]
    asked: list[str] = []

    async def cost(server: Server) -> float:
        asked.append(server.name)
        return float(len(asked))

    costs = asyncio.run(side_by_side(servers, cost, 2))
    assert asked == ["b", "a", "a", "b", "b", "a"]
    assert costs.rounds == {"a": [3.0, 6.0], "b": [4.0, 5.0]}


def test_a_percentile_is_one_of_the_values() -> None:
    assert load.percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert load.percentile([float(number) for number in range(100)], 0.99) == 98.0
    assert load.percentile([1.0], 0.99) == 1.0


def test_the_longest_bar_is_that_of_the_greatest_value_and_labels_are_escaped() -> None:
    drawn = ElementTree.fromstring(drawing.bars("A < B", [("front & log", 30.0), ("HTTP", 90.0)], "µs", shares=True))
    texts = [each.text for each in drawn.iter() if each.tag.endswith("text")]
    assert texts == ["A < B", "front & log", "30 µs, 25%", "HTTP", "90 µs, 75%"]
    bars = [float(each.attrib["width"]) for each in drawn.iter() if each.tag.endswith("rect")][1:]
    assert bars[1] == pytest.approx(3 * bars[0], rel=0.01)


def test_a_part_that_cannot_be_measured_is_told_and_the_others_are_measured_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Table) -> None:
        raise RuntimeError("the server ended with 1")

    def well(table: Table) -> None:
        table.add("well", "measure", "1 ms")

    parts = {name: types.SimpleNamespace(run=run, TARGETS={}) for name, run in (("bad", fail), ("well", well))}
    monkeypatch.setattr(bench, "PARTS", parts)
    assert bench.main(["bad", "well"]) == 1
    said = capsys.readouterr()
    assert "well: measure: 1 ms" in said.out
    assert "the server ended with 1" in said.err
    assert said.err.endswith("not measured: bad\n")
    assert bench.main(["well"]) == 0


def test_a_part_that_there_is_not_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["relais"])
    assert "there is no part relais; there are: relay, chunks" in capsys.readouterr().err
