"""Interrupts a hook that keeps the event loop from doing anything else.

A hook that has proved quick runs on the loop itself, since handing it to a thread would cost a hundred times
what it takes. Should it, or an async hook between two awaits, loop or sleep there after all, a thread that
watches the clock sends SIGURG to the main thread, whose handler raises in the hook's code: in Python code
between two instructions, and in a system call such as sleep by interrupting it. (Go's runtime preempts with
the same signal, as its default action is to do nothing: proposal 24543.)
The handler runs in the thread of the hook, so it cannot hit code after the hook.

A busy machine may keep the whole program waiting for a while, and that is no hook's fault. So a hook is taken
for one that loops when the main thread has worked for it, and for one that sleeps only after a longer time.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from time import perf_counter
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from workbench.app.hooks.run import Run

T = TypeVar("T")

_POLL_SECONDS: Final = 0.05
_WORKED_SECONDS: Final = 0.15
_SLEPT_SECONDS: Final = 0.75
# What is part of the workbench comes to its end: it may work so much longer, on a very long text, say.
_PATIENCE: Final = 10
# With no hook for so long the watching thread sleeps until there is one.
_IDLE_POLLS: Final = 40


class HookBlocked(BaseException):
    """Raised inside of a hook that blocks the loop; no `except Exception` of the hook's takes it."""


class LoopGuard:
    """Watches what hooks do on the event loop's thread.

    Args:
        worked: seconds of processor time for which a hook may hold the loop.
        slept: seconds of any time for which it may.

    Attributes:
        entered: `perf_counter` time at which a hook was entered, 0 while none is at work. The owner writes it
            around each hook; that is all that watching costs. Within an async hook others may be entered: the
            owner puts the first one's time back after them.
        run: the run of hooks that is at work, None for an async hook. What is part of the workbench may hold
            the loop ten times as long.
        parked: the watching thread sleeps; the owner looks at it after it has written `entered`, and calls
            `wake` then.
    """

    def __init__(self, worked: float = _WORKED_SECONDS, slept: float = _SLEPT_SECONDS) -> None:
        self.entered = 0.0
        self.run: Run | None = None
        self.parked = True
        self._worked = worked
        self._slept = slept
        self._seen = (0.0, 0.0)
        """The `entered` that was seen last, and the main thread's processor time when it was first seen."""
        self._late = 0.0
        """The `entered` of the hook that is to be interrupted."""
        self._previous: Any = None
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._closing = False
        self.can_interrupt = threading.current_thread() is threading.main_thread() and sys.platform != "win32"
        """Whether a hook on the loop can be interrupted here; where not, none should run there."""
        if self.can_interrupt:
            self._previous = signal.signal(signal.SIGURG, self._on_signal)

    def wake(self) -> None:
        """Begin to watch."""
        self.parked = False
        if not self.can_interrupt:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="hook-guard", daemon=True)
            self._thread.start()
        self._wanted.set()

    def close(self) -> None:
        """Stop watching and give the signal back."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(1.0)
        if self.can_interrupt and signal.getsignal(signal.SIGURG) == self._on_signal:
            signal.signal(signal.SIGURG, self._previous or signal.SIG_DFL)

    def steps(self, coroutine: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Return an awaitable that runs a coroutine and watches it between its awaits."""
        return _Watched(self, coroutine)

    def _watch(self) -> None:
        idle = 0
        while not self._closing:
            if self.entered:
                idle = 0
                self._interrupt_if_late()
            else:
                idle += 1
            if idle > _IDLE_POLLS:
                idle = 0
                self._park()
            time.sleep(_POLL_SECONDS)

    def _park(self) -> None:
        """Sleep until a hook is entered."""
        self._wanted.clear()
        self.parked = True
        # Here it is `parked` before `entered`, with the owner the other way round: one sees the other.
        if not (self.entered or self._closing):
            self._wanted.wait()
        self.parked = False

    def _interrupt_if_late(self) -> None:
        entered, worked = self.entered, _main_thread_seconds()
        if not entered or entered != self._seen[0]:
            self._seen = (entered, worked)
            return
        run = self.run
        patience = _PATIENCE if run is not None and run.is_trusted_at_work else 1
        loops = worked - self._seen[1] > self._worked * patience
        main = threading.main_thread().ident
        if main is not None and (loops or perf_counter() - entered > self._slept * patience):
            self._late = entered
            signal.pthread_kill(main, signal.SIGURG)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Each hook is entered at a time of its own: another one is at work if they differ.
        if self.entered and self.entered == self._late:
            raise HookBlocked


def _main_thread_seconds() -> float:
    """Return the processor time of the main thread; of the whole program where the system does not tell."""
    main = threading.main_thread().ident
    if main is None or not hasattr(time, "pthread_getcpuclockid"):
        return time.process_time()
    return time.clock_gettime(time.pthread_getcpuclockid(main))


class _Watched(Awaitable[T]):
    """Runs a coroutine as `await` does (PEP 380 has the expansion) and notes when it holds the loop."""

    def __init__(self, guard: LoopGuard, coroutine: Coroutine[Any, Any, T]) -> None:
        self._guard = guard
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        guard, coroutine = self._guard, self._coroutine
        step: Callable[[], Any] = partial(coroutine.send, None)
        while True:
            guard.run = None
            guard.entered = perf_counter()
            if guard.parked:
                guard.wake()
            try:
                waited_for = step()
            except StopIteration as end:
                value: T = end.value
                return value
            except HookBlocked:
                # It may have come when the coroutine had just handed over.
                guard.entered = 0.0
                coroutine.close()
                raise
            finally:
                guard.entered = 0.0
            try:
                answer = yield waited_for
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                step = partial(coroutine.throw, error)
            else:
                step = partial(coroutine.send, answer)
