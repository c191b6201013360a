"""Expectations about events, in a workbench in which events come early, late and never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from workbench.app.errors import ExpectationError
from workbench.app.headless import expect
from workbench.app.headless.expect import check_events
from workbench.app.headless.script import Comparison, ExpectEvent
from workbench.app.workbench import Workbench

NAME = "test:thing:done"


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, services=("log",), environ={}) as opened:
        yield opened


async def emit(workbench: Workbench, count: int) -> None:
    for _ in range(count):
        await workbench.bus.emit(NAME, {}, source="test")


@pytest.mark.parametrize(
    ("comparison", "count", "holds"),
    [
        (">=", 2, True),
        (">=", 3, False),
        (">", 1, True),
        (">", 2, False),
        ("==", 2, True),
        ("==", 1, False),
        ("==", 3, False),
        ("!=", 1, True),
        ("!=", 2, False),
        ("<=", 2, True),
        ("<=", 1, False),
        ("<", 3, True),
        ("<", 2, False),
    ],
)
async def test_counts_are_compared(
    workbench: Workbench,
    monkeypatch: pytest.MonkeyPatch,
    comparison: Comparison,
    count: int,
    holds: bool,
) -> None:
    monkeypatch.setattr(expect, "EVENT_PATIENCE_S", 0.2)
    await emit(workbench, 1)
    start = workbench.bus.last_seq
    await emit(workbench, 2)
    for pattern in (NAME, "test:*", "test:*:done"):
        expected = ExpectEvent(pattern, comparison, count)
        if holds:
            await check_events(expected, workbench, start)
        else:
            with pytest.raises(ExpectationError, match="there were 2"):
                await check_events(expected, workbench, start)


async def test_late_events_are_waited_for(workbench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expect, "EVENT_PATIENCE_S", 60.0)
    asked = asyncio.create_task(check_events(ExpectEvent(NAME, "==", 3), workbench, 0))
    for _ in range(3):
        # The expectation subscribes before it looks; from then on nothing is missed.
        while not any(subscription.name == "expectation" for subscription in workbench.bus.subscriptions):
            await asyncio.sleep(0)
        assert not asked.done()
        await emit(workbench, 1)
        await workbench.log.flush()
    await asyncio.wait_for(asked, 30)


async def test_what_can_no_longer_hold_is_not_waited_for(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expect, "EVENT_PATIENCE_S", 3600.0)
    await emit(workbench, 2)
    for expected in (ExpectEvent(NAME, "==", 1), ExpectEvent(NAME, "<", 2), ExpectEvent(NAME, "<=", 1)):
        with pytest.raises(ExpectationError):
            await asyncio.wait_for(check_events(expected, workbench, 0), 30)
