"""The hooks of a workbench: registered, run in their order, contained when they fail, and traced."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from workbench.app.errors import HookError
from workbench.app.events.bus import EventBus
from workbench.app.hooks.breaker import BreakerLimits
from workbench.app.hooks.breaker_keeper import BreakerKeeper
from workbench.app.hooks.entry import Entry, HookStatus
from workbench.app.hooks.hook import NOWHERE, Hook, HookContext, Scope
from workbench.app.hooks.pipeline import Pipeline
from workbench.app.hooks.point import Point, Wraps
from workbench.app.hooks.points import POINTS, find_point
from workbench.app.hooks.preferences import Preferences
from workbench.app.hooks.recorder import Recorder
from workbench.app.hooks.result_cache import ResultCache
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.run import Answer, Chain, Outcome
from workbench.app.hooks.values import Value
from workbench.app.hooks.wrapped import WrappedTime

V = TypeVar("V", bound=Value)


class Hooks:
    """Holds the registered hooks and runs them where their points are passed.

    All methods belong to the event loop's thread. Nothing is started before the first hook is added, so an
    instance without hooks needs no `close`.

    Args:
        bus: where traces and changes are told.
        limits: when breakers open.
    """

    def __init__(self, bus: EventBus, limits: BreakerLimits | None = None) -> None:
        self._bus = bus
        self._limits = limits or BreakerLimits()
        self._entries: dict[str, Entry] = {}
        self._chains: dict[str, Chain] = {}
        self._order = 0
        self._wrapped = WrappedTime()
        self._keeper = BreakerKeeper(bus, self._wrapped, self._entries.values, self._rebuild)
        self._recorder = Recorder(bus, self._keeper.account)
        self._started: Pipeline | None = None
        self.cache = ResultCache()
        """What hooks asked to keep."""
        self.preferences = Preferences()
        """What holds for hooks that are added from now on."""
        self.on_change: Callable[[], None] = _nothing
        """Called when hooks were added, removed, or went in or out of their chains."""

    # --- what is registered ---------------------------------------------------------------------------

    async def add(self, hooks: Iterable[Hook]) -> None:
        """Register hooks as the preferences say; one with the id of another takes its place.

        Raises:
            HookError: `hook.unknown_point`.
        """
        on_loop = self._pipeline.can_interrupt
        for hook in hooks:
            old = self._entries.get(hook.id)
            self._order += 1
            order = old.order if old is not None else self._order
            seconds = self._wrapped.seconds(find_point(hook.point).wraps)
            entry = Entry(hook, order, self._limits, seconds, on_loop=on_loop)
            entry.follow(self.preferences)
            self._entries[hook.id] = entry
            await self._tell("registered", entry)
        self._rebuild()

    async def remove(self, hook_ids: Iterable[str]) -> None:
        """Take hooks away; unknown ids are ignored."""
        for hook_id in list(hook_ids):
            entry = self._entries.pop(hook_id, None)
            if entry is not None:
                await self._tell("removed", entry)
        self._rebuild()

    def get(self, hook_id: str) -> Hook:
        """Return a registered hook.

        Raises:
            HookError: `hook.not_found`.
        """
        return self._entry(hook_id).hook

    def holds(self, hook: Hook) -> bool:
        """Tell whether this very hook is registered, and no other by its id."""
        entry = self._entries.get(hook.id)
        return entry is not None and entry.hook is hook

    def statuses(self) -> list[HookStatus]:
        """Return every registered hook with its state and figures, by point and then in running order."""
        places = {name: place for place, name in enumerate(POINTS)}
        entries = sorted(self._entries.values(), key=lambda entry: (places[entry.hook.point], *_key(entry)))
        return [entry.status(self._wrapped.seconds(entry.wraps)) for entry in entries]

    async def change(
        self, hook_id: str, *, enabled: bool | None = None, priority: int | None = None
    ) -> HookStatus:
        """Switch a hook on or off, or move it; what is left out stays.

        Raises:
            HookError: `hook.not_found`.
        """
        entry = self._entry(hook_id)
        if enabled is not None:
            entry.enabled = enabled
        if priority is not None:
            entry.priority = priority
        self._rebuild()
        await self._tell("changed", entry)
        return entry.status(self._wrapped.seconds(entry.wraps))

    async def prefer(self, preferences: Preferences) -> None:
        """Take other preferences, for the hooks that are registered and for those that come."""
        self.preferences = preferences
        # Others may come and go while it is told.
        for entry in list(self._entries.values()):
            before = entry.enabled, entry.priority
            entry.follow(preferences)
            if before != (entry.enabled, entry.priority):
                await self._tell("changed", entry)
        self._rebuild()

    async def reset(self, hook_id: str) -> HookStatus:
        """Close a hook's breaker.

        Raises:
            HookError: `hook.not_found`.
        """
        entry = self._entry(hook_id)
        await self._keeper.reset(entry)
        return entry.status(self._wrapped.seconds(entry.wraps))

    # --- running ---------------------------------------------------------------------------------------

    def has(self, point: Point[Any]) -> bool:
        """Tell whether hooks run at a point at present."""
        return point.name in self._chains

    def all_trusted(self, point: Point[Any]) -> bool:
        """Tell whether all hooks that run at a point are part of the workbench."""
        chain = self._chains.get(point.name)
        return chain is None or chain.trusted is chain

    def operation(self, kind: Wraps) -> AbstractContextManager[None]:
        """Return a context manager that counts its block as time that hooks wrap."""
        return self._wrapped.operation(kind)

    async def run(
        self, point: Point[V], value: V, scope: Scope = NOWHERE, *, start: int = 0, trusted: bool = False
    ) -> Outcome[V]:
        """Run the hooks of a point.

        Args:
            point: the point.
            value: what is about to happen.
            scope: what it belongs to.
            start: the place of the first hook, for the branches of a fork.
            trusted: run only those that are part of the workbench.

        Returns:
            What was decided. Hooks that fail decide nothing, and their traces say so.
        """
        chain = self._chains.get(point.name)
        if chain is None:
            return Outcome(value)
        if trusted:
            chain = chain.trusted
        return await self._pipeline.run(chain, value, scope, start)

    async def apply(self, point: Point[V], value: V, scope: Scope = NOWHERE) -> V:
        """Run the hooks of a point where the value may change or the matter be cancelled.

        Returns:
            The value to go on with.

        Raises:
            HookError: `hook.cancelled`.
        """
        if point.name not in self._chains:
            return value
        outcome = await self.run(point, value, scope)
        if isinstance(outcome.decision, Cancel):
            raise cancelled(outcome)
        return outcome.value

    async def try_hook(self, hook: Hook, value: Value, scope: Scope = NOWHERE) -> Answer:
        """Run one hook, registered or not, for its answer alone.

        It is contained as in its chain, always in a thread or task. Its answer has no effect: nothing is
        counted, no breaker opens, and there is no trace.

        Args:
            hook: the hook.
            value: what it gets, in the type of its point.
            scope: what that belongs to.
        """
        point = POINTS[hook.point]
        entry = Entry(hook, 0, self._limits, 0.0, on_loop=False)
        chain = Chain(point, (entry,), point.mutable)
        return await self._pipeline.try_one(entry, chain, HookContext(point.name, value, scope))

    async def tell_of_retry(self, point: str, attempt: int, wait: float, code: str, scope: Scope) -> None:
        """Say that something that failed is tried again.

        Args:
            point: the point before it.
            attempt: which try failed, from 1.
            wait: seconds until the next.
            code: the error's code.
            scope: what it belongs to.
        """
        facts = {"point": point, "attempt": attempt, "wait_ms": round(wait * 1000, 1), "code": code}
        await self._bus.emit(
            "core:hook:retried",
            facts,
            source="hooks",
            session_id=scope.session_id,
            correlation_id=scope.correlation_id,
            parent_id=scope.parent_id,
        )

    async def flush(self) -> None:
        """Write the traces that wait."""
        await self._recorder.flush()

    async def close(self) -> None:
        """Write the traces that wait, end the hooks that still run, give signals and streams back."""
        await self._keeper.close()
        self._chains.clear()
        self.on_change()
        await self._recorder.close()
        if self._started is not None:
            await self._started.close()

    @property
    def _pipeline(self) -> Pipeline:
        """What runs hooks; it is started with the first of them."""
        if self._started is None:
            self._started = Pipeline(self._recorder.add, self._keeper.failed)
            self._recorder.begin()
        return self._started

    def _entry(self, hook_id: str) -> Entry:
        entry = self._entries.get(hook_id)
        if entry is None:
            near = difflib.get_close_matches(hook_id, self._entries, 1)
            hint = f"Did you mean {near[0]}?" if near else "`workbench hooks list` shows them."
            raise HookError("not_found", f"There is no hook called {hook_id!r}.", hint, hook=hook_id)
        return entry

    def _rebuild(self) -> None:
        active: dict[str, list[Entry]] = {}
        for entry in sorted(self._entries.values(), key=_key):
            if entry.is_active:
                active.setdefault(entry.hook.point, []).append(entry)
        self._chains = {
            name: Chain(POINTS[name], tuple(entries), POINTS[name].mutable)
            for name, entries in active.items()
        }
        self.on_change()

    async def _tell(self, what: str, entry: Entry) -> None:
        if entry.hook.trusted and what != "changed":
            # What belongs to the program comes and goes with it.
            return
        facts = {
            "hook": entry.hook.id,
            "point": entry.hook.point,
            "plugin": entry.hook.plugin,
            "version": entry.hook.version,
            "priority": entry.priority,
            "enabled": entry.enabled,
        }
        await self._bus.emit(f"core:hook:{what}", facts, source="hooks")


def cancelled(outcome: Outcome[Any]) -> HookError:
    """Return the error that tells of a `Cancel`."""
    assert isinstance(outcome.decision, Cancel)
    hint = f"The hook {outcome.hook} decided so; `hooks disable {outcome.hook}` switches it off."
    return HookError("cancelled", outcome.decision.reason or "A hook cancelled it.", hint, hook=outcome.hook)


def _key(entry: Entry) -> tuple[int, int]:
    return entry.priority, entry.order


def _nothing() -> None:
    """Do nothing."""
