"""Describes the machine and the versions, without anything that names the machine or its owner."""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

import psutil

from workbench import __version__

_LIBRARIES = ("textual", "llama-cpp-python", "aiosqlite", "msgspec")


def describe() -> dict[str, str]:
    """Return hardware and versions as texts by name."""
    facts = {
        "processor": f"{_processor()}, {cores()} cores",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "workbench": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    return facts | {name: version(name) for name in _LIBRARIES}


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Others:
    """How much of the machine everybody else uses, from when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._all, self._own = _busy(), _own()

    def cores(self) -> float:
        """Return how many cores other programs have kept busy on average, 0 for none."""
        seconds = max(time.monotonic() - self._began, 1e-9)
        return max(0.0, (_busy() - self._all) - (_own() - self._own)) / seconds


def _busy() -> float:
    """Seconds that all cores together have worked."""
    times = psutil.cpu_times()
    waited = sum(getattr(times, name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
    return float(sum(times) - waited)


def _own() -> float:
    """Seconds that this process, what it has started and what those have started have worked."""
    here = psutil.Process()
    total = 0.0
    for process in (here, *here.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown processor")
