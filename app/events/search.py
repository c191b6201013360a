"""Looks through the log for what fits a plan, a bounded piece at a time, in either direction."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

import msgspec

from workbench.app.errors import StoreError
from workbench.app.events.conditions import NAME_IS_ONE_OF, Plan
from workbench.app.events.event import Event
from workbench.app.events.rows import COLUMNS, event_of
from workbench.app.events.text_index import forget_index, indexed_seq
from workbench.app.store.store import Store

# Events that one read passes: few for the first, so that it answers soon; more when they hold little.
_FIRST_SPAN: Final = 16_384
_GROWTH: Final = 4
# Rows that one read looks at, where no index leaves any out: some ten milliseconds of a reader's time.
_MOST_ROWS: Final = 65_536
# Numbers that one read passes where an index leaves most of them out.
_MOST_SPARSE: Final = 1_048_576
# Rows that are as soon looked up one by one as any other way of finding them pays.
_FEW: Final = 10_000
# What is common is found soonest by looking; the text index pays after so many events with little in them.
_LOOK_FIRST: Final = 32_768
_INDEX_FAULTS: Final = ("store.corrupt", "store.failed")
# Events that are checked on the event loop; more are checked in a thread.
_CHECKED_HERE: Final = 50

Fits = Callable[[Event], bool]


class Found(msgspec.Struct, frozen=True):
    """A piece of a search.

    Args:
        seqs: the numbers of events that fit, in the direction of the search.
        events: these events, where they were asked for.
        reached: what lies between the beginning and this number, which is part of it, is done.
    """

    seqs: array[int]
    events: list[Event]
    reached: int


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for.

    Args:
        plan: how the database finds it.
        fits: decides where the plan is not exact.
        first: the smallest number that is looked at.
        last: the greatest one.
        newest_first: the direction.
        page: most events in one piece.
        whole: whether events are wanted, not only their numbers.
    """

    plan: Plan
    fits: Fits
    first: int
    last: int
    newest_first: bool
    page: int
    whole: bool


async def pieces(store: Store, search: Search) -> AsyncGenerator[Found, None]:
    """Search, and yield what is found piece by piece; a piece may be empty.

    Raises:
        StoreError: the database cannot be read.
    """
    search = await _chosen(store, search)
    first, last, span = search.first, search.last, _FIRST_SPAN
    uses_words = search.plan.words is not None and search.plan.index is None
    looked, indexed = 0, None
    while first <= last:
        by_words = False
        if uses_words and looked >= _LOOK_FIRST:
            indexed = await indexed_seq(store) if indexed is None else indexed
            by_words = (last if search.newest_first else first) <= indexed
        low, high = _window(search, first, last, _MOST_SPARSE if by_words else span)
        if by_words and indexed is not None:
            high = min(high, indexed)
        try:
            rows = await store.read(*_statement(search, low, high, by_words=by_words))
        except StoreError as error:
            if not by_words or error.code not in _INDEX_FAULTS:
                raise
            uses_words = False
            await forget_index(store)
            continue
        if by_words and await indexed_seq(store) < high:
            # Somebody else found it damaged, and emptied it meanwhile.
            uses_words = False
            continue
        full = len(rows) == search.page
        reached = rows[-1][0] if full else (low if search.newest_first else high)
        yield await _found(search, rows, reached)
        first, last = (first, reached - 1) if search.newest_first else (reached + 1, last)
        looked += high - low + 1 if not full else 0
        if not full:
            span = min(span * _GROWTH, _MOST_ROWS if search.plan.index is None else _MOST_SPARSE)


async def _chosen(store: Store, search: Search) -> Search:
    """Leave the index of names away where it would mean to look up much of the log row by row."""
    plan = search.plan
    if plan.index != "events_name" or plan.covered:
        return search
    few = (
        "SELECT count(*) FROM (SELECT 1 FROM events INDEXED BY events_name"  # noqa: S608 - made of constants
        f" WHERE {NAME_IS_ONE_OF} AND seq >= ? AND seq <= ? LIMIT ?)"
    )
    found = (await store.read(few, (plan.names, search.first, search.last, _FEW)))[0][0]
    if found < _FEW:
        return search
    return msgspec.structs.replace(search, plan=msgspec.structs.replace(plan, index=None))


def counting(plan: Plan, above: int) -> tuple[str, tuple[Any, ...]]:
    """Return the query that counts what an exact plan finds above a number, and its values."""
    index = f"INDEXED BY {plan.index}" if plan.index is not None else "NOT INDEXED"
    return f"SELECT count(*) FROM events {index} WHERE seq > ? AND {plan.where}", (above, *plan.values)  # noqa: S608


def _window(search: Search, first: int, last: int, span: int) -> tuple[int, int]:
    """Return the smallest and the greatest number of the next read, of those that are left."""
    if search.newest_first:
        return max(first, last - span + 1), last
    return first, min(last, first + span - 1)


def _statement(search: Search, low: int, high: int, *, by_words: bool) -> tuple[str, tuple[Any, ...]]:
    plan = search.plan
    direction = "DESC" if search.newest_first else "ASC"
    columns = COLUMNS if search.whole or not plan.exact else "seq"
    if by_words:
        sql = (
            f"SELECT {columns} FROM events_text CROSS JOIN events ON seq = events_text.rowid"  # noqa: S608
            " WHERE events_text MATCH ? AND events_text.rowid >= ? AND events_text.rowid <= ?"
            f" AND {plan.where} ORDER BY events_text.rowid {direction} LIMIT ?"
        )
        return sql, (plan.words, low, high, *plan.values, search.page)
    index = f"INDEXED BY {plan.index}" if plan.index is not None else "NOT INDEXED"
    sql = (
        f"SELECT {columns} FROM events {index} WHERE seq >= ? AND seq <= ? AND {plan.where}"  # noqa: S608
        f" ORDER BY seq {direction} LIMIT ?"
    )
    return sql, (low, high, *plan.values, search.page)


async def _found(search: Search, rows: list[tuple[Any, ...]], reached: int) -> Found:
    if search.plan.exact and not search.whole:
        return Found(array("q", [row[0] for row in rows]), [], reached)
    if len(rows) <= _CHECKED_HERE:
        events = _checked(search, rows)
    else:
        events = await asyncio.to_thread(_checked, search, rows)
    return Found(array("q", [event.seq for event in events]), events if search.whole else [], reached)


def _checked(search: Search, rows: list[tuple[Any, ...]]) -> list[Event]:
    events = [event_of(row) for row in rows]
    return events if search.plan.exact else [event for event in events if search.fits(event)]
