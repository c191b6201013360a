"""How long an asyncio loop is busy, and with which picture of a Textual app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from textual.app import App

from workbench.benchmarks.event_samples import MARKER


class Picture(NamedTuple):
    """Something that was written to the terminal: when, and how long the loop had been busy until then.

    `work` is seconds by the clock, `cpu` seconds of the processor; both only grow. `size` is in characters.
    `markers` are the events in it; see `event_samples.marker`.
    """

    at: float
    work: float
    cpu: float
    size: int
    markers: frozenset[int]


class LoopWork:
    """Times every step of the loop of this process, and notes what an app writes, until `close`.

    A step is timed with everything that it calls, so that the app's own part cannot be more.
    """

    def __init__(self, app: App[int]) -> None:
        self.pictures: list[Picture] = []
        self.came = asyncio.Event()
        self._spent = 0.0
        self._began: float | None = None
        self._run = asyncio.Handle._run
        asyncio.Handle._run = self._timed(self._run)  # type: ignore[method-assign,assignment]
        self._driver = app._driver
        if self._driver is None:
            raise RuntimeError("the app does not run")
        self._write = self._driver.write
        self._driver.write = self._noted  # type: ignore[method-assign]

    def close(self) -> None:
        """Leave the loop and the app as they were."""
        asyncio.Handle._run = self._run  # type: ignore[method-assign]
        if self._driver is not None:
            self._driver.write = self._write  # type: ignore[method-assign]

    @property
    def work(self) -> float:
        """Seconds that the loop has been busy so far."""
        return self._spent + (time.perf_counter() - self._began if self._began is not None else 0.0)

    def _timed(self, run: Callable[[asyncio.Handle], None]) -> Callable[[asyncio.Handle], None]:
        def timed(handle: asyncio.Handle) -> None:
            self._began = began = time.perf_counter()
            try:
                run(handle)
            finally:
                self._spent += time.perf_counter() - began
                self._began = None

        return timed

    def _noted(self, data: str) -> None:
        self._write(data)
        markers = frozenset(int(found) for found in MARKER.findall(data.encode()))
        self.pictures.append(Picture(time.perf_counter(), self.work, time.thread_time(), len(data), markers))
        self.came.set()
