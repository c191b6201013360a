"""A program that owns a worker, tells the process ids, and then does nothing until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from workbench.app.events.bus import EventBus
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.process import WorkerSpec
from workbench.app.workers.worker import Worker


async def main() -> None:
    log_file, *argv = sys.argv[1:]
    spec = WorkerSpec(name="tricks", argv=tuple(argv), env={}, log_file=Path(log_file))
    worker = Worker(spec, EventBus(), WorkerLimits())
    busy = worker.stream("ignore_cancel", {})
    await anext(busy)
    print((await worker.request("whoami", {}, timeout=60))["pid"], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
