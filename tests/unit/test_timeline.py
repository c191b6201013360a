"""A turn's events as rows, and rows as lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from workbench.app.events.event import Event
from workbench.app.events.timeline import Row, Timeline, build_timeline
from workbench.app.events.waterfall import (
    Scale,
    columns_for,
    count_text,
    duration_text,
    figures_text,
    moment_text,
    row_pieces,
    ticks,
    waterfall_lines,
)
from workbench.app.text import one_line
from workbench.tests.tui.timeline_turn import BEGAN, turn_of

CLOSE = 1e-6


def event(name: str, at_ms: float, seq: int = 0, parent: str | None = None, **payload: Any) -> Event:
    return Event(
        name=name,
        source="test",
        payload=payload,
        parent_id=parent,
        id=f"e{seq}",
        seq=seq,
        time=BEGAN + timedelta(milliseconds=at_ms),
    )


def outline(timeline: Timeline) -> list[str]:
    return [f"{'  ' * row.depth}{row.label}" for row in timeline.rows]


def row(timeline: Timeline, label: str) -> Row:
    return next(row for row in timeline.rows if row.label == label)


# --- rows ----------------------------------------------------------------------------------------------


def test_a_prompt_is_read_before_the_reply_is_written_however_late_that_was_noticed() -> None:
    events = [
        event("core:chat:message_received", 0.0, 1),
        event("core:chat:step_finished", 40.0, 2, step="prefill", duration_ms=4.0),
        event("core:chat:step_finished", 41.0, 3, step="decode", duration_ms=16.0),
        event("core:chat:reply_finished", 42.0, 4, reason="stop"),
    ]
    timeline = build_timeline(events)
    prefill, decode = row(timeline, "prefill"), row(timeline, "decode")
    assert (prefill.start_ms, prefill.duration_ms) == pytest.approx((21.0, 4.0))
    assert (decode.start_ms, decode.duration_ms) == pytest.approx((25.0, 16.0))


def test_that_hooks_were_replayed_later_is_no_part_of_a_turn() -> None:
    turn = turn_of()
    later = event("core:hook:replayed", 3_600_000.0, seq=10_000, hook="a.b")
    assert build_timeline([*turn, later]) == build_timeline(turn)
    assert build_timeline([later]) == Timeline()


def test_a_turn_is_a_tree_of_steps_and_what_they_hold() -> None:
    timeline = build_timeline(turn_of())
    assert outline(timeline) == [
        "turn",
        "  message received",
        "  message:received",
        "    security.mask_secrets",
        "  load",
        "    llm load",
        "  model loading",
        "  model loaded",
        "  prompt",
        "    llm count",
        "  prompt built",
        "  llm generate",
        "  prefill",
        "  decode",
        "    tool files",
        "  reply started",
        "  reply progress",
        "  store reply",
    ]
    assert timeline.total_ms == pytest.approx(346.2)
    assert (row(timeline, "turn").start_ms, row(timeline, "turn").duration_ms) == pytest.approx((0, 346.2))
    decode = row(timeline, "decode")
    assert (decode.start_ms, decode.duration_ms) == pytest.approx((206.1, 136.5))
    assert decode.tokens == 83
    assert row(timeline, "tool files").level == "error"
    assert row(timeline, "security.mask_secrets").detail == "security 1.0.0 · modified"
    assert not timeline.running


def test_the_figures_are_those_that_the_turn_told() -> None:
    timeline = build_timeline(turn_of())
    assert (timeline.prompt_tokens, timeline.cached_tokens, timeline.reply_tokens) == (27, 0, 83)
    assert (timeline.tokens_per_second, timeline.first_token_ms, timeline.outcome) == (608.0, 17.6, "stop")
    assert figures_text(timeline) == (
        "read 27 · wrote 83 tokens · 608 tokens/s · first token 17.6 ms · 346 ms"
    )


def test_the_order_of_the_events_does_not_matter() -> None:
    assert build_timeline(reversed(turn_of())) == build_timeline(turn_of())


def test_marks_that_come_again_and_again_share_a_row() -> None:
    progress = row(build_timeline(turn_of()), "reply progress")
    assert progress.ticks == pytest.approx((240.5, 274.5, 308.5))
    assert progress.detail.startswith("×3 · ")
    assert progress.tokens == 60


def test_a_turn_that_failed_says_why() -> None:
    events = turn_of()[:-1]
    failed = event("core:chat:reply_failed", 400, 99, message="The model \x1b ran away.", code="x.y")
    timeline = build_timeline([*events, failed])
    assert timeline.rows[0].level == "error"
    assert timeline.outcome == "The model ␛ ran away."
    assert figures_text(timeline).endswith("The model ␛ ran away.")


@pytest.mark.parametrize(
    ("known", "steps"),
    [
        (1, [("load", 0, 900, True)]),
        (6, [("prompt", 184.4, 715.6, True)]),
        (9, [("prefill", 188.2, 711.8, True)]),
        (12, [("decode", 206.5, 693.5, True)]),
    ],
)
def test_while_it_runs_the_present_step_grows(
    known: int, steps: list[tuple[str, float, float, bool]]
) -> None:
    timeline = build_timeline(turn_of()[:known], BEGAN + timedelta(milliseconds=900))
    assert timeline.running
    assert timeline.total_ms == pytest.approx(900)
    growing = [found for found in timeline.rows if found.running and found.depth]
    assert [(found.label, found.running) for found in growing] == [(name, on) for name, _, _, on in steps]
    for found, (_, start, length, _) in zip(growing, steps, strict=True):
        assert (found.start_ms, found.duration_ms) == pytest.approx((start, length))
    assert figures_text(timeline).endswith("900 ms so far")


def test_reading_the_prompt_is_known_to_be_over_with_the_first_text() -> None:
    events = [found for found in turn_of()[:12] if found.payload.get("step") != "prefill"]
    timeline = build_timeline(events, BEGAN + timedelta(milliseconds=300))
    prefill = row(timeline, "prefill")
    assert (prefill.start_ms, prefill.duration_ms) == pytest.approx((188.2, 18.3))
    assert not prefill.running
    assert row(timeline, "decode").tokens == 20


def test_a_turn_that_never_ended_ends_with_its_last_event() -> None:
    timeline = build_timeline(turn_of()[:9])
    assert timeline.total_ms == pytest.approx(188.2)
    assert not timeline.running
    assert not any(found.running for found in timeline.rows)


def test_what_the_next_start_found_does_not_stretch_the_turn() -> None:
    found = event("core:chat:reply_recovered", 9e7, 50, message_id="m2", characters=3)
    timeline = build_timeline([*turn_of()[:9], found])
    assert timeline.total_ms == pytest.approx(188.2)
    assert row(timeline, "reply recovered").start_ms == pytest.approx(188.2)


def test_a_job_has_no_message() -> None:
    timeline = build_timeline([event("core:command:run", 50, 1, command="models list", duration_ms=50)])
    assert outline(timeline) == ["job", "  command models list"]
    assert timeline.total_ms == 50


def test_what_began_before_the_first_event_is_inside() -> None:
    received = event("core:chat:message_received", 0, 1)
    timeline = build_timeline([received, event("a:b:c", 1, 2, duration_ms=5)])
    assert timeline.total_ms == pytest.approx(5)
    assert [found.start_ms for found in timeline.rows] == pytest.approx([0, 0, 4])


def test_no_events_make_an_empty_timeline() -> None:
    assert build_timeline([]) == Timeline()
    assert list(waterfall_lines(Timeline(), 80)) == []


def test_a_bar_belongs_to_what_caused_it_while_that_ran() -> None:
    outer = event("acme:work:done", 100, 1, duration_ms=100)
    late = event("acme:part:done", 120, 2, parent="e1", duration_ms=50)
    after = event("acme:part:done", 190, 3, parent="e1", duration_ms=50)
    assert outline(build_timeline([outer, late, after])) == [
        "job",
        "  work done",
        "    part done",
        "  part done",
    ]


# --- any events ----------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
numbers = st.one_of(st.floats(), st.integers(), st.floats(min_value=0, max_value=1e5), values)
run_keys = st.sampled_from(["hook", "plugin", "started_ms", "duration_ms", "result", "error"])
payloads = st.fixed_dictionaries(
    {},
    optional={
        "duration_ms": numbers,
        "tokens": numbers,
        "reply_tokens": numbers,
        "tokens_per_second": numbers,
        "first_token_ms": numbers,
        "step": st.sampled_from(["load", "prompt", "prefill", "decode", "store", "other"]) | values,
        "detail": values,
        "outcome": values,
        "level": values,
        "worker": values,
        "point": values,
        "message": values,
        "runs": st.lists(st.dictionaries(run_keys, numbers), max_size=3) | values,
    },
)
names = st.sampled_from(
    [
        *("core:chat:message_received", "core:chat:reply_finished", "core:chat:reply_failed"),
        *("core:chat:step_finished", "core:chat:reply_progress", "core:chat:reply_started"),
        *("core:chat:prompt_built", "core:chat:reply_recovered", "core:worker:request_finished"),
        *("core:hook:ran", "core:tool:finished", "core:command:run", "acme:test:counted", "odd", ""),
    ]
)
ids = st.sampled_from([f"e{number}" for number in range(8)])
# Also times without a zone, which nobody should make.
day = datetime.fromisoformat("2026-01-01")
moments = st.datetimes(day, day + timedelta(days=1), timezones=st.sampled_from([None, UTC]))
events = st.builds(
    Event,
    name=names,
    source=st.just("test"),
    payload=payloads,
    id=ids,
    parent_id=st.none() | ids,
    seq=st.integers(0, 50),
    time=moments,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(events, max_size=24), st.none() | moments, st.integers(1, 240))
def test_any_events_make_a_timeline_whose_bars_lie_within(
    found: list[Event], now: datetime | None, width: int
) -> None:
    timeline = build_timeline(found, now)
    most = timeline.total_ms * (1 + CLOSE) + CLOSE
    assert 0 <= timeline.total_ms < float("inf")
    assert bool(timeline.rows) == bool(found)
    depth = -1
    for each in timeline.rows:
        assert each.start_ms >= -CLOSE
        assert each.duration_ms >= 0
        assert each.start_ms + each.duration_ms <= most
        assert all(-CLOSE <= tick <= most for tick in each.ticks)
        assert 0 <= each.depth <= depth + 1
        assert one_line(each.label, 500) == each.label
        assert one_line(each.detail, 500) == each.detail
        depth = each.depth
    assert {each.seq for each in timeline.rows} <= {each.seq for each in found}
    columns = columns_for(width)
    for line in waterfall_lines(timeline, width):
        assert cell_len(line) <= max(width, columns.label + columns.bars + 2)
    assert one_line(figures_text(timeline), 1_000) == figures_text(timeline)


# --- lines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 56, 80, 100, 120, 160, 200, 240])
def test_lines_fit_the_width(width: int) -> None:
    lines = list(waterfall_lines(build_timeline(turn_of()), width))
    assert max(cell_len(line) for line in lines) <= width
    assert all("decode" not in line or "█" in line for line in lines)


def test_a_timeline_as_text() -> None:
    text = "\n".join(waterfall_lines(build_timeline(turn_of()), 80))
    assert text == PICTURE.strip("\n")


PICTURE = """
                      0           100 ms     200 ms     300 ms       took tokens
turn                  ├──────────────────────────────────────┤     346 ms     83
message received      ◆           ┊          ┊           ┊
message:received      ▏           ┊          ┊           ┊        0.80 ms
  security.mask_sec…  ▏           ┊          ┊           ┊        0.70 ms
load                  █████████████████████▎ ┊           ┊         183 ms
  llm load            ━━━━━━━━━━━━━━━━━━━━━╸ ┊           ┊         180 ms
model loading         ◆           ┊          ┊           ┊
model loaded          ┊           ┊        ◆ ┊           ┊
prompt                ┊           ┊        ▍ ┊           ┊        3.60 ms     27
  llm count           ┊           ┊        ╸ ┊           ┊        1.30 ms
prompt built          ┊           ┊        ◆ ┊           ┊                    27
llm generate          ┊           ┊        ╺━━━━━━━━━━━━━━━━━╸     153 ms
prefill               ┊           ┊         █▊           ┊        16.4 ms     27
decode                ┊           ┊          ┊███████████████▋     136 ms     83
  tool files          ┊           ┊          ┊           ▐██▏     22.0 ms
reply started         ┊           ┊          ◆           ┊
reply progress        ┊           ┊          ┊   ╵   ╵   ╵                    60
store reply           ┊           ┊          ┊           ┊   ▎    2.60 ms
"""


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, 10, "██████████"),
        (0, 5, "█████     "),
        (0, 5.25, "█████▎    "),
        (0.5, 4.5, "▐████     "),
        (0.8, 4.2, " ████     "),
        (9.99, 0.01, "         ▏"),
        (3.1, 0.5, "   ▌      "),
        (10, 0, "         ▏"),
    ],
)
def test_a_bar_is_exact_to_an_eighth_of_a_cell(start: float, length: float, expected: str) -> None:
    bar = Row(label="x", kind="decode", depth=1, start_ms=start, duration_ms=length)
    assert lane(bar, Scale(0, 10, 10)) == expected


def test_a_request_is_a_line_and_the_whole_has_ends() -> None:
    scale = Scale(0, 10, 10)
    assert lane(Row(label="x", kind="worker", depth=1, start_ms=0.5, duration_ms=4), scale) == "╺━━━╸     "
    assert lane(Row(label="x", kind="worker", depth=1, start_ms=3, duration_ms=0), scale) == "   ╸      "
    assert lane(Row(label="x", kind="worker", depth=1, start_ms=10, duration_ms=0), scale) == "         ╺"
    assert lane(Row(label="x", kind="turn", start_ms=0, duration_ms=10), scale) == "├────────┤"


def test_a_mark_is_in_its_cell_and_the_grid_behind() -> None:
    assert lane(Row(label="x", kind="mark", depth=1, start_ms=10), Scale(0, 10, 10)) == "         ◆"
    shared = Row(label="x", kind="mark", depth=1, start_ms=2, duration_ms=5, ticks=(2, 4, 7))
    assert lane(shared, Scale(0, 10, 10)) == "  ╵ ╵  ╵  "


def test_a_bar_outside_of_what_is_shown_is_hinted_at() -> None:
    decode = Row(label="x", kind="decode", depth=1, start_ms=4, duration_ms=2)
    assert lane(decode, Scale(7, 3, 9)) == "‹        "
    assert lane(decode, Scale(0, 3, 9)) == "        ›"
    whole = Row(label="x", kind="turn", start_ms=0, duration_ms=10)
    assert lane(whole, Scale(7, 3, 9)) == "────────┤"
    assert lane(whole, Scale(2, 3, 9)) == "─────────"
    assert lane(Row(label="x", kind="mark", depth=1, start_ms=1), Scale(5, 3, 9)).strip() == ""


def lane(found: Row, scale: Scale) -> str:
    """Return the bars of a row without the grid."""
    pieces = row_pieces(found, columns_for(80), scale)
    return "".join(piece.text for piece in pieces if piece.bars).replace("┊", " ")


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (0.3, ["0", "100 µs", "200 µs", "300 µs"]),
        (250, ["0", "100 ms", "200 ms"]),
        (9_000, ["0", "5 s"]),
        (400_000, ["0", "2 min", "4 min", "6 min"]),
        (9_000_000, ["0", "1 h", "2 h"]),
        (0, ["0"]),
    ],
)
def test_the_axis_has_round_moments(span: float, labels: list[str]) -> None:
    scale = Scale(0, span, 36)
    assert [moment_text(tick, scale) for tick in ticks(scale)] == labels


def test_a_close_look_has_exact_moments() -> None:
    scale = Scale(183.2, 0.9, 60)
    assert [moment_text(tick, scale) for tick in ticks(scale)][:2] == ["183.2 ms", "183.4 ms"]


def test_large_counts_are_short() -> None:
    texts = [count_text(count) for count in (0, 12_345, 999_999, 1_250_000, 999_999_999, 10**12)]
    assert texts == ["0", "12,345", "999,999", "1.25M", "1000M", "1.00T"]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (0.0042, "4.2 µs"),
        (0.042, "42 µs"),
        (0.4217, "0.42 ms"),
        (12.34, "12.3 ms"),
        (183.6, "184 ms"),
        (999.6, "1.00 s"),
        (59_900, "59.9 s"),
        (125_000, "2m 5s"),
        (7_500_000, "2h 5m"),
        (3.6e9, "41d"),
    ],
)
def test_durations_have_three_digits_or_so(ms: float, text: str) -> None:
    assert duration_text(ms) == text
