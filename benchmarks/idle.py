"""What the full-screen program costs while nothing happens, against a Textual app of one `Static`.

Each runs in a terminal of its own (120 by 40) until it writes nothing more, the workbench with its model
loaded. Then both are left alone for the same time, one after the other, while the terminal is read. CPU is
what the kernel counts for the process; memory is its resident set. The model's worker is a process of its own
and is counted apart.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from workbench.benchmarks.peers.bare_textual import TEXT
from workbench.benchmarks.result import Figure, Result, most
from workbench.benchmarks.rounds import in_turns, middle
from workbench.benchmarks.startup import BARE_TEXTUAL, PLACE_TO_WRITE, WORKBENCH, environment
from workbench.benchmarks.terminal import run_in_terminal

_MEGABYTE = 2**20
_QUIET = 3.0


class _Rest(NamedTuple):
    """A program at rest: share of a core in percent, memory in megabytes, bytes written to the terminal."""

    cpu: float
    memory: float
    worker_cpu: float
    worker_memory: float
    written: float


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    seconds, rounds = (2.0, 1) if quick else (25.0, 3)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        ours = (*WORKBENCH, "--data-dir", str(where / "profile"))

        async def rest(argv: Sequence[str], text: str) -> _Rest:
            return await asyncio.to_thread(_rest, argv, text, where, seconds)

        pairs = await in_turns(
            "idle", lambda: rest(ours, PLACE_TO_WRITE), lambda: rest(BARE_TEXTUAL, TEXT), rounds, repeat=False
        )
    return Result(
        claims=[
            most("CPU while idle", [pair.ours.cpu for pair in pairs], 0.5, "% of a core"),
            most("memory of the process", [pair.ours.memory for pair in pairs], 70, "MB"),
        ],
        figures=[
            Figure(
                "CPU while idle, bare Textual app", middle([pair.peer.cpu for pair in pairs]), "% of a core"
            ),
            Figure("memory, bare Textual app", middle([pair.peer.memory for pair in pairs]), "MB"),
            Figure("CPU of the worker", middle([pair.ours.worker_cpu for pair in pairs]), "% of a core"),
            Figure("memory of the worker", middle([pair.ours.worker_memory for pair in pairs]), "MB"),
            Figure("written to the terminal", middle([pair.ours.written for pair in pairs]), "bytes/s"),
        ],
    )


def _rest(argv: Sequence[str], text: str, folder: Path, seconds: float) -> _Rest:
    with run_in_terminal(argv, environment(folder), folder) as terminal:
        terminal.wait_for(text)
        terminal.settle(_QUIET)
        workers = terminal.process.children(recursive=True)
        before = _cpu([terminal.process]), _cpu(workers)
        written = terminal.drain(seconds)
        after = _cpu([terminal.process]), _cpu(workers)
        return _Rest(
            cpu=(after[0] - before[0]) / seconds * 100,
            memory=_memory([terminal.process]),
            worker_cpu=(after[1] - before[1]) / seconds * 100,
            worker_memory=_memory(workers),
            written=written / seconds,
        )


def _cpu(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def _memory(processes: Sequence[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes) / _MEGABYTE
