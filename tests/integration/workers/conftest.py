"""Real worker processes that run `programs/worker_tricks.py`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workbench.app.events.bus import EventBus
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec
from workbench.app.workers.worker import Worker
from workbench.tests.integration.workers.kit import PROGRAMS, MakeSpec, MakeWorker, Watch


@pytest.fixture
def watch(bus: EventBus) -> Watch:
    return Watch(bus.subscribe("core:worker:*"))


@pytest.fixture
def make_spec(tmp_path: Path) -> MakeSpec:
    def make(argv: tuple[str, ...] | None = None, **env: str) -> WorkerSpec:
        program = (sys.executable, str(PROGRAMS / "worker_tricks.py"))
        return WorkerSpec(
            name="tricks", argv=argv or program, env=env, log_file=tmp_path / "logs" / "tricks.log"
        )

    return make


@pytest.fixture
async def make_worker(bus: EventBus, make_spec: MakeSpec) -> AsyncIterator[MakeWorker]:
    workers: list[Worker] = []

    def make(limits: WorkerLimits | None = None, argv: tuple[str, ...] | None = None, **env: str) -> Worker:
        worker = Worker(make_spec(argv, **env), bus, limits or WorkerLimits())
        workers.append(worker)
        return worker

    yield make
    await asyncio.gather(*(worker.close(grace_s=1.0) for worker in workers))


@pytest.fixture
def worker(make_worker: MakeWorker) -> Worker:
    return make_worker()
