"""Turns on a disk that fills up: a script is told, a screen waits; what was stored stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from workbench.app import services as services_module
from workbench.app.chat import turn as turn_module
from workbench.app.chat.parts import Part, ReplyFailed, ReplyFinished, ReplyStarted, TextDelta
from workbench.app.errors import StoreError, TurnError
from workbench.app.store import writer as writer_module
from workbench.app.workbench import Workbench
from workbench.tests.integration.chat.kit import parts_of, text_of
from workbench.tests.integration.store_kit import Disk, attach_disk, wait_until


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of the profile that the test opens; retries come quickly."""
    monkeypatch.setattr(writer_module, "_RETRY_SECONDS", 0.01)
    return attach_disk(monkeypatch)


@asynccontextmanager
async def opened(folder: Path, model: Path, *, wait: bool, tokens: int = 0) -> AsyncIterator[Workbench]:
    overrides = {"model.name": str(model), "model.slots": "1", "chat.save_interval_ms": "20"}
    if tokens:
        overrides["sampling.max_tokens"] = str(tokens)
    async with Workbench.open(folder, environ={}, overrides=overrides, wait_for_disk=wait) as workbench:
        yield workbench


async def fill_when_stored(
    workbench: Workbench, disk: Disk, turn: AsyncIterator[Part], seen: list[Part]
) -> str:
    """Follow a turn until some of its reply is stored, fill the disk, and return what was stored by then."""
    async for part in turn:
        seen.append(part)
        if isinstance(part, TextDelta):
            started = next(part for part in seen if isinstance(part, ReplyStarted))
            stored = (await workbench.messages.get(started.message_id)).text
            if stored:
                await disk.fill()
                return stored
    raise AssertionError("the reply ended before any of it was stored")


async def test_a_script_is_told_and_what_was_stored_stays(
    tmp_path: Path, endless_model: Path, disk: Disk
) -> None:
    async with opened(tmp_path, endless_model, wait=False) as workbench:
        session = await workbench.sessions.create()
        turn, seen = workbench.chat.send(session.id, "hello"), list[Part]()
        async with aclosing(turn):
            stored = await fill_when_stored(workbench, disk, turn, seen)
            seen += await parts_of(turn)
        failed = seen[-1]
        assert isinstance(failed, ReplyFailed)
        assert (failed.error["code"], failed.error["exit_code"]) == ("store.full", 4)
        assert failed.message_id is not None
        kept = await workbench.messages.get(failed.message_id)
        assert kept.text.startswith(stored)
        assert text_of(seen).startswith(kept.text)
        assert not workbench.chat.is_running(session.id)
        await disk.free()
        await workbench.change_setting("sampling.max_tokens", "20", "the test")
        again = await parts_of(workbench.chat.send(session.id, "and now?"))
        assert isinstance(again[-1], ReplyFinished)
    async with Workbench.open(tmp_path, environ={}, services=("messages",)) as workbench:
        again_kept = await workbench.messages.get(kept.id)
        assert (again_kept.text, again_kept.status) == (kept.text, "interrupted")


async def test_a_stop_on_a_full_disk_fails_the_turn_and_raises_nothing(
    tmp_path: Path, endless_model: Path, disk: Disk
) -> None:
    async with opened(tmp_path, endless_model, wait=False) as workbench:
        session = await workbench.sessions.create()
        turn, seen = workbench.chat.send(session.id, "hello"), list[Part]()
        async with aclosing(turn):
            await fill_when_stored(workbench, disk, turn, seen)
            workbench.chat.stop(session.id)
            last = (await parts_of(turn))[-1]
        # Some of it may have found room in the pages that there are.
        assert isinstance(last, ReplyFailed | ReplyFinished)
        if isinstance(last, ReplyFailed):
            assert last.error["code"] == "store.full"
        await disk.free()


async def test_a_screen_waits_and_stores_the_whole_reply(
    tmp_path: Path, endless_model: Path, disk: Disk
) -> None:
    async with opened(tmp_path, endless_model, wait=True, tokens=600) as workbench:
        heard = workbench.bus.subscribe("core:store:*")
        session = await workbench.sessions.create()
        turn, seen = workbench.chat.send(session.id, "hello"), list[Part]()
        async with aclosing(turn):
            await fill_when_stored(workbench, disk, turn, seen)
            rest = asyncio.create_task(parts_of(turn))
            refused = await asyncio.wait_for(anext(heard), 30)
            assert refused.name == "core:store:read_only"
            # The reply is written to its end, and waits there.
            await wait_until(lambda: not workbench.models.worker.status().in_flight)
            assert not rest.done()
            assert workbench.chat.is_running(session.id)
            await disk.free()
            seen += await asyncio.wait_for(rest, 30)
        finished = seen[-1]
        assert isinstance(finished, ReplyFinished)
        assert (finished.reason, finished.usage.reply_tokens) == ("length", 600)
        reply = await workbench.messages.get(finished.message_id)
        assert (reply.status, reply.text) == ("complete", text_of(seen))
        assert (await asyncio.wait_for(anext(heard), 30)).name == "core:store:recovered"


async def test_a_message_that_waits_for_the_disk_can_be_taken_back(
    tmp_path: Path, endless_model: Path, disk: Disk
) -> None:
    async with opened(tmp_path, endless_model, wait=True) as workbench:
        session = await workbench.sessions.create()
        await disk.fill()
        turn = asyncio.create_task(parts_of(workbench.chat.send(session.id, "word " * 20_000)))
        await wait_until(lambda: workbench.store.read_only_reason)
        assert workbench.chat.stop(session.id)
        with pytest.raises(TurnError) as caught:
            await asyncio.wait_for(turn, 30)
        assert caught.value.code == "turn.cancelled"
        await disk.free()
        assert (await workbench.sessions.get(session.id)).messages == 0


async def test_a_caller_who_is_cancelled_on_a_full_disk_waits_a_bounded_time(
    tmp_path: Path, endless_model: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_module, "_END_SECONDS", 0.1)
    async with opened(tmp_path, endless_model, wait=True) as workbench:
        session = await workbench.sessions.create()
        turn, seen = workbench.chat.send(session.id, "hello"), list[Part]()
        async with aclosing(turn):
            await fill_when_stored(workbench, disk, turn, seen)
            rest = asyncio.create_task(parts_of(turn))
            await wait_until(lambda: workbench.store.read_only_reason)
            rest.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(rest, 30)
        assert not workbench.chat.is_running(session.id)
        await disk.free()


async def test_a_screen_does_not_start_on_a_disk_that_is_still_full(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_module, "_RECOVERY_SECONDS", 0.1)
    monkeypatch.setattr(writer_module, "_CLOSE_SECONDS", 0.1)
    async with Workbench.open(tmp_path, environ={}, services=("sessions", "messages")) as workbench:
        session = await workbench.sessions.create()
        await workbench.store.write(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
            " INSERT INTO messages (id, session_id, role, status, text, created)"
            " SELECT 'reply ' || i, ?, 'assistant', 'streaming', '', i FROM n",
            (session.id,),
        )
    disk.starts_full = True
    with pytest.raises(StoreError) as caught:
        async with Workbench.open(tmp_path, environ={}, services=("messages",), wait_for_disk=True):
            raise AssertionError("it was opened")
    assert (caught.value.code, caught.value.exit_code) == ("store.full", 4)
