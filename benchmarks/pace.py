"""Does something so many times a second, and lets the one who measures begin it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

_TICK_SECONDS = 0.005
# Whoever cannot keep up makes up for so much at once, and what is behind that never comes.
_MOST_BEHIND_SECONDS = 0.1
_LOOK_SECONDS = 0.02


class Pace(msgspec.Struct, frozen=True):
    """How it went: how often it was done, in how many seconds, and of the processor how many of these.

    `cpu` is of all threads of the process, `loop_cpu` of the one that the loop has.
    """

    count: int
    seconds: float
    cpu: float
    loop_cpu: float


class Signals(NamedTuple):
    """Files by which a program and the one who measures it tell each other how far they are."""

    folder: Path

    @property
    def ready(self) -> Path:
        """There once the program waits."""
        return self.folder / "ready"

    @property
    def go(self) -> Path:
        """There once the program may begin."""
        return self.folder / "go"

    @property
    def result(self) -> Path:
        """There once the program has done its work."""
        return self.folder / "result"

    async def wait(self) -> None:
        """Say that the program is ready, and wait until it may begin."""
        self.ready.touch()
        while not self.go.exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(_LOOK_SECONDS)

    def tell(self, result: msgspec.Struct) -> None:
        """Say what came out."""
        begun = self.folder / "result.part"
        begun.write_bytes(msgspec.json.encode(result))
        begun.replace(self.result)


async def at_pace(rate: int, seconds: float, do: Callable[[range], Awaitable[None]]) -> Pace:
    """Do something `rate` times a second, evenly.

    Args:
        rate: times a second.
        seconds: for so long.
        do: gets the numbers, from 0, of those that are due.
    """
    cpu, loop_cpu = time.process_time(), time.thread_time()
    began = time.perf_counter()
    count, skipped, most = 0, 0, max(1, int(rate * _MOST_BEHIND_SECONDS))
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed * rate) - count - skipped
        if due > most:
            skipped += due - most
            due = most
        await do(range(count, count + due))
        count += due
        await asyncio.sleep(_TICK_SECONDS)
    took = time.perf_counter() - began
    return Pace(count, took, time.process_time() - cpu, time.thread_time() - loop_cpu)
