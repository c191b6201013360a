"""Keeps the breakers: sums what hooks cost, takes bad ones out of the path, and lets them try again."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Final

from workbench.app.events.bus import EventBus
from workbench.app.hooks.breaker import BreakerState
from workbench.app.hooks.entry import Entry
from workbench.app.hooks.run import Failure, Run
from workbench.app.hooks.wrapped import WrappedTime
from workbench.app.tasks import end

_CHECK_SECONDS: Final = 0.25
_NOTHING: Final = ("continue", "skipped")
# These cost the most, so one is enough.
_HEAVY: Final = ("hook.timeout", "hook.blocked")


class BreakerKeeper:
    """Judges hooks by what they do.

    Args:
        bus: where it is told when a breaker opens or closes.
        wrapped: the time of what hooks wrap.
        entries: returns all registered hooks.
        on_change: called when a hook went in or out of the path.
    """

    def __init__(
        self,
        bus: EventBus,
        wrapped: WrappedTime,
        entries: Callable[[], Iterable[Entry]],
        on_change: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._wrapped = wrapped
        self._entries = entries
        self._on_change = on_change
        self._watch: asyncio.Task[None] | None = None
        self._closed = False

    async def failed(self, entry: Entry, failure: Failure) -> None:
        """Take note of a run that went wrong."""
        breaker, previous = entry.breaker, entry.breaker.state
        if previous is BreakerState.OPEN:
            return
        wrapped = self._wrapped.seconds(entry.wraps)
        if breaker.fail(perf_counter(), wrapped, failure.message, at_once=failure.code in _HEAVY):
            self._on_change()
            await self._tell(entry, previous)

    async def reset(self, entry: Entry) -> None:
        """Close a breaker because a person says so."""
        previous = entry.breaker.state
        entry.breaker.reset(self._wrapped.seconds(entry.wraps))
        self._on_change()
        if previous is not BreakerState.CLOSED:
            await self._tell(entry, previous)

    async def close(self) -> None:
        """Let no breaker close by itself any more."""
        self._closed = True
        if self._watch is not None:
            await end(self._watch)

    async def account(self, runs: Sequence[Run]) -> None:
        """Note the times of runs and judge the hooks that ran; called a moment after them."""
        ran: set[Entry] = set()
        failed: set[Entry] = set()
        for run in runs:
            entries = run.chain.entries
            before = run.began
            for place, ended in enumerate(run.marks, run.start):
                entry = entries[place]
                entry.ran(run.away.get(place, ended - before))
                ran.add(entry)
                before = ended
            for place, answer in run.answers.items():
                if answer.failure is not None:
                    failed.add(entries[place])
                elif answer.kind not in _NOTHING:
                    entries[place].changes += 1
        for entry in ran:
            await self._judge(entry, good=entry not in failed)

    async def _judge(self, entry: Entry, *, good: bool) -> None:
        breaker, previous = entry.breaker, entry.breaker.state
        wrapped = self._wrapped.seconds(entry.wraps)
        # A hook that waits for a person has no deadline, and its time is the person's. The workbench's own
        # go on however much comes: nobody gets the masking of secrets out of the way by many events.
        measured = entry.hook.deadline is not None and not entry.trusted
        if measured and breaker.judge(perf_counter(), wrapped):
            self._on_change()
            await self._tell(entry, previous)
        elif good and breaker.succeed():
            await self._tell(entry, previous)

    async def _watch_breakers(self) -> None:
        """Let hooks whose breaker is open have another try when it is time; ends when none is open."""
        while any(entry.breaker.state is BreakerState.OPEN for entry in self._entries()):
            await asyncio.sleep(_CHECK_SECONDS)
            now = perf_counter()
            for entry in tuple(self._entries()):
                wrapped = self._wrapped.seconds(entry.wraps)
                if entry.breaker.is_due(now, wrapped):
                    entry.breaker.probe(wrapped)
                    self._on_change()
                    await self._tell(entry, BreakerState.OPEN)

    async def _tell(self, entry: Entry, previous: BreakerState) -> None:
        state = entry.breaker.state
        watched = self._watch is not None and not self._watch.done()
        if state is BreakerState.OPEN and not watched and not self._closed:
            # In a context of its own: what holds for the point that is passed does not hold for the watch.
            self._watch = asyncio.create_task(
                self._watch_breakers(), name="hook-breakers", context=contextvars.Context()
            )
        facts = {
            "hook": entry.hook.id,
            "point": entry.hook.point,
            "state": str(state),
            "previous": str(previous),
            "reason": entry.breaker.reason,
        }
        await self._bus.emit("core:hook:breaker_changed", facts, source="hooks")
