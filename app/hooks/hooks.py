"""The hooks of a workbench: registered, run in their order, contained when they fail, and traced."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any, Final, TypeVar

from workbench.app.errors import HookError
from workbench.app.events.bus import EventBus
from workbench.app.hooks.breaker import BreakerLimits, BreakerState
from workbench.app.hooks.entry import Entry, HookStatus
from workbench.app.hooks.execute import Executor, failure_of
from workbench.app.hooks.hook import NOWHERE, Hook, HookContext, Scope
from workbench.app.hooks.loop_guard import LoopGuard
from workbench.app.hooks.point import Point, Wraps
from workbench.app.hooks.points import POINTS
from workbench.app.hooks.preferences import Preferences
from workbench.app.hooks.printing import PrintCapture, Printed
from workbench.app.hooks.recorder import Recorder
from workbench.app.hooks.result_cache import ResultCache
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.run import Answer, Chain, Failure, Outcome, Run
from workbench.app.hooks.settle import Progress, fresh, settle
from workbench.app.hooks.threads import Ran
from workbench.app.hooks.values import Value
from workbench.app.hooks.wrapped import WrappedTime
from workbench.app.tasks import end

V = TypeVar("V", bound=Value)

_BLOCK_SECONDS: Final = 0.1
_CHECK_SECONDS: Final = 0.25
_NOTHING: Final = ("continue", "skipped")


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
        self._guard: LoopGuard | None = None
        self._executor: Executor | None = None
        self._capture = PrintCapture(lambda: self._guard is not None and self._guard.entered > 0)
        self._recorder = Recorder(bus, self._account)
        self.cache = ResultCache()
        """What hooks asked to keep."""
        self._watch: asyncio.Task[None] | None = None
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
        self._begin()
        assert self._guard is not None
        for hook in hooks:
            old = self._entries.get(hook.id)
            self._order += 1
            order = old.order if old is not None else self._order
            seconds = self._wrapped.seconds(POINTS[hook.point].wraps)
            entry = Entry(hook, order, self._limits, seconds, on_loop=self._guard.can_interrupt)
            entry.enabled = hook.id not in self.preferences.disabled
            entry.priority = self.preferences.priorities.get(hook.id, hook.priority)
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

    async def reset(self, hook_id: str) -> HookStatus:
        """Close a hook's breaker.

        Raises:
            HookError: `hook.not_found`.
        """
        entry = self._entry(hook_id)
        previous = entry.breaker.state
        entry.breaker.reset(self._wrapped.seconds(entry.wraps))
        self._rebuild()
        if previous is not BreakerState.CLOSED:
            await self._tell_of_breaker(entry, previous)
        return entry.status(self._wrapped.seconds(entry.wraps))

    # --- running ---------------------------------------------------------------------------------------

    def has(self, point: Point[Any]) -> bool:
        """Tell whether hooks run at a point at present."""
        return point.name in self._chains

    def operation(self, kind: Wraps) -> AbstractContextManager[None]:
        """Return a context manager that counts its block as time that hooks wrap."""
        return self._wrapped.operation(kind)

    async def run(self, point: Point[V], value: V, scope: Scope = NOWHERE, *, start: int = 0) -> Outcome[V]:
        """Run the hooks of a point.

        Args:
            point: the point.
            value: what is about to happen.
            scope: what it belongs to.
            start: the place of the first hook, for the branches of a fork.

        Returns:
            What was decided. Hooks that fail decide nothing, and their traces say so.
        """
        chain = self._chains.get(point.name)
        if chain is None:
            return Outcome(value)
        return await self._run(chain, value, scope, start)

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
        self._begin()
        point = POINTS[hook.point]
        entry = Entry(hook, 0, self._limits, 0.0, on_loop=False)
        context = HookContext(point.name, value, scope)
        run = Run(Chain(point, (entry,), point.mutable), context, 0)
        self._settle(Progress(run, context), 0, await self._run_away(run, entry, context))
        return run.answers[0]

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
        if self._watch is not None:
            await end(self._watch)
        self._chains.clear()
        self.on_change()
        await self._recorder.close()
        if self._executor is not None:
            await self._executor.close()
        if self._guard is not None:
            self._guard.close()
        self._capture.close()

    async def _run(self, chain: Chain, value: Any, scope: Scope, start: int) -> Outcome[Any]:
        context = HookContext(chain.point.name, value, scope)
        run = Run(chain, context, start)
        progress: Progress | None = None
        entries, printed = chain.entries, self._capture.inline
        place = start
        while place < len(entries):
            entry = entries[place]
            if entry.quick:
                place, ran = self._run_quick(run, place, context)
            else:
                ran = await self._run_away(run, entry, context)
                place += 1
            if ran.result is None and ran.error is None and not printed.text:
                continue
            if progress is None:
                progress = Progress(run, context)
            await self._take(progress, place - 1, ran)
            context = progress.context
            if progress.decision is not None:
                break
        self._recorder.add(run)
        return Outcome(value) if progress is None else progress.outcome(place)

    def _run_quick(self, run: Run, place: int, context: HookContext[Any]) -> tuple[int, Ran]:
        """Run hooks on the loop until one answers or fails, or one must not run here.

        Returns:
            The place after the last that ran, and what that one answered or raised.
        """
        guard, mark, entries = self._guard, run.marks.append, run.chain.entries
        assert guard is not None
        if guard.parked:
            guard.wake()
        copied, printed = run.chain.copies, self._capture.inline
        answer: Any = None
        error: BaseException | None = None
        guard.entered = now = perf_counter()
        try:
            for entry in entries[place:] if place else entries:
                if not entry.quick:
                    break
                place += 1
                answer = entry.call(fresh(context) if copied else context)
                guard.entered = now = perf_counter()
                mark(now)
                if answer is not None or printed.text:
                    break
        except BaseException as raised:
            # Also SystemExit and what the guard raises: the hook ends, the program goes on.
            error = raised
            mark(perf_counter())
        finally:
            guard.entered = 0.0
        return place, Ran(answer, error, 0.0)

    async def _run_away(self, run: Run, entry: Entry, context: HookContext[Any]) -> Ran:
        """Run a hook in a thread or a task."""
        assert self._executor is not None
        mine = fresh(context) if run.chain.copies else context
        with Printed() as printed:
            try:
                ran = await self._executor.run(entry.hook, mine)
            except TimeoutError as error:
                ran = Ran(None, error, 0.0)
            else:
                if ran.error is None:
                    entry.prove(ran.seconds)
        run.marks.append(perf_counter())
        if printed.text:
            self._capture.inline.text += printed.text
        return ran

    async def _take(self, progress: Progress, place: int, ran: Ran) -> None:
        """Let what a hook answered or raised have its effect."""
        entry = progress.run.chain.entries[place]
        failure = self._settle(progress, place, ran)
        if failure is None:
            return
        weight = self._limits.failures if failure.code in ("hook.timeout", "hook.blocked") else 1
        entry.failures += 1
        entry.last_error = f"{failure.code}: {failure.message}"
        if entry.breaker.state is BreakerState.OPEN:
            return
        previous = entry.breaker.state
        wrapped = self._wrapped.seconds(entry.wraps)
        if entry.breaker.fail(perf_counter(), wrapped, failure.message, weight=weight):
            self._rebuild()
            await self._tell_of_breaker(entry, previous)

    def _settle(self, progress: Progress, place: int, ran: Ran) -> Failure | None:
        """Let what a hook answered change the run, note it, and return what is wrong with it."""
        entry = progress.run.chain.entries[place]
        failure: Failure | None
        if isinstance(ran.error, TimeoutError) and ran.seconds == 0.0 and not entry.quick:
            text = f"it did not answer within {(entry.hook.deadline or 0) * 1000:,.0f} ms"
            failure = Failure("hook.timeout", text, entry.hook.file)
        elif ran.error is not None:
            failure = failure_of(ran.error, entry.hook)
        else:
            failure = settle(progress, entry, ran.result)
        progress.note(place, ran.result, failure, self._capture.inline.take())
        return failure

    # --- keeping up -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Start what running hooks needs, before the first is added."""
        if self._guard is None:
            self._guard = LoopGuard(_BLOCK_SECONDS)
            self._executor = Executor(self._guard)
            self._capture.open()
            self._recorder.begin()

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

    async def _account(self, runs: Sequence[Run]) -> None:
        """Note the times of runs and judge the hooks that ran; called a moment after them."""
        ran: set[Entry] = set()
        failed: set[Entry] = set()
        for run in runs:
            entries = run.chain.entries
            before = run.began
            for place, ended in enumerate(run.marks, run.start):
                entry = entries[place]
                entry.ran(ended - before)
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
        # A hook that waits for a person has no deadline, and its time is the person's.
        if entry.hook.deadline is not None and breaker.judge(perf_counter(), wrapped):
            self._rebuild()
            await self._tell_of_breaker(entry, previous)
        elif good and breaker.succeed():
            await self._tell_of_breaker(entry, previous)

    async def _watch_breakers(self) -> None:
        """Let hooks whose breaker is open have another try when it is time; ends when none is open."""
        while any(entry.breaker.state is BreakerState.OPEN for entry in self._entries.values()):
            await asyncio.sleep(_CHECK_SECONDS)
            now = perf_counter()
            for entry in tuple(self._entries.values()):
                wrapped = self._wrapped.seconds(entry.wraps)
                if entry.breaker.is_due(now, wrapped):
                    entry.breaker.probe(wrapped)
                    self._rebuild()
                    await self._tell_of_breaker(entry, BreakerState.OPEN)

    async def _tell_of_breaker(self, entry: Entry, previous: BreakerState) -> None:
        state = entry.breaker.state
        if state is BreakerState.OPEN and (self._watch is None or self._watch.done()):
            self._watch = asyncio.create_task(self._watch_breakers(), name="hook-breakers")
        facts = {
            "hook": entry.hook.id,
            "point": entry.hook.point,
            "state": str(state),
            "previous": str(previous),
            "reason": entry.breaker.reason,
        }
        await self._bus.emit("core:hook:breaker_changed", facts, source="hooks")

    async def _tell(self, what: str, entry: Entry) -> None:
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
