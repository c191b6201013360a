"""Finds events in the log: the one way to ask it, for panes, commands and tests.

It works on any open store, also on a read-only one beside the process that writes. Every answer is what
`filter.match.matcher` says of every event in the log; indexes only make it come sooner.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

import msgspec

from workbench.app.events.conditions import plan_of
from workbench.app.events.event import Event
from workbench.app.events.family import LARGEST_FAMILY, Family, find_family
from workbench.app.events.filter.match import matcher
from workbench.app.events.filter.syntax import Everything, Filter
from workbench.app.events.rows import COLUMNS, event_of, microseconds
from workbench.app.events.search import Found, Search, counting, pieces
from workbench.app.store.store import Store

__all__ = ["LARGEST_FAMILY", "EventReader", "Family", "Found"]

# Jumps through the index from one name to the next instead of reading it all, as SELECT DISTINCT does.
_DISTINCT_NAMES: Final = """
    WITH RECURSIVE found (name) AS (
        SELECT min(name) FROM events
        UNION ALL
        SELECT (SELECT min(name) FROM events WHERE name > found.name) FROM found WHERE found.name IS NOT NULL
    )
    SELECT name FROM found WHERE name IS NOT NULL
"""
_EVERYTHING: Final = Everything()
_BOUNDS: Final = "SELECT (SELECT min(seq) FROM events), (SELECT max(seq) FROM events)"
_NEXT_TIME: Final = "SELECT seq, time FROM events WHERE seq >= ? ORDER BY seq LIMIT 1"
# A page of events whose rows are read, and of numbers.
_PAGE: Final = 1_000
_LEAST_PAGE: Final = 64
_NUMBERS: Final = 50_000


class EventReader:
    """Asks the log.

    Every method may be cancelled, which stops its query. Spans of time in a filter (`since 10m`) count back
    from `now`, which is the present moment where it is left out: an answer in pages needs the same for each.

    Args:
        store: the open store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def bounds(self) -> tuple[int, int]:
        """Return the numbers of the oldest and the newest event, (0, 0) when there is none.

        Raises:
            StoreError: the database cannot be read.
        """
        first, last = (await self._store.read(_BOUNDS))[0]
        return first or 0, last or 0

    async def names(self) -> list[str]:
        """Return every name that an event in the log has, in order.

        Raises:
            StoreError: the database cannot be read.
        """
        return [name for (name,) in await self._store.read(_DISTINCT_NAMES)]

    async def seqs(
        self,
        wanted: Filter,
        *,
        below: int | None = None,
        above: int = 0,
        limit: int,
        now: datetime | None = None,
    ) -> array[int]:
        """Return the numbers of the events that fit, the newest first.

        Args:
            wanted: the filter.
            below: only smaller numbers, None for all.
            above: only greater numbers.
            limit: most numbers; fewer mean that there are no more.
            now: see the class.

        Raises:
            StoreError: the database cannot be read.
        """
        found: array[int] = array("q")
        page = max(_LEAST_PAGE, min(limit, _NUMBERS))
        looking = self._pieces(wanted, above + 1, _before(below), now, page=page, newest_first=True)
        async with aclosing(looking) as search:
            async for piece in search:
                found.extend(piece.seqs)
                if len(found) >= limit:
                    break
        return found[:limit]

    async def search(
        self, wanted: Filter, *, below: int | None = None, above: int = 0, now: datetime | None = None
    ) -> AsyncGenerator[Found, None]:
        """Iterate over the numbers of the events that fit, the newest first, in pieces as they are found.

        A piece may be empty: its `reached` tells how far the search is. So a pane can show the first events
        that fit, and how the search goes on, while a rare one is looked for in a long log.

        Args:
            wanted: the filter.
            below: only smaller numbers, None for all.
            above: only greater numbers.
            now: see the class.

        Raises:
            StoreError: the database cannot be read.
        """
        looking = self._pieces(wanted, above + 1, _before(below), now, page=_PAGE, newest_first=True)
        async with aclosing(looking) as search:
            async for piece in search:
                yield piece

    async def events(self, seqs: Sequence[int]) -> list[Event]:
        """Return the events of the given numbers, in that order, without those that are no longer there.

        Raises:
            StoreError: the database cannot be read.
        """
        numbers = msgspec.json.encode(list(seqs)).decode()
        sql = f"SELECT {COLUMNS} FROM events WHERE seq IN (SELECT value FROM json_each(?))"  # noqa: S608
        found = {row[0]: row for row in await self._store.read(sql, (numbers,))}
        return [event_of(found[seq]) for seq in seqs if seq in found]

    async def count(self, wanted: Filter = _EVERYTHING, *, above: int = 0) -> int:
        """Return how many events fit.

        Args:
            wanted: the filter.
            above: only events with a greater number count.

        Raises:
            StoreError: the database cannot be read.
        """
        if isinstance(wanted, Everything):
            return int((await self._store.read("SELECT count(*) FROM events WHERE seq > ?", (above,)))[0][0])
        plan = plan_of(wanted, await self.names(), datetime.now(UTC))
        if plan.exact:
            return int((await self._store.read(*counting(plan, above)))[0][0])
        looking = self._pieces(wanted, above + 1, None, None, page=_NUMBERS, newest_first=False)
        total = 0
        async with aclosing(looking) as search:
            async for piece in search:
                total += len(piece.seqs)
        return total

    async def seq_at(self, time: datetime) -> int:
        """Return the number of the first event at or after a time; the newest's plus one when there is none.

        The log is taken to be in the order of time, as it is but for moments at which a clock was set back.

        Raises:
            StoreError: the database cannot be read.
        """
        wanted = microseconds(time)
        first, last = await self.bounds()
        low, high = max(first, 1), last + 1
        while low < high:
            middle = (low + high) // 2
            row = await self._store.read(_NEXT_TIME, (middle,))
            if not row or row[0][1] >= wanted:
                high = middle
            else:
                low = row[0][0] + 1
        # Numbers may be missing where the disk took no events.
        row = await self._store.read(_NEXT_TIME, (low,))
        return int(row[0][0]) if row else low

    async def newest(self, wanted: Filter, limit: int, *, now: datetime | None = None) -> list[Event]:
        """Return the newest events that fit, the oldest of them first.

        Raises:
            StoreError: the database cannot be read.
        """
        found = await self._collect(wanted, 1, None, limit, now, newest_first=True)
        return found[::-1]

    async def after(
        self, wanted: Filter, seq: int, limit: int, *, upto: int | None = None, now: datetime | None = None
    ) -> list[Event]:
        """Return the first events that fit and have a greater number than `seq`, in order.

        Args:
            wanted: the filter.
            seq: the number before the first that is looked at.
            limit: most events; fewer mean that there are no more.
            upto: the last number that is looked at, None for the newest.
            now: see the class.

        Raises:
            StoreError: the database cannot be read.
        """
        return await self._collect(wanted, seq + 1, upto, limit, now, newest_first=False)

    async def each(
        self,
        wanted: Filter = _EVERYTHING,
        *,
        now: datetime | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Iterate over the events that fit, the oldest first, in pages, so that memory stays flat.

        Raises:
            StoreError: the database cannot be read.
        """
        looking = self._pieces(wanted, 1, None, now, page=_PAGE, newest_first=False, whole=True)
        async with aclosing(looking) as search:
            async for piece in search:
                for event in piece.events:
                    yield event

    async def family(self, event: Event) -> Family:
        """Return what caused an event and what it caused; see `family.find_family`.

        Raises:
            StoreError: the database cannot be read.
        """
        return await find_family(self._store, event, self.seq_at)

    async def _collect(
        self,
        wanted: Filter,
        first: int,
        last: int | None,
        limit: int,
        now: datetime | None,
        *,
        newest_first: bool,
    ) -> list[Event]:
        found: list[Event] = []
        page = max(_LEAST_PAGE, min(limit, _PAGE))
        looking = self._pieces(wanted, first, last, now, page=page, newest_first=newest_first, whole=True)
        async with aclosing(looking) as search:
            async for piece in search:
                found.extend(piece.events)
                if len(found) >= limit:
                    break
        return found[:limit]

    async def _pieces(
        self,
        wanted: Filter,
        first: int,
        last: int | None,
        now: datetime | None,
        *,
        page: int,
        newest_first: bool,
        whole: bool = False,
    ) -> AsyncGenerator[Found, None]:
        """Look from `first` to `last` in a direction; `last` is None for the newest event."""
        now = now or datetime.now(UTC)
        oldest, newest = await self.bounds()
        # The names after the newest number: an event with a new name that comes between the two is left out.
        plan = plan_of(wanted, await self.names(), now)
        search = Search(
            plan=plan,
            fits=matcher(wanted, now),
            first=max(first, oldest, plan.first),
            last=min(newest if last is None else last, newest, plan.last),
            newest_first=newest_first,
            page=page if plan.exact and not whole else min(page, _PAGE),
            whole=whole,
        )
        async with aclosing(pieces(self._store, search)) as found:
            async for piece in found:
                yield piece


def _before(below: int | None) -> int | None:
    return None if below is None else below - 1
