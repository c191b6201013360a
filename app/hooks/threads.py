"""Threads for sync hooks that are not known to be quick: a hook that never returns costs one thread.

The standard library's pool waits for its threads when the program ends and has no way to give one up, so
these are our own: daemon threads, of which one whose hook is late is left behind and replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import ctypes
import threading
from collections.abc import Callable
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Final, NamedTuple

MOST_LEFT_BEHIND: Final = 16
"""Threads whose hooks never returned; with so many of them, hooks that need a thread fail at once."""
_MOST_IDLE: Final = 4
_AGAIN_SECONDS: Final = 1.0


class HookAbandoned(BaseException):
    """Raised inside of a thread whose hook is late, so that a loop in Python code ends."""


class Ran(NamedTuple):
    """What a call answered or raised, and the seconds that it took where it ran."""

    result: Any
    error: BaseException | None
    seconds: float


class _Job(NamedTuple):
    call: Callable[[], Any]
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Ran]


class HookThreads:
    """Runs calls in daemon threads, each with a deadline."""

    def __init__(self) -> None:
        self._idle: list[_HookThread] = []
        self._left_behind: set[_HookThread] = set()

    @property
    def left_behind(self) -> int:
        """How many threads are still held by hooks that were given up."""
        self._left_behind = {thread for thread in self._left_behind if thread.is_alive()}
        return len(self._left_behind)

    async def run(self, call: Callable[[], Any], deadline: float | None) -> Ran:
        """Run a call in a thread.

        Args:
            call: what to run.
            deadline: seconds after which it is given up; None waits.

        Raises:
            TimeoutError: it was late, or there are too many that were.
        """
        if len(self._left_behind) >= MOST_LEFT_BEHIND and self.left_behind >= MOST_LEFT_BEHIND:
            raise TimeoutError("too many hooks never returned")
        thread = self._idle.pop() if self._idle else _HookThread()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Ran] = loop.create_future()
        thread.jobs.put(_Job(call, contextvars.copy_context(), loop, done))
        try:
            async with asyncio.timeout(deadline):
                # Shielded: the thread answers to this future whatever becomes of the waiter.
                ran = await asyncio.shield(done)
        except BaseException:
            if done.done():
                self._keep(thread)
            else:
                self._leave(thread)
            raise
        self._keep(thread)
        return ran

    def close(self) -> None:
        """End the threads that are idle; those that were left behind end with the program."""
        for thread in self._idle:
            thread.jobs.put(None)
        self._idle.clear()

    def _keep(self, thread: _HookThread) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(thread)
        else:
            thread.jobs.put(None)

    def _leave(self, thread: _HookThread) -> None:
        """Give a thread up: it gets an exception as soon as it runs Python code, and ends."""
        self._left_behind.add(thread)
        thread.jobs.put(None)
        thread.interrupt()
        # Once more, in case it came where exceptions are swallowed, as while garbage is collected.
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, thread.interrupt)


class _HookThread(threading.Thread):
    """Takes jobs from its queue until it gets None."""

    def __init__(self) -> None:
        super().__init__(name="hook", daemon=True)
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._busy = False
        # An exception that came after the hook would hit whatever the thread does then.
        self._lock = threading.Lock()
        self.start()

    def run(self) -> None:
        with contextlib.suppress(HookAbandoned):
            while (job := self.jobs.get()) is not None:
                self._set_busy(True)
                ran = _run(job)
                self._set_busy(False)
                # The loop may be closed by now: nobody waits then.
                with contextlib.suppress(RuntimeError):
                    job.loop.call_soon_threadsafe(_settle, job.done, ran)

    def interrupt(self) -> None:
        """Raise `HookAbandoned` in the hook that runs in this thread."""
        with self._lock:
            if self._busy and self.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self.ident), ctypes.py_object(HookAbandoned)
                )

    def _set_busy(self, busy: bool) -> None:
        with self._lock:
            self._busy = busy


def _run(job: _Job) -> Ran:
    began = perf_counter()
    try:
        result = job.context.run(job.call)
    except BaseException as error:
        # Also SystemExit: it ends the hook, not the thread or the program.
        return Ran(None, error, perf_counter() - began)
    return Ran(result, None, perf_counter() - began)


def _settle(done: asyncio.Future[Ran], ran: Ran) -> None:
    if not done.done():
        done.set_result(ran)
