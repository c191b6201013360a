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

import psutil

MOST_LEFT_BEHIND: Final = 16
"""Threads whose hooks never returned; with so many of them, hooks that need a thread fail at once."""
_MOST_IDLE: Final = 4
_LOOK_SECONDS: Final = 0.2
_LOOKS: Final = 10
# Of processor time between two looks; the system counts in hundredths of a second.
_WORKS_SECONDS: Final = 0.05


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
        """Give a thread up; one that works on in vain is interrupted soon."""
        self._left_behind.add(thread)
        thread.jobs.put(None)
        loop = asyncio.get_running_loop()
        loop.call_later(_LOOK_SECONDS, self._look, thread, thread.processor_seconds(), _LOOKS, loop)

    def _look(self, thread: _HookThread, before: float, looks: int, loop: asyncio.AbstractEventLoop) -> None:
        """Interrupt a thread that has worked since the last look, and look again, some times.

        One that waits in a system call is left alone: the exception would wait with it, and for as long
        CPython 3.11 looks at every call of every thread whether there is something to handle; while a
        debugger or a coverage tool traces the program it does nothing else then.
        """
        now = thread.processor_seconds()
        if now - before >= _WORKS_SECONDS:
            thread.interrupt()
        if looks > 1 and thread.is_alive():
            loop.call_later(_LOOK_SECONDS, self._look, thread, now, looks - 1, loop)


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

    def processor_seconds(self) -> float:
        """Return the processor time of this thread so far, 0 when it has ended."""
        with contextlib.suppress(psutil.Error):
            for known in psutil.Process().threads():
                if known.id == self.native_id:
                    return float(known.user_time + known.system_time)
        return 0.0

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
