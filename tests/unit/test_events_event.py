"""The event: its JSON form, and what becomes of values that JSON cannot carry."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.app.events.event import Event, from_json, plain, repaired, to_json
from workbench.app.events.rows import from_microseconds

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=12,
)
ANYTHING = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers() | st.dates(),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text() | st.integers(), children, max_size=3)
        | st.sets(st.text(), max_size=3)
        | st.tuples(children)
    ),
    max_leaves=8,
)
LONE_SURROGATE = "caf\udce9.gguf"


@given(
    payload=st.dictionaries(TEXT, JSON, max_size=5),
    source=TEXT,
    session=st.none() | TEXT,
    correlation=st.none() | TEXT,
    seq=st.integers(0, 2**63 - 1),
    time=st.integers(0, 250_000_000_000_000_000).map(from_microseconds),
)
def test_an_event_survives_its_json_line(
    payload: dict[str, Any],
    source: str,
    session: str | None,
    correlation: str | None,
    seq: int,
    time: datetime,
) -> None:
    event = Event(
        name="core:x:y",
        source=source,
        payload=payload,
        session_id=session,
        correlation_id=correlation,
        seq=seq,
        time=time,
    )
    line = to_json(event)
    assert b"\n" not in line
    assert from_json(line) == event


def test_an_event_cannot_be_changed() -> None:
    event = Event(name="core:x:y", source="test")
    with pytest.raises(AttributeError):
        event.name = "core:x:z"  # type: ignore[misc]


def test_events_do_not_share_their_empty_payload() -> None:
    first, second = Event(name="a:b", source="s"), Event(name="a:b", source="s")
    assert first.payload is not second.payload
    assert first.id < second.id
    assert first.time.tzinfo is UTC


@given(st.dictionaries(st.text(), ANYTHING, max_size=4), st.text(), st.none() | st.text())
def test_whatever_an_event_holds_it_becomes_one_line_of_json(
    payload: dict[str, Any], source: str, session: str | None
) -> None:
    event = Event(name="plugin:x", source=source, payload=payload, session_id=session)
    line = to_json(event)
    assert b"\n" not in line
    read = json.loads(line)
    assert read["id"] == event.id
    assert from_json(line).name == "plugin:x"


@given(JSON)
def test_what_json_can_carry_is_left_as_it_is(value: Any) -> None:
    assert plain(value) == value


@given(ANYTHING)
def test_what_json_cannot_carry_becomes_what_it_can(value: Any) -> None:
    once = plain(value)
    msgspec.json.encode(once)
    assert msgspec.json.encode(plain(once)) == msgspec.json.encode(once)


def test_a_value_that_holds_itself_and_one_that_cannot_be_shown_are_told_by_text() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    circle: dict[str, Any] = {"rude": Rude(), "huge": 10**5000}
    circle["self"] = circle
    event = Event(name="plugin:x", source="s", payload=circle)
    payload = from_json(to_json(event)).payload
    assert payload["rude"] == "<Rude>"
    assert payload["huge"].startswith("0x")
    assert payload["self"]["rude"] == "<Rude>"


def test_bytes_of_file_names_stay_readable() -> None:
    event = Event(name="plugin:x", source=LONE_SURROGATE, payload={LONE_SURROGATE: [LONE_SURROGATE]})
    mended = repaired(event)
    assert mended.source == "caf\\udce9.gguf"
    assert mended.payload == {"caf\\udce9.gguf": ["caf\\udce9.gguf"]}
    assert mended.id == event.id
    assert from_json(to_json(event)) == mended
