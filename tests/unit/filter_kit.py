"""Generated filters and events for the tests of the filter language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from workbench.app.events.event import Event
from workbench.app.events.filter.fields import CONTAINS, EQUALITY, ORDER
from workbench.app.events.filter.parse import RESERVED
from workbench.app.events.filter.syntax import (
    FIELDS,
    All,
    AnyOf,
    Compare,
    Everything,
    Filter,
    Name,
    Not,
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

# Few and short, so that filters and events often meet.
_SEGMENTS = st.sampled_from(["core", "chat", "worker", "log", "failed", "a.b", "x-1", "loud_2"])
_TEXTS = st.sampled_from(
    ["a", "llm", "the llm", "Größe", "x\ny", 'say "no"', "a\\nb", "", "404", "true"]
) | st.text(max_size=12)
_NUMBERS = (
    st.integers(-3, 3)
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from([1.0, 0.5, 1e300, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
)
_SCALARS = st.none() | st.booleans() | _NUMBERS | _TEXTS
_KEYS = st.sampled_from(["worker", "n", "usage", "a key", "", 'q"', "ß"]) | st.text(max_size=4)
_PATHS = st.lists(_KEYS, min_size=1, max_size=3).map(lambda keys: ("payload", *keys))
_TIMES = st.sampled_from(
    ["10m", "0s", "3d", "999999999d", "2026-05-01", "2026-05-01T11:59:30+02:00", "12:30"]
)

event_names = st.lists(_SEGMENTS, min_size=1, max_size=4).map(":".join)
"""Names of events."""

patterns = (
    st.lists(_SEGMENTS | st.just("*"), min_size=1, max_size=4)
    .map(":".join)
    .filter(lambda pattern: pattern != "*" and pattern not in RESERVED and pattern not in FIELDS)
)
"""Name patterns as a filter can hold them."""


def _comparisons(fields: Any, operators: tuple[str, ...], values: Any) -> st.SearchStrategy[Filter]:
    return st.builds(Compare, fields, st.sampled_from(operators), values)


_ID_FIELDS = st.sampled_from(["source", "session", "turn", "id", "cause", "language"]).map(
    lambda field: (field,)
)
_NAMES_AS_VALUES = (event_names | _TEXTS).filter(lambda text: "*" not in text)

comparisons = (
    _comparisons(_ID_FIELDS, EQUALITY, st.none() | _TEXTS)
    | _comparisons(_ID_FIELDS | st.just(("name",)), CONTAINS, _TEXTS)
    | _comparisons(st.just(("name",)), EQUALITY, _NAMES_AS_VALUES)
    | _comparisons(st.just(("seq",)), EQUALITY + ORDER, st.integers(0, 5) | st.integers(0, 2**63 - 1))
    | _comparisons(st.just(("time",)), EQUALITY + ORDER, _TIMES)
    | _comparisons(st.just(("text",)), CONTAINS, _TEXTS)
    | _comparisons(_PATHS, EQUALITY, _SCALARS)
    | _comparisons(_PATHS, ORDER, _NUMBERS)
    | _comparisons(_PATHS, CONTAINS, _TEXTS)
)
"""Comparisons that a parser can give."""


def _flat(kind: type[All] | type[AnyOf], parts: list[Filter]) -> Filter:
    flat: list[Filter] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else [part])
    return kind(tuple(flat))


def _grown(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    some = st.lists(parts, min_size=2, max_size=3)
    return (
        st.builds(Not, parts)
        | some.map(lambda each: _flat(All, each))
        | some.map(lambda each: _flat(AnyOf, each))
    )


conditions = st.just(Everything()) | patterns.map(Name) | comparisons
"""Filters without parts."""

filters: st.SearchStrategy[Filter] = st.recursive(conditions, _grown, max_leaves=8)
"""Filters as a parser can give them."""

_PAYLOADS = st.dictionaries(
    _KEYS,
    st.recursive(
        _SCALARS,
        lambda parts: st.lists(parts, max_size=2) | st.dictionaries(_KEYS, parts, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)

events = st.builds(
    Event,
    name=event_names,
    source=_TEXTS,
    payload=_PAYLOADS,
    session_id=st.none() | _TEXTS,
    correlation_id=st.none() | _TEXTS,
    parent_id=st.none() | _TEXTS,
    seq=st.integers(0, 6),
    time=st.integers(-(10**6), 10**3).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
"""Events that such filters often fit."""
