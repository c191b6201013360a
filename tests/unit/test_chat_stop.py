"""Stopping an iteration from outside."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from workbench.app.chat.stop import Stopped, unless_stopped, until_stopped


async def test_steps_pass_until_the_source_ends() -> None:
    async def source() -> AsyncGenerator[int]:
        for number in range(3):
            yield number

    assert [step async for step in until_stopped(source(), asyncio.Event())] == [0, 1, 2]


async def test_a_stop_cancels_the_step_that_is_waited_for() -> None:
    waiting, cleaned = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncGenerator[int]:
        yield 1
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    stop = asyncio.Event()
    seen: list[int] = []

    async def read() -> None:
        async with aclosing(until_stopped(source(), stop)) as steps:
            async for step in steps:
                seen.append(step)

    reader = asyncio.create_task(read())
    await asyncio.wait_for(waiting.wait(), 5)
    stop.set()
    with pytest.raises(Stopped):
        await asyncio.wait_for(reader, 5)
    assert seen == [1]
    assert cleaned.is_set()


async def test_an_error_of_the_source_comes_through() -> None:
    async def source() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        [step async for step in until_stopped(source(), asyncio.Event())]


async def test_cancelling_the_reader_ends_the_source_first() -> None:
    waiting, cleaned = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncGenerator[int]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            cleaned.set()

    async def read() -> None:
        async with aclosing(until_stopped(source(), asyncio.Event())) as steps:
            async for _ in steps:
                pass

    reader = asyncio.create_task(read())
    await asyncio.wait_for(waiting.wait(), 5)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert cleaned.is_set()


async def test_a_reader_who_leaves_at_a_step_ends_the_source_at_once() -> None:
    cleaned = asyncio.Event()

    async def source() -> AsyncGenerator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.set()

    for stops in (False, True):
        stop = asyncio.Event()
        cleaned.clear()
        async with aclosing(until_stopped(source(), stop)) as steps:
            assert await anext(steps) == 1
            if stops:
                stop.set()
                with pytest.raises(Stopped):
                    await anext(steps)
        assert cleaned.is_set()


async def test_a_cancel_that_comes_while_a_stop_ends_the_source_is_not_lost() -> None:
    waiting, release = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncGenerator[int]:
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield 1
        finally:
            await release.wait()

    stop = asyncio.Event()

    async def read() -> None:
        async for _ in until_stopped(source(), stop):
            pass

    reader = asyncio.create_task(read())
    await asyncio.wait_for(waiting.wait(), 5)
    stop.set()
    for _ in range(5):
        await asyncio.sleep(0)
    reader.cancel()
    await asyncio.sleep(0)
    assert not reader.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(reader, 5)


async def test_work_is_done_unless_it_is_stopped() -> None:
    async def work() -> str:
        return "done"

    stop = asyncio.Event()
    assert await unless_stopped(work(), stop) == "done"
    stop.set()
    with pytest.raises(Stopped):
        await unless_stopped(asyncio.Event().wait(), stop)
