"""Requests to a real worker process and what comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from workbench.app.errors import ModelError, WorkbenchError, WorkerError
from workbench.app.workers.limits import WorkerLimits
from workbench.app.workers.wire import MAX_LINE, PART_WINDOW
from workbench.app.workers.worker import Worker
from workbench.tests.integration.workers.kit import MakeWorker, Watch, until


async def _failure(worker: Worker, method: str, **params: Any) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        await worker.request(method, params, timeout=30)
    return caught.value


async def test_the_first_request_starts_the_process_and_later_ones_use_it(
    worker: Worker, watch: Watch
) -> None:
    assert (worker.state, worker.pid) == ("stopped", None)
    assert await worker.request("echo", {"text": "grüß\n"}, timeout=30) == {"text": "grüß\n"}
    pid = worker.pid
    assert await worker.request("echo", {}, timeout=30) == {}
    assert (worker.pid, worker.restarts, worker.state) == (pid, 0, "ready")
    await watch.until("request_finished", request_id=2)
    assert watch.states() == ["starting", "ready", "busy", "ready", "busy", "ready"]


async def test_many_requests_at_once_get_their_own_answers(worker: Worker) -> None:
    answers = await asyncio.gather(*(worker.request("echo", {"n": n}, timeout=30) for n in range(50)))
    assert answers == [{"n": n} for n in range(50)]


async def test_a_finished_request_is_an_event_with_its_turn(worker: Worker, watch: Watch) -> None:
    await worker.request("echo", {}, timeout=30, session_id="s1", correlation_id="c1")
    event = await watch.until("request_finished", outcome="ok")
    assert (event.session_id, event.correlation_id, event.source) == ("s1", "c1", "worker.tricks")
    assert event.payload["worker"] == "tricks"
    assert event.payload["method"] == "echo"
    assert event.payload["duration_ms"] > 0
    await _failure(worker, "fail", known=True)
    await watch.until("request_finished", method="fail", outcome="model.broken")


async def test_the_programs_own_errors_arrive_whole(worker: Worker) -> None:
    error = await _failure(worker, "fail", known=True)
    assert isinstance(error, ModelError)
    assert (error.code, error.message, error.hint) == ("model.broken", "The file is broken.", "Get another.")
    assert error.details == {"path": "x.gguf"}


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("fail", "worker.failed"),
        ("no_such_method", "worker.unknown_method"),
        ("not_a_dict", "worker.failed"),
        ("not_json", "worker.wire"),
    ],
)
async def test_a_failing_handler_fails_its_request_only(worker: Worker, method: str, code: str) -> None:
    assert (await _failure(worker, method)).code == code
    assert await worker.request("echo", {"still": "there"}, timeout=30) == {"still": "there"}
    assert worker.restarts == 0


async def test_a_request_longer_than_a_line_is_refused_before_it_is_sent(worker: Worker) -> None:
    error = await _failure(worker, "echo", text="x" * (MAX_LINE + 1))
    assert error.code == "worker.wire"
    assert await worker.request("echo", {}, timeout=30) == {}


async def test_large_messages_pass_both_ways(worker: Worker) -> None:
    text = "ä" * (4 * 2**20)
    assert await worker.request("echo", {"text": text}, timeout=60) == {"text": text}


async def test_a_stream_yields_all_parts_in_order_and_the_result_last(worker: Worker) -> None:
    parts = [part async for part in worker.stream("count", {"n": 5000})]
    assert [part["number"] for part in parts[:-1]] == list(range(5000))
    assert parts[-1] == {"result": {"sent": 5000, "cancelled": False}}


async def test_lines_that_cannot_be_read_are_reported_and_skipped(worker: Worker, watch: Watch) -> None:
    assert await worker.request("garbage", {}, timeout=30) == {"still": "alive"}
    assert await worker.request("echo", {}, timeout=30) == {}
    event = await watch.until("log")
    assert event.payload["line"].startswith("worker.wire: ")
    assert "not json" in event.payload["line"]
    assert worker.restarts == 0


async def test_closing_a_stream_cancels_the_request_and_waits_for_its_end(
    worker: Worker, watch: Watch
) -> None:
    stream = worker.stream("count", {"n": 1_000_000_000, "pause": 0.001})
    assert (await anext(stream))["number"] == 0
    assert worker.state == "busy"
    await stream.aclose()
    assert worker.state == "ready"
    assert worker.status().in_flight == 0
    await watch.until("request_finished", method="count", outcome="cancelled")
    assert worker.restarts == 0


async def test_cancelling_the_task_that_reads_a_stream_cancels_the_request(worker: Worker) -> None:
    first = asyncio.Event()

    async def read() -> None:
        async for _ in worker.stream("count", {"n": 1_000_000_000, "pause": 0.001}):
            first.set()

    task = asyncio.create_task(read())
    await first.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert worker.status().in_flight == 0
    assert worker.restarts == 0


async def test_a_request_that_takes_too_long_is_cancelled_and_the_worker_stays(
    worker: Worker, watch: Watch
) -> None:
    await worker.start()
    with pytest.raises(WorkerError) as caught:
        await worker.request("count", {"n": 1_000_000_000, "pause": 0.001}, timeout=0.1)
    assert caught.value.code == "worker.timeout"
    await watch.until("request_finished", outcome="worker.timeout")
    assert await worker.request("echo", {}, timeout=30) == {}
    assert worker.restarts == 0


@pytest.mark.parametrize("pause", [60, 0.001])
async def test_a_stream_can_be_given_a_time_before_and_between_its_parts(
    worker: Worker, pause: float
) -> None:
    await worker.start()
    with pytest.raises(WorkerError) as caught:
        async for _ in worker.stream("count", {"n": 1_000_000_000, "pause": pause}, timeout=0.1):
            pass
    assert caught.value.code == "worker.timeout"
    in_time = [part async for part in worker.stream("count", {"n": 3, "pause": 0.01}, timeout=30)]
    assert len(in_time) == 4
    assert worker.restarts == 0


async def test_a_slow_reader_stops_its_own_stream_and_nothing_else(worker: Worker) -> None:
    total, size = 3000, 1000
    stream = worker.stream("count", {"n": total, "size": size})
    numbers = [(await anext(stream))["number"]]
    connection = worker._life.connection
    assert connection is not None
    (call,) = connection.calls.values()
    await until(lambda: call.buffered >= PART_WINDOW - 2 * size)
    # The program waits for room now; others are served at once, and nothing more piles up here.
    for n in range(20):
        assert await worker.request("echo", {"n": n}, timeout=30) == {"n": n}
    assert call.buffered <= PART_WINDOW + 2 * size
    numbers += [part["number"] async for part in stream if "number" in part]
    assert numbers == list(range(total))


async def test_a_stalled_stream_can_be_closed(worker: Worker) -> None:
    stream = worker.stream("count", {"n": 1_000_000, "size": 1000})
    await anext(stream)
    connection = worker._life.connection
    assert connection is not None
    (call,) = connection.calls.values()
    await until(lambda: call.buffered >= PART_WINDOW - 2000)
    await stream.aclose()
    assert worker.status().in_flight == 0
    assert worker.restarts == 0


async def test_more_open_requests_than_the_limit_are_refused(make_worker: MakeWorker) -> None:
    worker = make_worker(WorkerLimits(queue_limit=2))
    streams = [worker.stream("count", {"n": 1_000_000_000, "pause": 0.001}) for _ in range(2)]
    for stream in streams:
        await anext(stream)
    error = await _failure(worker, "echo")
    assert error.code == "worker.overloaded"
    assert worker.status().in_flight == 2
    await streams[0].aclose()
    assert await worker.request("echo", {}, timeout=30) == {}
    await streams[1].aclose()


async def test_native_prints_go_to_the_log_and_never_to_the_wire(
    worker: Worker, watch: Watch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert await worker.request("print_native", {"text": "noise"}, timeout=30) == {"stdin": ""}
    await worker.stop()
    log = worker.spec.log_file.read_text()
    for line in ("noise from C", "noise to 1", "noise to 2", "noise from Python"):
        assert line in log
    assert capfd.readouterr() == ("", "")
    assert all(event.name != "core:worker:log" for event in watch.events)


async def test_a_log_that_cannot_be_opened_does_not_keep_the_worker_from_running(
    make_worker: MakeWorker, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    worker = make_worker()
    assert await worker.request("print_native", {"text": "noise"}, timeout=30) == {"stdin": ""}
    assert capfd.readouterr() == ("", "")


async def test_a_status_shows_the_process(make_worker: MakeWorker) -> None:
    worker = make_worker(WorkerLimits(sample_s=0.01))
    assert worker.status().state == "stopped"
    await worker.start()
    await until(lambda: worker.status().rss_bytes > 5 * 2**20)
    status = worker.status()
    assert (status.name, status.pid, status.queue, status.in_flight) == ("tricks", worker.pid, 0, 0)
    assert status.cpu >= 0.0
    assert status.last_error is None
