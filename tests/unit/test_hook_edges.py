"""Where hooks meet: composites and nested runs are contained, and the workbench's own hooks keep running."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import pytest

from workbench.app.errors import HookError
from workbench.app.hooks import threads
from workbench.app.hooks.breaker import BreakerLimits
from workbench.app.hooks.composites import FirstMatch, Parallel, Sequential, Voting
from workbench.app.hooks.event_screen import screen_events
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.loop_guard import LoopGuard
from workbench.app.hooks.points import MESSAGE_RECEIVED
from workbench.app.hooks.preferences import Preferences
from workbench.app.hooks.values import MessageText
from workbench.tests.unit.hook_kit import bench

TEXT = MessageText(text="hello")
Context = HookContext[Any]
COMPOSITES = [Sequential, Parallel, FirstMatch, Voting]


def exits(_context: Context) -> None:
    sys.exit(3)


async def exits_later(_context: Context) -> None:
    await asyncio.sleep(0)
    raise SystemExit(3)


async def sleeps_on_the_loop(_context: Context) -> None:
    time.sleep(30)


def looks(_context: Context) -> None:
    return None


async def looks_later(_context: Context) -> None:
    return None


def made(function: Any, point: str = "message:received", **facts: Any) -> Hook:
    return Hook(id=f"t.{type(function).__name__}.{point}", point=point, function=function, **facts)


@pytest.mark.parametrize("member", [exits, exits_later])
@pytest.mark.parametrize("kind", COMPOSITES)
async def test_no_member_of_a_composite_ends_the_program(kind: Any, member: Any) -> None:
    async with bench() as it:
        await it.hooks.add([made(kind(member))])
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        (run,) = await it.runs()
    assert run["error"]["code"] == "hook.exited"
    assert run["error"]["file"].endswith("test_hook_edges.py")


@pytest.mark.parametrize("kind", COMPOSITES)
async def test_a_member_that_blocks_the_loop_is_interrupted(kind: Any) -> None:
    async with bench() as it:
        await it.hooks.add([made(kind(sleeps_on_the_loop), deadline=20.0)])
        await asyncio.wait_for(it.hooks.run(MESSAGE_RECEIVED, TEXT), 10)
        (run,) = await it.runs()
    assert run["error"]["code"] == "hook.blocked"


async def test_a_hook_is_watched_on_after_other_hooks_ran_within_it() -> None:
    async with bench() as it:
        screen_events(it.bus, it.hooks)

        async def publishes_and_sleeps(_context: Context) -> None:
            await it.bus.emit("my:thing:seen", source="test")
            time.sleep(30)

        await it.hooks.add([made(looks, "event:publish", trusted=True)])
        await it.hooks.add([made(publishes_and_sleeps, deadline=20.0)])
        await asyncio.wait_for(it.hooks.run(MESSAGE_RECEIVED, TEXT), 10)
        runs = await it.runs()
    assert [run["error"]["code"] for run in runs if "error" in run] == ["hook.blocked"]


async def test_the_workbenchs_own_hooks_stay_on_the_loop_and_in_the_path_however_long_they_take() -> None:
    def works(_context: Context) -> None:
        time.sleep(0.01)

    async with bench(BreakerLimits(floor_s=0.001, share=0.01)) as it:
        await it.hooks.add([made(works, trusted=True)])
        for _ in range(10):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
            await it.hooks.flush()
        (status,) = it.hooks.statuses()
        assert await it.told(":breaker_changed") == []
    assert (status.state, status.where, status.runs) == ("enabled", "loop", 10)


async def test_the_workbenchs_own_hooks_may_work_long_on_a_long_text() -> None:
    def works(context: Context) -> Any:
        until = time.thread_time() + 0.5
        while time.thread_time() < until:
            pass
        return context.change(text="masked")

    async with bench() as it:
        await it.hooks.add([made(works, trusted=True)])
        outcome = await it.hooks.run(MESSAGE_RECEIVED, TEXT)
    assert outcome.value.text == "masked"


@pytest.mark.parametrize("function", [looks, looks_later])
async def test_a_busy_loop_is_not_charged_to_the_hooks_that_wait_for_it(function: Any) -> None:
    async with bench(BreakerLimits(floor_s=0.05)) as it:
        await it.hooks.add([made(function)])
        for _ in range(3):
            run = asyncio.create_task(it.hooks.run(MESSAGE_RECEIVED, TEXT))
            while not run.done():
                # As when much is drawn.
                time.sleep(0.04)
                await asyncio.sleep(0)
        await it.hooks.flush()
        (status,) = it.hooks.statuses()
    assert (status.state, status.runs) == ("enabled", 3)
    assert status.total_ms < 50


async def test_closing_leaves_no_breaker_watched_that_opens_as_the_last_runs_are_judged() -> None:
    async with bench(BreakerLimits(floor_s=0.001)) as it:
        await it.hooks.add([made(lambda _context: time.sleep(0.02))])
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
    assert it.hooks.statuses()[0].state == "open"
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "hook-breakers"] == []


async def test_a_hook_for_which_there_is_no_thread_is_not_told_to_be_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "MOST_LEFT_BEHIND", 0)
    async with bench() as it:
        await it.hooks.add([made(looks)])
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        (run,) = await it.runs()
    assert run["error"]["message"] == "too many hooks never returned"


async def test_a_hook_at_an_unknown_point_is_refused() -> None:
    async with bench() as it:
        with pytest.raises(HookError, match="hook point"):
            await it.hooks.add([made(looks, "message:recieved")])


async def test_a_caller_who_is_cancelled_while_a_late_hook_is_ended_is_cancelled() -> None:
    ending = asyncio.Event()

    async def ends_slowly(_context: Context) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ending.set()
            await asyncio.sleep(0.5)

    async with bench() as it:
        await it.hooks.add([made(ends_slowly, deadline=0.01)])
        run = asyncio.create_task(it.hooks.run(MESSAGE_RECEIVED, TEXT))
        await ending.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run


def test_the_guard_does_not_fall_asleep_beside_a_hook_that_has_just_been_entered() -> None:
    guard = LoopGuard()
    try:
        guard.entered = 1.0
        # It would wait for ever: the owner saw that it was awake when it entered the hook.
        guard._park()
        assert not guard.parked
    finally:
        guard.entered = 0.0
        guard.close()


async def test_hooks_may_come_while_other_preferences_are_told() -> None:
    async with bench() as it:
        screen_events(it.bus, it.hooks)

        async def adds(context: Context) -> None:
            if context.value.name == "core:hook:changed":
                await it.hooks.add(
                    [made(looks, f"turn:{'started' if context.value.payload else 'finished'}")]
                )

        await it.hooks.add([made(adds, "event:publish"), made(looks), made(looks, "message:stored")])
        await it.hooks.prefer(Preferences(disabled=frozenset({"t.function.message:received"})))
    assert len(it.hooks.statuses()) == 4


async def test_traces_that_are_being_told_when_it_closes_are_told() -> None:
    telling = asyncio.Event()

    async def is_slow(context: Context) -> None:
        if context.value.name == "core:hook:ran":
            telling.set()
            await asyncio.sleep(0.1)

    async with bench() as it:
        screen_events(it.bus, it.hooks)
        await it.hooks.add([made(looks), made(is_slow, "event:publish")])
        for _ in range(3):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        await asyncio.wait_for(telling.wait(), 5)
    assert len(await it.runs()) == 3
