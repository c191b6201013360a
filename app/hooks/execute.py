"""Runs one hook away from the loop: sync ones in a thread, async ones in a task, each with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from contextvars import ContextVar
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from workbench.app.errors import HookError
from workbench.app.hooks.hook import Hook, HookContext, HookFunction
from workbench.app.hooks.loop_guard import HookBlocked, LoopGuard
from workbench.app.hooks.run import Failure
from workbench.app.hooks.threads import HookThreads, Ran

_GRACE_SECONDS: Final = 0.05
_MOST_TRACEBACK: Final = 4_000

current_threads: ContextVar[HookThreads] = ContextVar("workbench_hook_threads")
"""Where composites run their sync members."""

current_guard: ContextVar[LoopGuard] = ContextVar("workbench_hook_guard")
"""What watches the async members of composites."""


class Executor:
    """Runs hooks, and keeps those tasks that do not end when they are told to.

    Args:
        guard: interrupts async hooks that block the loop.
    """

    def __init__(self, guard: LoopGuard) -> None:
        self._guard = guard
        self._threads = HookThreads()
        self._stubborn: set[asyncio.Task[Ran]] = set()

    @property
    def left_behind(self) -> int:
        """How many threads and tasks are held by hooks that were given up."""
        return self._threads.left_behind + len(self._stubborn)

    async def run(self, hook: Hook, context: HookContext[Any]) -> Ran:
        """Run a hook and return what it answered or raised.

        Raises:
            TimeoutError: it was late.
        """
        if hook.is_async:
            return await self._run_task(hook, context)
        function = hook.function
        return await self._threads.run(lambda: function(context), hook.deadline)

    async def close(self) -> None:
        """End what can be ended."""
        self._threads.close()
        if self._stubborn:
            for task in self._stubborn:
                task.cancel()
            await asyncio.wait(self._stubborn, timeout=_GRACE_SECONDS)

    async def _run_task(self, hook: Hook, context: HookContext[Any]) -> Ran:
        task = asyncio.create_task(self._await(hook.function, context), name=f"hook-{hook.id}")
        try:
            done, _ = await asyncio.wait({task}, timeout=hook.deadline)
        except asyncio.CancelledError:
            with contextlib.suppress(asyncio.CancelledError):
                await self._end(task)
            raise
        if not done:
            await self._end(task)
            raise TimeoutError
        if task.cancelled():
            return Ran(None, RuntimeError("it cancelled itself"), 0.0)
        return task.result()

    async def _await(self, function: HookFunction, context: HookContext[Any]) -> Ran:
        current_threads.set(self._threads)
        current_guard.set(self._guard)
        began = perf_counter()
        try:
            result = await self._guard.steps(_call(function, context))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # Also SystemExit, which would end the event loop.
            return Ran(None, error, perf_counter() - began)
        return Ran(result, None, perf_counter() - began)

    async def _end(self, task: asyncio.Task[Ran]) -> None:
        """Cancel a task; one that does not end within a moment is left to itself."""
        task.cancel()
        self._stubborn.add(task)
        task.add_done_callback(self._stubborn.discard)
        await asyncio.wait({task}, timeout=_GRACE_SECONDS)


async def _call(function: HookFunction, context: HookContext[Any]) -> Any:
    answer: Any = function(context)
    return await answer


def failure_of(error: BaseException, hook: Hook) -> Failure:
    """Return what is told of an exception that a hook raised or caused."""
    where = _place(error, hook.file)
    file, line = where or ("", 0)
    shown = "".join(traceback.format_exception(error))[-_MOST_TRACEBACK:]
    if isinstance(error, HookBlocked):
        text = "it kept the program from doing anything else and was interrupted"
        return Failure("hook.blocked", text, file, line, shown)
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return Failure("hook.exited", "it tried to end the program", file, line, shown)
    if isinstance(error, HookError):
        return Failure(error.code, error.message, file, line, shown)
    words = _words(error)
    text = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return Failure("hook.raised", text[:1_000], file, line, shown)


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        # Somebody else's __str__.
        return ""


def _place(error: BaseException, file: str) -> tuple[str, int] | None:
    """Return file and line of the deepest frame in the hook's file, or of the deepest at all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if file and Path(frame.filename) == Path(file)]
    chosen = (own or frames)[-1:]
    return (chosen[0].filename, chosen[0].lineno or 0) if chosen else None
