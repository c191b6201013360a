"""Runs the hooks of one point, one after the other: quick ones on the loop, the others away from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from workbench.app.hooks.entry import Entry
from workbench.app.hooks.execute import Executor, failure_of
from workbench.app.hooks.hook import HookContext, Scope
from workbench.app.hooks.loop_guard import LoopGuard
from workbench.app.hooks.printing import PrintCapture, Printed
from workbench.app.hooks.run import Answer, Chain, Failure, Outcome, Run
from workbench.app.hooks.settle import Progress, fresh, settle
from workbench.app.hooks.threads import Ran


class Pipeline:
    """Runs chains of hooks and contains what they do; holds a signal and the standard streams until `close`.

    Args:
        on_run: gets the record of each run.
        on_failure: gets each hook that failed, and how.
    """

    def __init__(
        self, on_run: Callable[[Run], None], on_failure: Callable[[Entry, Failure], Awaitable[None]]
    ) -> None:
        self._on_run = on_run
        self._on_failure = on_failure
        self._guard = LoopGuard()
        self._executor = Executor(self._guard)
        self._capture = PrintCapture(lambda: self._guard.entered > 0)
        self._capture.open()

    @property
    def can_interrupt(self) -> bool:
        """Whether a hook on the loop could be interrupted, so that quick ones may run there."""
        return self._guard.can_interrupt

    async def close(self) -> None:
        """End the hooks that still run; give the signal and the streams back."""
        await self._executor.close()
        self._guard.close()
        self._capture.close()

    async def try_one(self, entry: Entry, chain: Chain, context: HookContext[Any]) -> Answer:
        """Run one hook away from the loop for its answer alone: nothing is told of it."""
        run = Run(chain, context, 0)
        self._settle(Progress(run, context), 0, await self._run_away(run, entry, context))
        return run.answers[0]

    async def run(self, chain: Chain, value: Any, scope: Scope, start: int) -> Outcome[Any]:
        """Run the hooks of a chain from a place on; see `Hooks.run`."""
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
        self._on_run(run)
        return Outcome(value) if progress is None else progress.outcome(place)

    def _run_quick(self, run: Run, place: int, context: HookContext[Any]) -> tuple[int, Ran]:
        """Run hooks on the loop until one answers or fails, or one must not run here.

        Returns:
            The place after the last that ran, and what that one answered or raised.
        """
        guard, mark, entries = self._guard, run.marks.append, run.chain.entries
        copied, printed, hot = run.chain.copies, self._capture.inline, run.chain.point.hot
        answer: Any = None
        error: BaseException | None = None
        # Not 0 within an async hook that publishes an event, say.
        outer = guard.entered
        guard.run = run
        guard.entered = now = perf_counter()
        if guard.parked:
            guard.wake()
        try:
            for entry in entries[place:] if place else entries:
                if not entry.quick:
                    break
                place += 1
                answer = entry.call(fresh(context) if copied and not (hot and entry.trusted) else context)
                guard.entered = now = perf_counter()
                mark(now)
                if answer is not None or printed.text:
                    break
        except BaseException as raised:
            # Also SystemExit and what the guard raises: the hook ends, the program goes on. First of all the
            # guard must know: what it raises must not come in here.
            guard.entered = outer
            error = raised
            mark(perf_counter())
        guard.entered, guard.run = outer, None
        return place, Ran(answer, error, 0.0)

    async def _run_away(self, run: Run, entry: Entry, context: HookContext[Any]) -> Ran:
        """Run a hook in a thread or a task."""
        mine = fresh(context) if run.chain.copies else context
        with Printed() as printed:
            try:
                ran = await self._executor.run(entry.hook, mine)
            except TimeoutError as error:
                ran = Ran(None, error, 0.0)
            else:
                run.took_away(ran.seconds)
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
        entry.failures += 1
        entry.last_error = f"{failure.code}: {failure.message}"
        await self._on_failure(entry, failure)

    def _settle(self, progress: Progress, place: int, ran: Ran) -> Failure | None:
        """Let what a hook answered change the run, note it, and return what is wrong with it."""
        entry = progress.run.chain.entries[place]
        failure: Failure | None
        if isinstance(ran.error, TimeoutError) and ran.seconds == 0.0 and not entry.quick:
            late = f"it did not answer within {(entry.hook.deadline or 0) * 1000:,.0f} ms"
            # Or it was not begun, and the error says why.
            text = str(ran.error) or late
            failure = Failure("hook.timeout", text, entry.hook.file)
        elif ran.error is not None:
            failure = failure_of(ran.error, entry.hook)
        else:
            failure = settle(progress, entry, ran.result)
        progress.note(place, ran.result, failure, self._capture.inline.take())
        return failure
