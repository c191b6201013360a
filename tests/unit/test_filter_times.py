"""Times as people write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.events.filter.times import resolve_time

NOW = datetime(2026, 5, 1, 12, 30, 15, 500, tzinfo=UTC)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time with a change of the clock, whatever the machine has."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", NOW - timedelta(seconds=30)),
        ("10m", NOW - timedelta(minutes=10)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("0s", NOW),
        ("999999999d", utc(1, 1, 1)),
        ("2026-05-01", utc(2026, 4, 30, 22)),
        ("2026-01-01", utc(2025, 12, 31, 23)),
        ("2026-05-01T12:00", utc(2026, 5, 1, 10)),
        ("2026-05-01 12:00:30.5", utc(2026, 5, 1, 10, 0, 30, 500_000)),
        ("2026-05-01T12:00Z", utc(2026, 5, 1, 12)),
        ("2026-05-01T12:00-03:00", utc(2026, 5, 1, 15)),
        ("14:30", utc(2026, 5, 1, 12, 30)),
        ("14:31", utc(2026, 4, 30, 12, 31)),
        ("9:05:07", utc(2026, 5, 1, 7, 5, 7)),
        ("00:00", utc(2026, 4, 30, 22)),
    ],
)
@pytest.mark.usefixtures("berlin")
def test_times(text: str, expected: datetime) -> None:
    found = resolve_time(text, NOW)
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.usefixtures("berlin")
def test_a_time_of_day_is_the_last_one_over_a_change_of_the_clock() -> None:
    # The clock went forward at 01:00 UTC on 29 March 2026.
    assert resolve_time("23:00", utc(2026, 3, 29, 6)) == utc(2026, 3, 28, 22)
    assert resolve_time("04:00", utc(2026, 3, 29, 6)) == utc(2026, 3, 29, 2)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "m",
        "10 m",
        "10M",
        "1.5h",
        "-10m",
        "٣m",
        "soon",
        "25:00",
        "12:60",
        "2026-02-30",
        "2026-05-01T25:00",
        "10m\n",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        resolve_time(text, NOW)


@given(st.text(st.sampled_from("0123456789-:.TZ+smhdW ")) | st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        assert resolve_time(text, NOW).tzinfo is UTC
    except ValueError:
        return


@given(st.integers(0, 999_999_999), st.sampled_from("smhd"))
def test_spans_go_back_and_never_too_far(count: int, unit: str) -> None:
    found = resolve_time(f"{count}{unit}", NOW)
    assert found <= NOW
    assert (found == NOW) is (count == 0)
