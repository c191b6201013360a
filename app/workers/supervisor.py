"""All workers of one workbench under one roof."""

from __future__ import annotations

import asyncio
from typing import Final

from workbench.app.errors import WorkerError
from workbench.app.events.bus import EventBus
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec
from workbench.app.workers.states import WorkerStatus
from workbench.app.workers.worker import Worker

_CLOSE_BOUND_S: Final = 15.0


class Supervisor:
    """Makes workers, finds them by name and ends them all.

    Args:
        bus: where the workers' events go.
        limits: of every worker.
    """

    def __init__(self, bus: EventBus, limits: WorkerLimits) -> None:
        self._bus = bus
        self._limits = limits
        self._workers: dict[str, Worker] = {}

    def add(self, spec: WorkerSpec) -> Worker:
        """Make a worker; its process starts with the first request.

        Raises:
            ValueError: a worker of that name exists.
        """
        if spec.name in self._workers:
            raise ValueError(f"there is already a worker named {spec.name!r}")
        worker = Worker(spec, self._bus, self._limits)
        self._workers[spec.name] = worker
        return worker

    def get(self, name: str) -> Worker:
        """Return a worker by name.

        Raises:
            WorkerError: `worker.unknown`.
        """
        try:
            return self._workers[name]
        except KeyError:
            known = ", ".join(self._workers) or "none"
            raise WorkerError(
                "unknown", f"There is no worker named {name!r}.", f"The workers are: {known}."
            ) from None

    def statuses(self) -> list[WorkerStatus]:
        """Return the present picture of every worker, in the order in which they were added."""
        return [worker.status() for worker in self._workers.values()]

    async def close(self) -> None:
        """End all workers at the same time, for good; takes at most 15 seconds, whatever they do."""
        if not self._workers:
            return
        endings = [asyncio.create_task(worker.close()) for worker in self._workers.values()]
        done, late = await asyncio.wait(endings, timeout=_CLOSE_BOUND_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)
        for task in done:
            task.result()
