"""Memory and CPU of a process, read now and then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psutil


class Sample(NamedTuple):
    """One reading.

    Attributes:
        rss_bytes: resident memory.
        cpu: percent of one core since the reading before; 0.0 at the first.
    """

    rss_bytes: int = 0
    cpu: float = 0.0


class Sampler:
    """Reads one process; the readings are made in a thread.

    Args:
        pid: the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process: psutil.Process | None = None

    async def read(self) -> Sample | None:
        """Return a reading, or None when the process is gone or may not be looked at."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Sample | None:
        import psutil  # not on the start path: it takes 5 ms

        try:
            if self._process is None:
                self._process = psutil.Process(self._pid)
            with self._process.oneshot():
                return Sample(self._process.memory_info().rss, self._process.cpu_percent(None))
        except psutil.Error:
            return None
