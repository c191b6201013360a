"""SIGINT, SIGTERM and SIGHUP: the first ends the work and keeps what there is, the next ones hurry."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVar

from workbench.app.errors import EXIT_INTERRUPTED, Interrupted

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A turn that was asked to stop has so long to say goodbye before it is cancelled.
_STOP_SECONDS: Final = 3.0
# After the second signal, the work is cut off after the first of these times; after the other one the
# program is gone.
_CUT_SECONDS: Final = 1.0
_HURRY_SECONDS: Final = 3.0
# Whoever reads the output gets so long to take the last lines after a signal.
_LAST_WORDS_SECONDS: Final = 1.0

Result = TypeVar("Result")


class Interrupts:
    """Turns signals into the end of the work that runs.

    Use it as a context manager inside the running loop. Only work that goes through `guard` is cut off;
    opening and closing run to their end.
    """

    def __init__(self) -> None:
        self._signal: signal.Signals | None = None
        self._count = 0
        self._task: asyncio.Task[Any] | None = None
        self._stop: Callable[[], bool] | None = None
        self._hurry: Callable[[], None] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._came = asyncio.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            # `nohup` and shells that start a program in the background say so by ignoring a signal.
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                loop.add_signal_handler(number, self._take, number)
        return self

    def __exit__(self, *_problem: object) -> None:
        loop = asyncio.get_running_loop()
        for timer in self._timers:
            timer.cancel()
        for number, before in self._before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, before)

    async def guard(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work`, which a signal may cut off.

        Raises:
            Interrupted: a signal came, now or before.
        """
        if self._signal is not None:
            work.close()
            raise self._interrupted(self._signal)
        task: asyncio.Task[Result] = asyncio.ensure_future(work)
        self._task = task
        try:
            return await task
        except asyncio.CancelledError:
            if task.done():
                self.check()
            raise
        finally:
            self._task = None

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the last words of a program; once a signal has come, they must be short.

        Raises:
            Interrupted: they were cut off.
        """
        task, came = asyncio.ensure_future(work), asyncio.ensure_future(self._came.wait())
        try:
            await asyncio.wait({task, came}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=_LAST_WORDS_SECONDS)
            if task.done():
                task.result()
            else:
                self.check()
        finally:
            task.cancel()
            came.cancel()

    @contextlib.contextmanager
    def stopping(self, stop: Callable[[], bool]) -> Iterator[None]:
        """While the block runs, the first signal calls `stop` instead of cutting off the work.

        Args:
            stop: asks the work to end by itself soon; answers False when it cannot be asked.
        """
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def when_hurried(self, hurry: Callable[[], None]) -> None:
        """Call `hurry` at the second signal: it should end whatever is waited for."""
        self._hurry = hurry

    def check(self) -> None:
        """Raise `Interrupted` when a signal has come."""
        if self._signal is not None:
            raise self._interrupted(self._signal)

    def _take(self, number: signal.Signals) -> None:
        self._count += 1
        loop = asyncio.get_running_loop()
        if self._count == 1:
            self._signal = number
            self._came.set()
            if self._stop is not None and self._stop():
                self._timers.append(loop.call_later(_STOP_SECONDS, self._cut_off))
            else:
                self._cut_off()
        elif self._count == 2:
            # What was asked to end, or is cleaning up, can now do so: cutting it off waits a little longer.
            if self._hurry is not None:
                self._hurry()
            self._timers.append(loop.call_later(_CUT_SECONDS, self._cut_off))
            self._timers.append(loop.call_later(_HURRY_SECONDS, os._exit, EXIT_INTERRUPTED))
        else:
            os._exit(EXIT_INTERRUPTED)

    def _cut_off(self) -> None:
        if self._task is not None:
            self._task.cancel()

    @staticmethod
    def _interrupted(number: signal.Signals) -> Interrupted:
        return Interrupted(
            "signal", f"Stopped by {number.name}.", "What had arrived is kept.", signal=number.name
        )
