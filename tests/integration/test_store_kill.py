"""A process that is killed while it writes: all that was acknowledged is there, and no half unit."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys

import pytest

from workbench.app.events.reader import EventReader
from workbench.app.paths import Paths
from workbench.app.store.store import Store
from workbench.tests.integration.store_kit import PROGRAMS


def write_until_killed(paths: Paths, lines: int) -> set[int]:
    """Kill a writing process after it has acknowledged so many pairs; return all that it acknowledged."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAMS / "store_process.py"), "write_on", str(paths.data_dir)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return {json.loads(line)["pair"] for line in said if line.endswith("\n")}


@pytest.mark.parametrize("seed", range(4))
async def test_every_acknowledged_write_survives_a_kill(paths: Paths, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged: set[int] = set()
    for _ in range(3):
        acknowledged |= write_until_killed(paths, dice.randint(1, 300))
        store = await Store.open(paths)
        assert not store.report.clean
        assert store.report.problem is None
        assert await store.check() is None
        rows = await store.read("SELECT pair, count(*) FROM things GROUP BY pair")
        assert {count for _, count in rows} == {2}
        assert {pair for pair, _ in rows} >= acknowledged
        seqs = [event.seq async for event in EventReader(store).each()]
        assert seqs == list(range(1, len(seqs) + 1))
        await store.close()
