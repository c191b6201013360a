"""One open request: parts, answer, failure, credit."""

from __future__ import annotations

import pytest

from workbench.app.errors import WorkerError
from workbench.app.workers.calls import Call
from workbench.app.workers.wire import PART_WINDOW


def _call() -> tuple[Call, list[tuple[int, int]]]:
    grants: list[tuple[int, int]] = []
    call = Call(7, "count", None, None)
    call.sent(lambda number, size: grants.append((number, size)))
    return call, grants


async def test_parts_come_in_order_and_then_the_answer() -> None:
    call, _ = _call()
    for number in range(3):
        call.add_part({"number": number}, 10)
    call.finish({"done": True})
    assert [await call.next_part() for _ in range(4)] == [{"number": 0}, {"number": 1}, {"number": 2}, None]
    assert call.result == {"done": True}


async def test_parts_that_came_before_a_failure_are_delivered_first() -> None:
    call, _ = _call()
    call.add_part({"number": 0}, 10)
    failure = WorkerError("crashed", "It crashed.")
    call.fail(failure)
    call.finish({})
    assert await call.next_part() == {"number": 0}
    with pytest.raises(WorkerError) as caught:
        await call.next_part()
    assert caught.value.code == "worker.crashed"
    assert caught.value is not failure
    assert call.result is None


async def test_room_is_granted_when_half_the_window_has_been_taken() -> None:
    call, grants = _call()
    half = PART_WINDOW // 2
    for _ in range(4):
        call.add_part({}, half // 2)
    assert call.buffered == PART_WINDOW
    await call.next_part()
    assert grants == []
    await call.next_part()
    assert grants == [(7, half)]
    assert call.buffered == half


async def test_parts_nobody_takes_are_not_kept() -> None:
    call, _ = _call()
    call.add_part({}, 10)
    call.discard_parts()
    call.add_part({}, 10)
    assert call.buffered == 0
    call.finish({})
    await call.wait_ended()
    assert await call.next_part() is None
