"""What the tests of workers share: the programs, patience, and ways to watch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

from workbench.app.events.event import Event
from workbench.app.events.subscription import Subscription
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec
from workbench.app.workers.worker import Worker

PROGRAMS: Final = Path(__file__).parents[1] / "programs"
PATIENCE_S: Final = 30.0


class MakeSpec(Protocol):
    """Describes a tricks worker; `argv` replaces the program."""

    def __call__(self, argv: tuple[str, ...] | None = None, **env: str) -> WorkerSpec: ...


class MakeWorker(Protocol):
    """Makes a tricks worker that is closed after the test."""

    def __call__(
        self, limits: WorkerLimits | None = None, argv: tuple[str, ...] | None = None, **env: str
    ) -> Worker: ...


class Watch:
    """The events of the test, kept as they come."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self.events: list[Event] = []

    async def until(self, name: str, **facts: Any) -> Event:
        """Wait for an event with these payload values; events seen before count too."""
        async with asyncio.timeout(PATIENCE_S):
            for event in self.events:
                if self._fits(event, name, facts):
                    return event
            async for event in self._subscription:
                self.events.append(event)
                if self._fits(event, name, facts):
                    return event
        raise AssertionError("the bus was closed")

    def states(self) -> list[str]:
        """Return the states that the events seen so far tell of."""
        return [e.payload["state"] for e in self.events if e.name == "core:worker:state_changed"]

    @staticmethod
    def _fits(event: Event, name: str, facts: dict[str, Any]) -> bool:
        return event.name == f"core:worker:{name}" and facts.items() <= event.payload.items()


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def child_pids() -> set[int]:
    """Return the processes that this one has started and not yet collected."""
    return {process.pid for process in psutil.Process().children()}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that no event tells, and that stays once it has happened, by looking often."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
