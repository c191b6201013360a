"""Every benchmark runs and gives finite figures; what they are is for a quiet machine to say."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import msgspec
import pytest

from workbench.benchmarks import __main__ as command
from workbench.benchmarks import report, rounds
from workbench.benchmarks.result import Claim, Entry, Figure, Result, least, most


@pytest.mark.slow
@pytest.mark.parametrize("name", command.NAMES)
def test_it_runs_and_its_values_are_numbers(name: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert command.main([name, "--quick", "--json", str(file)]) == 0
    (entry,) = msgspec.json.decode(file.read_bytes(), type=list[Entry])
    assert entry.quick
    assert entry.result.claims
    values = {claim.name: claim.value for claim in entry.result.claims}
    values |= {figure.name: figure.value for figure in entry.result.figures}
    assert {name: value for name, value in values.items() if not math.isfinite(value)} == {}


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        command.main(["nothing", "--quick"])
    assert ending.value.code == 2
    assert "no benchmark called nothing" in capsys.readouterr().err


def test_a_benchmark_that_fails_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "NAMES", ("nothing",))
    assert command.main(["nothing", "--quick"]) == 1
    assert "failed: nothing" in capfd.readouterr().err


async def test_samples_are_taken_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "QUIET", math.inf)
    order: list[str] = []

    async def ours() -> float:
        order.append("ours")
        return 3.0

    async def peer() -> float:
        order.append("peer")
        return 2.0

    pairs = await rounds.in_turns("test", ours, peer, 3)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert rounds.ratios(pairs) == [1.5, 1.5, 1.5]


async def test_disturbed_rounds_are_repeated_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = iter([0.0, 1.0, 0.0, 1.0, 0.0, 0.0])

    class Others:
        def cores(self) -> float:
            return next(busy)

    monkeypatch.setattr(rounds, "Others", Others)
    count = itertools.count()

    async def sample() -> int:
        return next(count)

    pairs = await rounds.in_turns("test", sample, sample, 4)
    assert pairs == [(0, 1), (4, 5), (8, 9), (11, 10)]


async def test_on_a_busy_machine_all_rounds_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "QUIET", -1.0)

    async def sample() -> float:
        return 1.0

    assert len(await rounds.in_turns("test", sample, sample, 4)) == 12


def test_a_claim_is_judged_by_its_median() -> None:
    assert least("speed", [1.0, 3.0, 9.0], 3.0).holds
    assert not least("speed", [1.0, 2.9, 9.0], 3.0).holds
    assert most("time", [1.0, 3.0, 9.0], 3.0).holds
    assert most("time", [1.0, 2.0, 3.0, 4.0, 5.0], 3.0).spread == (2.0, 4.0)


def entry(claim: Claim) -> Entry:
    """Return the entry of a benchmark that found one claim and one figure."""
    return Entry(
        name="bus",
        result=Result(claims=[claim], figures=[Figure("queue", 1_234_567.8, "events/s")]),
        day="2025-01-31",
        seconds=1.5,
        others=0.1,
        quick=False,
        machine={"python": "3.11.4"},
    )


def test_results_become_a_table_and_another_run_replaces_it() -> None:
    empty = f"before\n{report.BEGIN}\n{report.END}\nafter\n"
    missed = report.document(empty, [entry(Claim("ratio", 1.5, 2.0, "least"))])
    held = report.document(missed, [entry(Claim("ratio", 2.25, 2.0, "least", "", (2.1, 2.5)))])
    assert "| ratio | 1.5 |  | ≥ 2 | **missed** |" in missed
    assert "| ratio | 2.25 | 2.1 to 2.5 | ≥ 2 | holds |" in held
    assert "**missed**" not in held
    assert "| queue | 1,234,568 events/s | | | |" in held
    assert held.startswith("before\n")
    assert held.endswith("after\n")
    with pytest.raises(ValueError, match="needs the lines"):
        report.document("no markers", [])


def test_the_document_has_the_markers() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    assert report.BEGIN in text
    assert report.END in text


def test_results_as_lines_say_what_was_missed() -> None:
    lines = list(report.lines(entry(Claim("ratio", 1.5, 2.0, "least"))))
    assert lines[1] == "  MISS ratio: 1.5, target ≥ 2"
