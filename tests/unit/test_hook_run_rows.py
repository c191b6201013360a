"""Runs of hooks as rows: what traces tell, what is kept, filters, groups, columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from workbench.app.events.event import Event
from workbench.app.events.timeline_bars import FINISHED, RECEIVED
from workbench.widgets.hook_bars import bar, percent_text, time_text
from workbench.widgets.hook_run_lines import head_line, run_line
from workbench.widgets.hook_runs import (
    FittingRuns,
    Group,
    HookRun,
    RunLog,
    Wanted,
    around_difference,
    flat_rows,
    note_of,
    runs_in,
    turn_rows,
)
from workbench.widgets.text_lines import plain

BEGAN = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


def trace(seq: int, *runs: dict[str, Any], turn: str | None = None, point: str = "message:received") -> Event:
    """Return a trace."""
    told = [
        {"hook": "a.one", "plugin": "a", "version": "1", "duration_ms": 1.0, "result": "continue", **run}
        for run in runs
    ]
    return Event(
        name="core:hook:ran",
        source="hooks",
        payload={"point": point, "duration_ms": 1.0, "outcome": "continue", "context": None, "runs": told},
        correlation_id=turn,
        id=f"e{seq}",
        seq=seq,
        time=BEGAN + timedelta(seconds=seq),
    )


def happened(name: str, turn: str, after_s: float) -> Event:
    """Return an event of a turn."""
    return Event(name=name, source="chat", correlation_id=turn, time=BEGAN + timedelta(seconds=after_s))


# --- runs ----------------------------------------------------------------------------------------------


def test_a_trace_has_a_row_for_each_run() -> None:
    runs = runs_in(trace(7, {}, {"hook": "b.two", "result": "modified", "changes": {"text": ["a", "b"]}}))
    assert [(run.key, run.hook, run.trace_id) for run in runs] == [
        ((7, 0), "a.one", "e7:0"),
        ((7, 1), "b.two", "e7:1"),
    ]
    assert runs[1].note == "text “a” → “b”"


@pytest.mark.parametrize(
    "payload", [{}, {"runs": None}, {"runs": ["x", 3]}, {"runs": [{"duration_ms": "long", "result": None}]}]
)
def test_what_looks_like_no_trace_breaks_nothing(payload: dict[str, Any]) -> None:
    event = Event(name="core:hook:ran", source="x", payload=payload)
    assert all(isinstance(run, HookRun) for run in runs_in(event))


@pytest.mark.parametrize(
    ("ran", "note"),
    [
        ({}, ""),
        ({"changes": {"text": []}}, "text (not shown)"),
        ({"changes": {"limit": [1, 2], "n": [None, True]}}, "limit 1 → 2 · n null → true"),
        ({"answer": {"type": "cancel", "reason": "Not today."}}, "Not today."),
        ({"answer": {"type": "redirect", "to": "small"}}, "small"),
        ({"answer": {"type": "replace", "result": {"a": 1}}}, '{"a": 1}'),
        ({"answer": {"type": "retry", "delay": 0.5, "attempts": 3}}, "3 attempts, after 0.5 s"),
        ({"answer": {"type": "fork", "values": [{}, {}], "join": "all"}}, "2 branches, all"),
        ({"answer": {"type": "cache", "key": "k", "ttl": 3.0}}, "key k for 3.0 s"),
        ({"answer": {"reason": "warm"}}, "warm"),
        ({"error": {"message": "no", "file": "/x/words.py", "line": 3}}, "no (words.py:3)"),
        ({"printed": "hello\nyou"}, "printed “hello you”"),
    ],
)
def test_what_a_run_did_is_said_in_short(ran: dict[str, Any], note: str) -> None:
    assert note_of(ran) == note


def test_long_texts_show_where_they_differ() -> None:
    old, new = around_difference("x" * 40 + "sk-123" + "y" * 40, "x" * 40 + "***" + "y" * 40)
    assert old == "“…xxxxxxxxsk-123yyyyyyyy…”"
    assert new == "“…xxxxxxxx***yyyyyyyy…”"
    assert around_difference("", "a") == ("“”", "“a”")


def test_no_more_runs_are_held_than_fit() -> None:
    log = RunLog(most=100)
    log.add(trace(seq, {}) for seq in range(1, 251))
    assert len(log.runs) <= 100
    assert log.runs[-1].seq == 250
    assert [run.seq for run in log.runs] == list(range(log.runs[0].seq, 251))


def test_older_runs_come_before_and_only_as_many_as_fit() -> None:
    log = RunLog(most=5)
    log.add([trace(10, {}), trace(11, {})])
    assert log.add_before([trace(seq, {}) for seq in range(1, 10)])
    assert [run.seq for run in log.runs] == [7, 8, 9, 10, 11]
    assert not log.add_before([trace(6, {})])


# --- rows ----------------------------------------------------------------------------------------------


def test_filters_take_all_words_and_a_point_or_hook() -> None:
    runs = [
        *runs_in(trace(1, {}, {"hook": "b.two"})),
        *runs_in(trace(2, {"hook": "b.two"}, point="model:before")),
    ]
    assert [run.key for run in flat_rows(runs, Wanted("TWO model"))] == [(2, 0)]
    assert [run.key for run in flat_rows(runs, Wanted(hook="b.two"))] == [(1, 1), (2, 0)]
    assert [run.key for run in flat_rows(runs, Wanted("a.one", point="model:before"))] == []
    assert len(flat_rows(runs, Wanted())) == 3
    assert Wanted("x", "p", "h").words == "x · point p · hook h"


def test_rows_that_are_kept_are_those_that_fit() -> None:
    log, fitting = RunLog(most=60), FittingRuns()
    for seq in range(1, 300):
        log.add([trace(seq, {}, {"hook": f"b.{seq % 3}"})])
        wanted = Wanted(hook="b.1") if seq % 100 > 20 else Wanted("b.")
        assert list(fitting.rows(log, wanted)) == flat_rows(log.runs, wanted)
    log.add_before([trace(0, {"hook": "b.1"})])
    assert list(fitting.rows(log, Wanted(hook="b.1"))) == flat_rows(log.runs, Wanted(hook="b.1"))


def test_a_turn_stands_above_its_points_and_these_above_their_hooks() -> None:
    log = RunLog()
    log.add(
        [
            trace(1, {"duration_ms": 3.0}, {"hook": "b.two"}, turn="t1"),
            happened(RECEIVED, "t1", 0),
            trace(2, {}, turn="t2"),
            trace(3, {"result": "cancel"}, turn="t1", point="model:before"),
            happened(FINISHED, "t1", 0.5),
            trace(4, {}),
        ]
    )
    rows = turn_rows(log.runs, Wanted(), log.turns)
    assert [(row.kind, row.name) if isinstance(row, Group) else row.key for row in rows] == [
        ("turn", "t1"),
        ("point", "message:received"),
        (1, 0),
        (1, 1),
        ("point", "model:before"),
        (3, 0),
        ("turn", "t2"),
        ("point", "message:received"),
        (2, 0),
        ("turn", ""),
        ("point", "message:received"),
        (4, 0),
    ]
    first = rows[0]
    assert isinstance(first, Group)
    assert (first.duration_ms, first.share, first.runs) == (5.0, 1.0, 3)
    assert isinstance(rows[4], Group)
    assert rows[4].outcome == "cancel"


def test_what_is_folded_hides_its_rows_and_a_person_counts_for_no_time() -> None:
    log = RunLog()
    waited = {"hook": "debugging.pause@message:received", "duration_ms": 60_000.0}
    log.add([happened(RECEIVED, "t", 0), trace(1, waited, {}, turn="t"), trace(2, {}, turn="t")])
    rows = turn_rows(
        log.runs, Wanted(), log.turns, frozenset({("point", "t", 1)}), BEGAN + timedelta(seconds=2)
    )
    assert [row.key for row in rows] == [("turn", "t", 0), ("point", "t", 1), ("point", "t", 2), (2, 0)]
    assert isinstance(rows[0], Group)
    assert (rows[0].duration_ms, rows[0].share) == (2.0, 0.1)
    assert len(turn_rows(log.runs, Wanted(), log.turns, frozenset({("turn", "t", 0)}))) == 1


# --- lines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 20, 40, 56, 76, 100, 116, 140, 196, 236])
def test_lines_are_never_wider_than_their_cells(width: int) -> None:
    log = RunLog()
    log.add(
        [trace(1, {"hook": "宽" * 40, "result": "modified", "changes": {"t": ["a" * 99, "b"]}}, turn="t")]
    )
    lines = [run_line(row, width, tree=True) for row in turn_rows(log.runs, Wanted(), log.turns)]
    lines += [run_line(row, width) for row in flat_rows(log.runs, Wanted())]
    if width >= 40:
        assert all(cell_len(plain(line).rstrip()) <= width for line in (head_line(width), *lines))


def test_columns_stand_below_their_names() -> None:
    line, head = plain(run_line(runs_in(trace(1, {}))[0], 116)), plain(head_line(116))
    for name, text in (("point", "message:received"), ("hook", "a.one"), ("result", "continue")):
        assert head.index(name) == line.index(text)
    assert head.index("took") + 4 == line.index("1.00 ms") + 7


@pytest.mark.parametrize(
    ("ms", "text", "drawn"),
    [
        (0.0, "0", ""),
        (0.0001, "0.10 µs", "╸"),
        (0.0031, "3.10 µs", "━"),
        (0.05, "50.0 µs", "━━━"),
        (1.0, "1.00 ms", "━━━━━"),
        (48.2, "48.2 ms", "━━━━━━━━"),
        (1_000.0, "1.00 s", "━━━━━━━━━━"),
        (90_000.0, "1m 30s", "━━━━━━━━━━"),
    ],
)
def test_times_and_their_bars(ms: float, text: str, drawn: str) -> None:
    assert time_text(ms) == text
    assert bar(ms, 10).rstrip() == drawn
    assert len(bar(ms, 10)) == 10


def test_shares_are_short() -> None:
    assert [percent_text(share) for share in (0.0, 0.736, 12.34, 99.99, 100.0)] == [
        "0.00 %",
        "0.74 %",
        "12.3 %",
        "100 %",
        "100 %",
    ]
