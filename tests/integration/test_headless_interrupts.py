"""Signals inside a running loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from workbench.app.errors import Interrupted
from workbench.app.headless import interrupts as module
from workbench.app.headless.interrupts import Interrupts
from workbench.app.headless.threads import on_own_thread


@pytest.fixture(autouse=True)
def usual_signals() -> Iterator[None]:
    """Begin as a program in the foreground does, whatever the tests themselves were started with."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


async def test_the_first_signal_cuts_guarded_work_off() -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned = []

    async def work() -> None:
        try:
            send()
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    with Interrupts() as interrupts:
        with pytest.raises(Interrupted, match="SIGTERM") as caught:
            await interrupts.guard(work())
        with pytest.raises(Interrupted):
            await interrupts.guard(asyncio.Event().wait())
        with pytest.raises(Interrupted):
            interrupts.check()
    assert cleaned == [True]
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGTERM) is before


async def test_work_that_can_be_asked_ends_by_itself() -> None:
    asked = asyncio.Event()

    def stop() -> bool:
        asked.set()
        return True

    async def work() -> str:
        send()
        await asked.wait()
        return "said goodbye"

    with Interrupts() as interrupts:
        with interrupts.stopping(stop):
            assert await interrupts.guard(work()) == "said goodbye"
        with pytest.raises(Interrupted):
            interrupts.check()


async def test_work_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.05)

    async def work() -> None:
        send()
        await asyncio.Event().wait()

    with Interrupts() as interrupts, interrupts.stopping(lambda: True), pytest.raises(Interrupted):
        await interrupts.guard(work())


async def test_the_second_signal_hurries() -> None:
    hurried = asyncio.Event()

    async def work() -> None:
        send(signal.SIGHUP)
        try:
            await asyncio.Event().wait()
        finally:
            send()
            await hurried.wait()

    with Interrupts() as interrupts:
        interrupts.when_hurried(hurried.set)
        with pytest.raises(Interrupted, match="SIGHUP"):
            await interrupts.guard(work())


async def test_a_failure_of_the_work_is_its_own() -> None:
    async def work() -> None:
        raise ValueError("mine")

    with Interrupts() as interrupts, pytest.raises(ValueError, match="mine"):
        await interrupts.guard(work())


async def test_last_words_are_short_after_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS_SECONDS", 0.05)
    said = []

    async def words() -> None:
        said.append("bye")

    async def endless() -> None:
        send()
        await asyncio.Event().wait()

    with Interrupts() as interrupts:
        await interrupts.finish(words())
        with pytest.raises(Interrupted):
            await interrupts.finish(endless())
        # Short ones are still said.
        await interrupts.finish(words())
    assert said == ["bye", "bye"]


async def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            send(signal.SIGHUP)
            await interrupts.guard(asyncio.sleep(0))
            interrupts.check()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_blocking_call_is_left_behind() -> None:
    ready, go, left = threading.Event(), threading.Event(), threading.Event()

    def block() -> None:
        ready.set()
        go.wait()
        left.set()

    call = asyncio.create_task(on_own_thread(block))
    await on_own_thread(ready.wait)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not left.is_set()
    go.set()
    assert await on_own_thread(left.wait)
    with pytest.raises(OSError, match="Bad file descriptor"):
        await on_own_thread(lambda: os.read(-1, 1))
    assert await on_own_thread(lambda: 7) == 7
