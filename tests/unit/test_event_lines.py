import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.events.event import Event
from workbench.widgets.event_lines import (
    area,
    clock,
    columns_for,
    event_line,
    facts,
    missing_line,
    severity,
    unread_line,
)
from workbench.widgets.event_text import detail_lines
from workbench.widgets.text_lines import cells, plain

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
PAYLOAD = st.dictionaries(st.text(max_size=12), JSON, max_size=6)


def event(name: str = "core:chat:reply_started", **payload: Any) -> Event:
    time = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
    return Event(name=name, source="chat", payload=payload, time=time, seq=7)


def text(payload: dict[str, Any]) -> str:
    return "".join(run.text for run in facts(payload)).rstrip()


@given(PAYLOAD, st.integers(20, 240), st.text("abc:_é日", min_size=1, max_size=60))
def test_a_line_fits_into_its_columns(payload: dict[str, Any], width: int, name: str) -> None:
    made = Event(name=name, source="s" * 50, payload=payload)
    line = event_line(made, columns_for(width))
    assert cells(line) <= width
    assert not CONTROL.search(plain(line))


def test_columns_fill_every_width() -> None:
    for width in range(20, 241):
        columns = columns_for(width)
        gaps = 2 * sum(1 for size in (columns.time, columns.name, columns.source) if size)
        assert sum(columns) + gaps == width
        assert columns.facts >= 5


def test_a_line_says_when_what_and_how_much() -> None:
    line = plain(event_line(event(first_token_ms=12.34), columns_for(120)))
    assert "chat:reply_started" in line
    assert "first token 12.3 ms" in line
    assert ":09.123" in line


def test_facts_leave_out_ids_and_what_is_empty() -> None:
    assert text({"message_id": "x", "id": "y", "reason": "", "list": [], "count": 3}) == "count 3"


def test_what_a_reader_looks_for_comes_first_without_its_key() -> None:
    facts_told = {"pid": 12, "state": "ready", "worker": "llm", "ok": True}
    assert text(facts_told) == "llm  ready  pid 12  ok yes"


def test_a_change_of_state_is_told_as_one() -> None:
    assert (
        text({"worker": "llm", "state": "ready", "previous": "busy", "pid": 7}) == "llm  busy → ready  pid 7"
    )


def test_large_values_are_counted_instead_of_told() -> None:
    assert text({"rows": list(range(1000)), "deep": {"a": {"b": 1}}}) == "rows [1,000]  deep {1}"


@pytest.mark.parametrize(
    ("name", "payload", "level"),
    [
        ("core:chat:reply_failed", {}, "error"),
        ("core:system:notice", {"level": "warning"}, "warning"),
        ("core:worker:state_changed", {"state": "failed"}, "error"),
        ("core:worker:state_changed", {"state": "restarting"}, "warning"),
        ("core:worker:request_finished", {"outcome": "worker.crashed"}, "error"),
        ("core:worker:request_finished", {"outcome": "ok"}, ""),
        ("core:hook:ran", {"outcome": "continue", "runs": [{"hook": "a.b"}]}, ""),
        ("core:hook:ran", {"outcome": "continue", "runs": [{"hook": "a.b", "error": "it raised"}]}, "error"),
        ("core:hook:breaker_changed", {"state": "open"}, "warning"),
        ("core:chat:reply_started", {}, ""),
    ],
)
def test_what_deserves_notice_is_marked_without_colour_too(name: str, payload: Any, level: str) -> None:
    made = event(name, **payload)
    assert severity(made) == level
    assert plain(event_line(made, columns_for(80)))[0] == {"error": "✗", "warning": "!", "": " "}[level]


@pytest.mark.parametrize("width", [20, 39, 40, 71, 72, 110, 240])
def test_what_stands_for_an_event_fits_too(width: int) -> None:
    columns = columns_for(width)
    assert cells(unread_line(columns)) <= width
    assert cells(missing_line(123_456, width)) == width
    assert cells(event_line(event(), columns, today=date(2030, 1, 1), pinned=True)) <= width


def test_events_of_other_days_say_which() -> None:
    local = datetime(2024, 5, 6, 7, 8, 9, 123456).astimezone()
    assert clock(local, date(2024, 5, 6)) == "07:08:09.123"
    assert clock(local, date(2024, 5, 7)) == "06 May 07:08"
    assert clock(local, date(2025, 5, 6)) == "06 May 2024"
    assert clock(local, date(2024, 5, 6), 8) == "07:08:09"
    assert clock(local, date(2024, 5, 7), 8) == "06 07:08"


def test_a_pinned_event_is_marked_beside_its_level() -> None:
    line = plain(event_line(event("core:chat:reply_failed"), columns_for(80), pinned=True))
    assert line.startswith("✗▪")


def test_keys_of_the_payload_stand_out() -> None:
    lines = detail_lines(event(text='say: "yes"', deep={"n": 1}))
    keys = [run.text for line in lines for run in line if run.style == "key" and '"' in run.text]
    assert keys == ['"text"', '"deep"', '"n"']


def test_areas() -> None:
    assert area("core:chat:reply_started") == "chat"
    assert area("acme:weather:today:fetched") == "weather"
    assert area("plain") == "plain"


def test_details_tell_everything_safely() -> None:
    made = event("acme:x:y", text="a\x1b[31m\x9bb", deep={"n": [1, 2]})
    lines = [plain(line) for line in detail_lines(made)]
    assert lines[0] == "acme:x:y"
    assert lines[1].endswith("seq 7")
    assert '    "n": [' in lines
    assert all(line.isprintable() for line in lines)


def test_facts_that_are_left_out_are_told_of_at_any_width() -> None:
    told = event("core:chat:step_finished", step="decode", duration_ms=58.4, tokens=27, detail="größe 日本")
    whole = plain(event_line(told, columns_for(200))).rstrip()
    assert not whole.endswith("…")
    for width in range(50, 200):
        line = plain(event_line(told, columns_for(width))).rstrip()
        assert line.endswith("…") != line.endswith("日本"), (width, line)
        assert cells(event_line(told, columns_for(width))) <= width


def test_details_of_a_huge_payload_are_cut_and_say_so() -> None:
    lines = [plain(line) for line in detail_lines(event(text="x" * 1_000_000))]
    assert any("more characters, copy to see all" in line for line in lines)
