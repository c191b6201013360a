"""Stopping workers, and what is left when the workbench itself is killed: nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import msgspec
import pytest

from workbench.app.errors import WorkerError
from workbench.app.events.bus import EventBus
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.supervisor import Supervisor
from workbench.app.workers.worker import Worker
from workbench.tests.integration.workers.kit import (
    PROGRAMS,
    MakeSpec,
    MakeWorker,
    Watch,
    child_pids,
    is_alive,
    until,
)


async def test_a_stop_lets_the_program_end_by_itself(
    make_worker: MakeWorker, tmp_path: Path, watch: Watch
) -> None:
    stopped = tmp_path / "stopped"
    worker = make_worker(TRICKS_STOPPED=str(stopped))
    await worker.start()
    pid = worker.pid
    assert pid is not None
    await worker.stop(grace_s=30)
    assert stopped.exists()
    assert not is_alive(pid)
    assert pid not in child_pids()
    await watch.until("state_changed", state="stopped")
    assert await worker.request("echo", {}, timeout=30) == {}
    assert worker.restarts == 0


async def test_a_stop_cancels_open_requests_in_the_program_and_here(worker: Worker) -> None:
    stream = worker.stream("count", {"n": 1_000_000_000, "pause": 0.001})
    await anext(stream)
    await worker.stop()
    with pytest.raises(WorkerError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "worker.cancelled"


async def test_a_program_that_does_not_want_to_stop_is_killed_with_its_children(worker: Worker) -> None:
    grandchild = (await worker.request("spawn_child", {}, timeout=30))["pid"]
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    await worker.stop(grace_s=0.1)
    assert time.monotonic() - started < 10
    assert not is_alive(pid)
    await until(lambda: not is_alive(grandchild))


async def test_a_stop_during_a_start_leaves_no_process(make_worker: MakeWorker, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    worker = make_worker(TRICKS_ON_START="sleep", TRICKS_STARTS=str(starts))
    request = asyncio.create_task(worker.request("echo", {}, timeout=60))
    await until(starts.exists)
    assert (worker.state, worker.status().queue, worker.status().in_flight) == ("starting", 1, 0)
    await worker.stop()
    with pytest.raises(WorkerError) as caught:
        await request
    assert caught.value.code == "worker.cancelled"
    assert worker.state == "stopped"
    assert worker.status().queue == 0
    assert child_pids() == set()


async def test_a_request_that_gives_up_does_not_end_the_start(worker: Worker, watch: Watch) -> None:
    impatient = asyncio.create_task(worker.request("echo", {}, timeout=60))
    await watch.until("state_changed", state="starting")
    patient = asyncio.create_task(worker.request("echo", {"n": 1}, timeout=60))
    impatient.cancel()
    assert await patient == {"n": 1}
    assert impatient.cancelled()
    assert worker.restarts == 0


async def test_a_restart_replaces_the_process_and_tells_the_open_requests(worker: Worker) -> None:
    stream = worker.stream("count", {"n": 1_000_000_000, "pause": 0.001})
    await anext(stream)
    pid = worker.pid
    assert pid is not None
    await worker.restart("new settings")
    assert worker.pid not in (None, pid)
    assert not is_alive(pid)
    assert worker.restarts == 1
    with pytest.raises(WorkerError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "worker.cancelled"
    assert "new settings" in caught.value.message


async def test_restarts_stops_and_requests_at_once_end_in_one_process_or_none(
    worker: Worker, watch: Watch
) -> None:
    for _ in range(3):
        await asyncio.gather(
            worker.restart("one"),
            worker.request("echo", {}, timeout=30),
            worker.stop(),
            worker.restart("two"),
            worker.request("echo", {}, timeout=30),
            return_exceptions=True,
        )
    await worker.request("echo", {}, timeout=30)
    assert child_pids() == {worker.pid}
    await worker.stop()
    assert child_pids() == set()


@pytest.mark.parametrize("starting", [False, True], ids=["running", "starting"])
async def test_a_stop_that_is_given_up_leaves_a_usable_worker(
    make_worker: MakeWorker, watch: Watch, starting: bool
) -> None:
    worker = make_worker()
    first = asyncio.create_task(worker.request("echo", {}, timeout=30))
    await watch.until("state_changed", state="starting")
    if not starting:
        await first
    stop = asyncio.create_task(worker.stop())
    await asyncio.sleep(0)  # let it begin
    stop.cancel()
    await asyncio.wait({first, stop})
    assert await worker.request("echo", {"n": 1}, timeout=30) == {"n": 1}
    assert child_pids() == {worker.pid}


async def test_a_closed_worker_does_not_start_again(worker: Worker) -> None:
    await worker.request("echo", {}, timeout=30)
    await worker.close()
    with pytest.raises(WorkerError) as caught:
        await worker.request("echo", {}, timeout=30)
    assert caught.value.code == "worker.cancelled"
    with pytest.raises(WorkerError) as caught:
        await worker.restart("too late")
    assert caught.value.code == "worker.cancelled"
    assert (worker.state, worker.pid) == ("stopped", None)


async def test_no_task_outlives_a_worker(worker: Worker) -> None:
    before = asyncio.all_tasks()
    await worker.request("echo", {}, timeout=30)
    stream = worker.stream("count", {"n": 1_000_000_000, "pause": 0.001})
    await anext(stream)
    await stream.aclose()
    with pytest.raises(WorkerError):
        await worker.request("abort", {}, timeout=30)
    await worker.request("echo", {}, timeout=30)
    await worker.close()
    assert asyncio.all_tasks() == before


async def test_a_supervisor_ends_all_its_workers_within_its_bound(
    bus: EventBus, make_spec: MakeSpec, tmp_path: Path
) -> None:
    supervisor = Supervisor(bus, WorkerLimits())
    spec = make_spec()
    good = supervisor.add(spec)
    frozen = supervisor.add(msgspec.structs.replace(spec, name="frozen", log_file=tmp_path / "frozen.log"))
    supervisor.add(msgspec.structs.replace(spec, name="unused"))
    await asyncio.gather(good.start(), frozen.start())
    assert supervisor.get("frozen") is frozen
    assert [status.state for status in supervisor.statuses()] == ["ready", "ready", "stopped"]
    pids = [good.pid, frozen.pid]
    assert frozen.pid is not None
    os.kill(frozen.pid, signal.SIGSTOP)
    started = time.monotonic()
    await supervisor.close()
    assert time.monotonic() - started < 15
    assert not any(is_alive(pid) for pid in pids if pid is not None)
    assert child_pids() == set()


def test_a_supervisor_knows_its_workers_by_name(bus: EventBus, make_spec: MakeSpec) -> None:
    supervisor = Supervisor(bus, WorkerLimits())
    supervisor.add(make_spec())
    with pytest.raises(ValueError, match="already"):
        supervisor.add(make_spec())
    with pytest.raises(WorkerError) as caught:
        supervisor.get("nobody")
    assert caught.value.code == "worker.unknown"
    assert "tricks" in caught.value.hint


@pytest.mark.parametrize("through_shell", [False, True], ids=["direct", "shell between"])
async def test_no_worker_survives_a_killed_workbench(tmp_path: Path, through_shell: bool) -> None:
    program = [sys.executable, str(PROGRAMS / "worker_tricks.py")]
    if through_shell:  # then the kernel does not tell the program, and the end of stdin has to
        program = ["/bin/sh", "-c", '"$@"; exit $?', "sh", *program]
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAMS / "worker_owner.py"),
        str(tmp_path / "tricks.log"),
        *program,
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    async with asyncio.timeout(60):
        pid = int(await owner.stdout.readline())
    assert is_alive(pid)
    owner.kill()
    await owner.wait()
    await until(lambda: not is_alive(pid))
