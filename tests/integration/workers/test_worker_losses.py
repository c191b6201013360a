"""Crashes, hangs, greed and failed starts of a real worker process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import WorkerError
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.worker import Worker
from workbench.tests.integration.workers.kit import MakeWorker, Watch, child_pids, is_alive, until

QUICK = WorkerLimits(heartbeat_s=0.05, hung_after_s=2.0)


async def _failure(worker: Worker, method: str, **params: Any) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        await worker.request(method, params, timeout=60)
    return caught.value


async def test_a_crash_keeps_the_parts_that_came_and_the_next_request_works(
    worker: Worker, watch: Watch
) -> None:
    parts = []
    with pytest.raises(WorkerError) as caught:
        async for part in worker.stream("abort", {"parts": 3}):
            parts.append(part["number"])
    assert parts == [0, 1, 2]
    error = caught.value
    assert error.code == "worker.crashed"
    assert error.details["signal"] == "SIGABRT"
    assert "about to abort" in error.details["log"]
    assert (worker.state, worker.pid) == ("failed", None)
    assert worker.last_error is not None
    assert worker.last_error.code == "worker.crashed"
    assert await worker.request("echo", {"n": 1}, timeout=30) == {"n": 1}
    assert worker.restarts == 1
    await watch.until("request_finished", method="echo")
    assert watch.states() == ["starting", "ready", "busy", "failed", "restarting", "ready", "busy", "ready"]
    lost = await watch.until("state_changed", state="failed")
    assert "SIGABRT" in lost.payload["reason"]


async def test_a_crash_fails_everything_that_was_open(worker: Worker) -> None:
    stream = worker.stream("count", {"n": 1_000_000_000, "pause": 0.001})
    await anext(stream)
    error = await _failure(worker, "leave", code=7)
    assert (error.code, error.details["exit_code"]) == ("worker.crashed", 7)
    with pytest.raises(WorkerError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "worker.crashed"


async def test_a_killed_idle_process_is_noticed_and_replaced_when_needed(
    worker: Worker, watch: Watch
) -> None:
    await worker.start()
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await watch.until("state_changed", state="failed")
    assert worker.pid is None
    await worker.request("echo", {}, timeout=30)
    assert worker.restarts == 1


async def test_what_a_crashed_process_had_started_ends_with_it(worker: Worker) -> None:
    grandchild = (await worker.request("spawn_child", {}, timeout=30))["pid"]
    assert is_alive(grandchild)
    await _failure(worker, "abort")
    await until(lambda: not is_alive(grandchild))


async def test_a_process_that_closes_its_output_is_lost(worker: Worker) -> None:
    await worker.start()
    pid = worker.pid
    assert pid is not None
    assert (await _failure(worker, "close_output")).code == "worker.crashed"
    await until(lambda: not is_alive(pid))


async def test_a_frozen_process_is_killed_and_replaced(make_worker: MakeWorker) -> None:
    worker = make_worker(QUICK)
    await worker.start()
    pid = worker.pid
    assert pid is not None
    error = await _failure(worker, "freeze")
    assert error.code == "worker.hung"
    await until(lambda: not is_alive(pid))
    assert await worker.request("echo", {}, timeout=30) == {}
    assert worker.restarts == 1


async def test_a_handler_that_blocks_the_programs_loop_is_not_a_hang(make_worker: MakeWorker) -> None:
    worker = make_worker(QUICK)
    await worker.request("block_loop", {"seconds": 2.5}, timeout=30)
    assert worker.restarts == 0


async def test_a_pause_of_this_process_is_not_the_workers_silence(make_worker: MakeWorker) -> None:
    worker = make_worker(QUICK)
    await worker.start()
    pid = worker.pid
    time.sleep(2.5)  # blocks this loop on purpose, for longer than `hung_after_s`
    await worker.request("echo", {}, timeout=30)
    assert (worker.pid, worker.restarts) == (pid, 0)


async def test_a_request_that_does_not_end_when_cancelled_costs_the_process(
    make_worker: MakeWorker, watch: Watch
) -> None:
    worker = make_worker(WorkerLimits(cancel_grace_s=0.2))
    stream = worker.stream("ignore_cancel", {})
    assert await anext(stream) == {"started": True}
    pid = worker.pid
    assert pid is not None
    other = asyncio.create_task(worker.request("count", {"n": 10**9, "pause": 0.001}, timeout=60))
    await until(lambda: worker.status().in_flight == 2)
    await stream.aclose()
    assert worker.state == "failed"
    with pytest.raises(WorkerError) as caught:
        await other
    assert caught.value.code == "worker.hung"
    await until(lambda: not is_alive(pid))
    assert await worker.request("echo", {}, timeout=30) == {}
    assert worker.restarts == 1


async def test_a_process_above_its_memory_limit_is_killed_with_the_reason(make_worker: MakeWorker) -> None:
    worker = make_worker(WorkerLimits(memory_limit_mb=300, sample_s=0.02))
    error = await _failure(worker, "leak", mb=400)
    assert error.code == "worker.crashed"
    assert error.details["cause"] == "memory_limit"
    assert error.details["rss_mb"] > 300
    assert await worker.request("echo", {}, timeout=30) == {}
    assert worker.restarts == 1


async def test_a_program_that_ignores_flow_control_is_killed(worker: Worker) -> None:
    stream = worker.stream("flood", {})
    await anext(stream)
    await until(lambda: worker.state == "failed")
    with pytest.raises(WorkerError) as caught:
        async for _ in stream:
            pass
    assert caught.value.code == "worker.wire"


async def test_too_many_crashes_degrade_the_worker_until_someone_restarts_it(
    make_worker: MakeWorker, watch: Watch
) -> None:
    worker = make_worker(WorkerLimits(restart_limit=2, backoff_first_s=0.01))
    for _ in range(3):
        assert (await _failure(worker, "leave", code=1)).code == "worker.crashed"
    assert worker.state == "degraded"
    started = time.monotonic()
    error = await _failure(worker, "echo")
    assert time.monotonic() - started < 1.0
    assert error.code == "worker.degraded"
    assert "exit code 1" in error.message
    with pytest.raises(WorkerError):
        await worker.start()
    await worker.restart("a person asked")
    assert worker.state == "ready"
    assert await worker.request("echo", {}, timeout=30) == {}
    renewed = await watch.until("state_changed", state="restarting", previous="degraded")
    assert renewed.payload["reason"] == "a person asked"


async def test_a_crash_is_followed_by_a_pause_before_the_restart(
    make_worker: MakeWorker, watch: Watch
) -> None:
    worker = make_worker(WorkerLimits(backoff_first_s=0.3))
    await _failure(worker, "leave", code=1)
    assert await worker.request("echo", {}, timeout=30) == {}
    lost = await watch.until("state_changed", state="failed")
    back = await watch.until("state_changed", state="ready", previous="restarting")
    assert (back.time - lost.time).total_seconds() >= 0.29


@pytest.mark.parametrize("argv", [("/no/such/program",), ("",), (str(Path(__file__).parent),)])
async def test_a_program_that_is_not_there_is_told(make_worker: MakeWorker, argv: tuple[str, ...]) -> None:
    worker = make_worker(argv=argv)
    error = await _failure(worker, "echo")
    assert error.code == "worker.not_started"
    assert error.hint
    assert worker.state == "failed"


async def test_a_program_that_dies_at_start_is_told_with_its_last_words(make_worker: MakeWorker) -> None:
    worker = make_worker(TRICKS_ON_START="die")
    error = await _failure(worker, "echo")
    assert error.code == "worker.not_started"
    assert error.details["exit_code"] == 3
    assert "cannot find my library" in error.details["log"]
    assert (worker.state, worker.restarts) == ("failed", 0)


async def test_requests_that_wait_for_the_same_failing_start_all_fail(make_worker: MakeWorker) -> None:
    worker = make_worker(TRICKS_ON_START="die")
    errors = await asyncio.gather(
        *(worker.request("echo", {}, timeout=60) for _ in range(5)), return_exceptions=True
    )
    assert [getattr(error, "code", None) for error in errors] == ["worker.not_started"] * 5
    assert len(set(map(id, errors))) == 5


async def test_a_program_that_does_not_become_ready_is_killed(make_worker: MakeWorker) -> None:
    worker = make_worker(WorkerLimits(start_timeout_s=1.0), TRICKS_ON_START="sleep")
    error = await _failure(worker, "echo")
    assert error.code == "worker.not_started"
    assert "1 s" in error.message
    assert child_pids() == set()


async def test_a_program_of_another_version_is_not_used(make_worker: MakeWorker) -> None:
    ready = '{"jsonrpc":"2.0","method":"ready","params":{"protocol":99,"name":"x"}}'
    worker = make_worker(
        argv=(sys.executable, "-c", f"print('banner'); print({ready!r}, flush=True); input()")
    )
    error = await _failure(worker, "echo")
    assert error.code == "worker.not_started"
    assert "version 99" in error.message
