"""A hook that raises, blocks, never returns, returns nonsense, mutates, prints, or ends the program."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any

import msgspec
import pytest

from workbench.app.hooks.breaker import BreakerLimits
from workbench.app.hooks.hook import HookContext
from workbench.app.hooks.loop_guard import HookBlocked
from workbench.app.hooks.points import COMMAND_BEFORE, MESSAGE_RECEIVED
from workbench.app.hooks.threads import MOST_LEFT_BEHIND, HookThreads
from workbench.app.hooks.values import CommandCall, MessageText
from workbench.tests.unit.hook_kit import bench

TEXT = MessageText(text="hello")
Context = HookContext[Any]
RELEASE = threading.Event()
"""Set at the end of each test, so that no thread that waits outlives it."""


@pytest.fixture(autouse=True)
def release() -> Any:
    RELEASE.clear()
    yield
    RELEASE.set()


def raises(_context: Context) -> None:
    raise ValueError("no [bold]good[/]")


async def raises_later(_context: Context) -> None:
    await asyncio.sleep(0)
    raise ValueError("no good")


def blocks(_context: Context) -> None:
    RELEASE.wait()


def spins(_context: Context) -> None:
    while True:
        pass


async def waits_for_ever(_context: Context) -> None:
    await asyncio.Event().wait()


async def spins_on_the_loop(_context: Context) -> None:
    while True:
        pass


async def sleeps_on_the_loop(_context: Context) -> None:
    time.sleep(30)


async def refuses_to_end(_context: Context) -> None:
    while not RELEASE.is_set():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue


def exits(_context: Context) -> None:
    sys.exit(3)


async def exits_later(_context: Context) -> None:
    await asyncio.sleep(0)
    raise SystemExit(3)


def interrupts(_context: Context) -> None:
    raise KeyboardInterrupt


async def cancels_itself(_context: Context) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


def stops_iteration(_context: Context) -> None:
    raise StopIteration


def gives_a_number(_context: Context) -> int:
    return 5


def gives_a_coroutine(context: Context) -> Any:
    return raises_later(context)


def mutates_the_value(context: Context) -> None:
    context.value.text = "mine"


def raises_what_cannot_be_shown(_context: Context) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raise Odd


OUTCOMES = {
    raises: "hook.raised",
    raises_later: "hook.raised",
    blocks: "hook.timeout",
    spins: "hook.timeout",
    waits_for_ever: "hook.timeout",
    refuses_to_end: "hook.timeout",
    spins_on_the_loop: "hook.blocked",
    sleeps_on_the_loop: "hook.blocked",
    exits: "hook.exited",
    exits_later: "hook.exited",
    interrupts: "hook.exited",
    cancels_itself: "hook.raised",
    stops_iteration: "hook.raised",
    gives_a_number: "hook.bad_result",
    gives_a_coroutine: "hook.bad_result",
    mutates_the_value: "hook.raised",
    raises_what_cannot_be_shown: "hook.raised",
}


@pytest.mark.parametrize("hook", OUTCOMES, ids=lambda hook: hook.__name__)
async def test_whatever_a_hook_does_the_others_run_and_the_trace_says_what_it_was(hook: Any) -> None:
    def adds(context: Context) -> Any:
        return context.change(text=context.value.text + "!")

    async with bench() as it:
        await it.add("message:received", hook, adds, deadline=0.3, file=__file__)
        outcome = await asyncio.wait_for(it.hooks.run(MESSAGE_RECEIVED, TEXT), 5)
        first, second = await it.runs()
        assert it.hooks.statuses()[0].failures == 1
    assert outcome.value.text == "hello!"
    assert outcome.decision is None
    assert first["error"]["code"] == OUTCOMES[hook]
    assert second["result"] == "modified"
    if OUTCOMES[hook] in ("hook.raised", "hook.exited") and hook is not cancels_itself:
        assert first["error"]["file"].endswith("test_hook_containment.py")
        assert first["error"]["line"] > 0


@pytest.mark.parametrize("hook", [spins, exits, raises, mutates_the_value], ids=lambda hook: hook.__name__)
async def test_the_same_holds_for_a_hook_that_runs_on_the_loop(hook: Any) -> None:
    expected = "hook.blocked" if hook is spins else OUTCOMES[hook]
    async with bench() as it:
        await it.add("message:received", hook, trusted=True)
        assert it.hooks.statuses()[0].where == "loop"
        await asyncio.wait_for(it.hooks.run(MESSAGE_RECEIVED, TEXT), 5)
        (run,) = await it.runs()
    assert run["error"]["code"] == expected


async def test_no_except_exception_of_a_hook_swallows_the_interruption() -> None:
    def holds_on(_context: Context) -> None:
        while True:
            try:
                while True:
                    pass
            except Exception:
                continue

    async with bench() as it:
        await it.add("message:received", holds_on, trusted=True)
        await asyncio.wait_for(it.hooks.run(MESSAGE_RECEIVED, TEXT), 5)
        (run,) = await it.runs()
    assert run["error"]["code"] == "hook.blocked"
    assert not issubclass(HookBlocked, Exception)


async def test_nothing_else_is_ever_interrupted() -> None:
    """The signal that breaks a hook off does nothing to code that is no hook."""

    def quick(_context: Context) -> None:
        return None

    async with bench() as it:
        await it.add("message:received", quick, trusted=True)
        for _ in range(3):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
            until = time.monotonic() + 0.25
            while time.monotonic() < until:
                pass
        assert it.hooks.statuses()[0].failures == 0


async def test_a_hook_that_was_quick_often_enough_runs_on_the_loop_until_it_is_slow_once() -> None:
    pause = 0.0

    def often(_context: Context) -> None:
        if pause:
            time.sleep(pause)

    async with bench() as it:
        await it.add("message:received", often)
        places = []
        for _ in range(60):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
            await it.hooks.flush()
            places.append(it.hooks.statuses()[0].where)
            if places[-1] == "loop":
                break
        assert places[0] == "thread"
        assert places[-1] == "loop"
        pause = 0.02
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        await it.hooks.flush()
        assert it.hooks.statuses()[0].where == "thread"


async def test_what_hooks_print_goes_into_their_traces(capsys: pytest.CaptureFixture[str]) -> None:
    def prints(_context: Context) -> None:
        print("from a thread")

    def prints_here(_context: Context) -> None:
        print("from the loop", file=sys.stderr)

    async def prints_later(_context: Context) -> None:
        await asyncio.sleep(0)
        print("from a task")

    async with bench() as it:
        await it.add("message:received", prints, prints_later)
        await it.add("message:received", prints_here, trusted=True)
        print("of the program")
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        runs = await it.runs()
    assert [run.get("printed") for run in runs] == ["from a thread\n", "from a task\n", "from the loop\n"]
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("of the program\n", "")


async def test_a_dictionary_that_a_hook_changes_in_place_stays_as_it_was() -> None:
    seen: list[Any] = []

    def meddles(context: Context) -> None:
        context.value.arguments["inner"]["list"].append("mine")
        context.value.arguments.clear()

    def looks(context: Context) -> None:
        seen.append(msgspec.to_builtins(context.value.arguments))

    facts = {"inner": {"list": ["yours"]}}
    async with bench() as it:
        await it.add("command:before", meddles, looks)
        call = CommandCall(command="x", arguments=facts, face="cli")
        # Often enough for both to be moved from threads to the loop.
        for _ in range(30):
            outcome = await it.hooks.run(COMMAND_BEFORE, call)
            assert facts == outcome.value.arguments == {"inner": {"list": ["yours"]}}
    assert seen == [facts] * 30


async def test_time_outs_and_blocking_open_the_breaker_at_once_and_raising_after_three() -> None:
    async with bench() as it:
        await it.add("message:received", blocks, sleeps_on_the_loop, raises, deadline=0.1)
        for _ in range(4):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
            await it.hooks.flush()
        runs = {status.id: (status.runs, status.state) for status in it.hooks.statuses()}
        told = await it.told(":breaker_changed")
    assert runs == {
        "test.blocks": (1, "open"),
        "test.sleeps_on_the_loop": (1, "open"),
        "test.raises": (3, "open"),
    }
    assert sorted(event.payload["hook"] for event in told) == sorted(runs)
    assert all(event.payload["state"] == "open" and event.payload["reason"] for event in told)


async def test_a_hook_recovers_when_it_stops_failing() -> None:
    works = False

    def sometimes(_context: Context) -> None:
        if not works:
            raise ValueError

    async with bench(BreakerLimits(cooldown_s=0.01)) as it:
        await it.add("message:received", sometimes)
        for _ in range(3):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        assert not it.hooks.has(MESSAGE_RECEIVED)
        works = True
        # What is measured against a turn comes back when turns take place.
        with it.hooks.operation("turn"):
            async with asyncio.timeout(10):
                while it.hooks.statuses()[0].state != "enabled":
                    await it.hooks.run(MESSAGE_RECEIVED, TEXT)
                    await it.hooks.flush()
                    await asyncio.sleep(0.01)
        states = [event.payload["state"] for event in await it.told(":breaker_changed")]
    assert states == ["open", "half_open", "closed"]


async def test_a_reset_brings_a_hook_back_at_once() -> None:
    async with bench() as it:
        await it.add("message:received", raises)
        for _ in range(3):
            await it.hooks.run(MESSAGE_RECEIVED, TEXT)
        assert (await it.hooks.reset("test.raises")).state == "enabled"
        assert it.hooks.has(MESSAGE_RECEIVED)


async def test_a_hook_without_a_deadline_may_wait_for_a_person() -> None:
    answered = asyncio.Event()

    async def asks(_context: Context) -> None:
        await answered.wait()

    async with bench() as it:
        await it.add("message:received", asks, deadline=None)
        run = asyncio.create_task(it.hooks.run(MESSAGE_RECEIVED, TEXT))
        await asyncio.wait({run}, timeout=0.2)
        assert not run.done()
        answered.set()
        await run
        await it.hooks.flush()
        assert it.hooks.statuses()[0].state == "enabled"


async def test_a_caller_who_is_cancelled_cancels_the_hook() -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def long(_context: Context) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async with bench() as it:
        await it.add("message:received", long, deadline=30)
        run = asyncio.create_task(it.hooks.run(MESSAGE_RECEIVED, TEXT))
        await begun.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert ended.is_set()


async def test_threads_whose_hooks_never_return_are_bounded() -> None:
    threads = HookThreads()
    for _ in range(MOST_LEFT_BEHIND):
        with pytest.raises(TimeoutError):
            await threads.run(RELEASE.wait, 0.001)
    assert threads.left_behind == MOST_LEFT_BEHIND
    with pytest.raises(TimeoutError, match="too many"):
        await threads.run(lambda: None, 1)
    RELEASE.set()
    async with asyncio.timeout(10):
        while threads.left_behind:
            await asyncio.sleep(0.01)
    assert (await threads.run(lambda: 5, 1)).result == 5
    threads.close()


async def test_a_loop_in_python_code_that_is_given_up_ends() -> None:
    threads = HookThreads()

    def spin() -> None:
        while True:
            pass

    with pytest.raises(TimeoutError):
        await threads.run(spin, 0.05)
    async with asyncio.timeout(10):
        while threads.left_behind:
            await asyncio.sleep(0.01)
    threads.close()


async def test_closing_leaves_no_thread_task_or_signal_behind() -> None:
    import signal

    before = signal.getsignal(signal.SIGURG), sys.stdout, sys.stderr
    others = set(threading.enumerate())
    async with bench() as it:
        await it.add("message:received", raises, waits_for_ever, deadline=0.05)
        await it.hooks.run(MESSAGE_RECEIVED, TEXT)
    assert (signal.getsignal(signal.SIGURG), sys.stdout, sys.stderr) == before
    async with asyncio.timeout(10):
        while any(thread.name in ("hook", "hook-guard") for thread in set(threading.enumerate()) - others):
            await asyncio.sleep(0.01)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
