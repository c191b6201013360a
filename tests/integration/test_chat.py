"""Turns with the real built-in model in its real worker process."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from workbench.app.chat.parts import (
    Part,
    PromptBuilt,
    ReplyFailed,
    ReplyFinished,
    TextDelta,
    TurnStarted,
)
from workbench.app.errors import SessionError, TurnError, UsageError, WorkbenchError
from workbench.app.events.filter.syntax import All, Compare, Name
from workbench.app.events.reader import EventReader
from workbench.app.workbench import Workbench
from workbench.tests.integration.chat.kit import add_chain, parts_of, text_of

# At a high temperature the guide rambles until its context is full: a long reply to interrupt.
RAMBLING = {"sampling.temperature": "5", "sampling.min_p": "0", "sampling.top_p": "1", "sampling.top_k": "0"}


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, environ={}) as opened:
        yield opened


@pytest.fixture
async def rambling(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, environ={}, overrides=RAMBLING) as opened:
        yield opened


async def test_a_question_is_answered_stored_and_told(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    parts = await parts_of(workbench.chat.send(session.id, "what does ctrl+p do?"))

    assert isinstance(parts[0], TurnStarted)
    assert isinstance(parts[-1], ReplyFinished)
    assert parts[-1].reason == "stop"
    assert "palette" in text_of(parts)
    assert parts[-1].usage.reply_tokens > 3
    head = (await workbench.sessions.get(session.id)).head_id
    question, reply = await workbench.messages.path(head)
    assert (question.text, reply.text) == ("what does ctrl+p do?", text_of(parts))
    assert (reply.status, reply.model, reply.meta["reason"]) == ("complete", "guide", "stop")

    await workbench.log.flush()
    wanted = All((Compare(("turn",), "==", parts[0].correlation_id), Name("core:chat:*")))
    events = [event async for event in EventReader(workbench.store).each(wanted)]
    names = [
        event.name.rpartition(":")[2]
        for event in events
        if not event.name.endswith(("progress", "step_finished"))
    ]
    assert names == ["message_received", "prompt_built", "reply_started", "reply_finished"]
    assert {event.session_id for event in events} == {session.id}
    assert all(event.parent_id == events[0].id for event in events[1:])


async def test_the_conversation_is_remembered_and_its_prefix_reused(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    await parts_of(workbench.chat.send(session.id, "my name is Torvel"))
    parts = await parts_of(workbench.chat.send(session.id, "what is my name?"))
    assert "Torvel" in text_of(parts)
    finished = parts[-1]
    assert isinstance(finished, ReplyFinished)
    assert finished.usage.cached_tokens > 10


async def test_regenerating_and_editing_add_branches(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    await parts_of(workbench.chat.send(session.id, "hello"))
    head = (await workbench.sessions.get(session.id)).head_id
    question, reply = await workbench.messages.path(head)

    again = await parts_of(workbench.chat.regenerate(reply.id))
    assert isinstance(again[-1], ReplyFinished)
    assert len(await workbench.messages.siblings(reply)) == 2
    edited = await parts_of(workbench.chat.edit(question.id, "what is a hook?"))
    assert isinstance(edited[-1], ReplyFinished)
    new_path = await workbench.messages.path((await workbench.sessions.get(session.id)).head_id)
    assert new_path[0].text == "what is a hook?"
    assert (await workbench.messages.get(question.id)).text == "hello"
    assert (await workbench.messages.get(reply.id)).text == reply.text


async def test_stopping_keeps_what_has_arrived_marked_and_it_can_be_continued(rambling: Workbench) -> None:
    session = await rambling.sessions.create()
    seen: list[Part] = []
    async for part in rambling.chat.send(session.id, "hello"):
        seen.append(part)
        if isinstance(part, TextDelta) and part.tokens > 5:
            rambling.chat.stop(session.id)
    assert isinstance(seen[-1], ReplyFinished)
    assert seen[-1].reason == "cancelled"
    reply = await rambling.messages.get(seen[-1].message_id)
    assert reply.status == "cancelled"
    assert reply.text == text_of(seen)
    assert not rambling.chat.is_running(session.id)

    more: list[Part] = []
    async with aclosing(rambling.chat.resume(reply.id)) as turn:
        async for part in turn:
            more.append(part)
            if isinstance(part, TextDelta):
                break
    assert text_of(more).startswith(reply.text)
    assert len(text_of(more)) > len(reply.text)


async def test_cancelling_the_caller_stops_the_turn_and_keeps_the_text(rambling: Workbench) -> None:
    session = await rambling.sessions.create()
    arrived = asyncio.Event()

    async def read() -> None:
        async for part in rambling.chat.send(session.id, "hello"):
            if isinstance(part, TextDelta):
                arrived.set()

    reader = asyncio.create_task(read())
    await asyncio.wait_for(arrived.wait(), 30)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    head = (await rambling.sessions.get(session.id)).head_id
    assert head is not None
    reply = await rambling.messages.get(head)
    assert reply.status == "cancelled"
    assert reply.text


async def test_one_turn_at_a_time_in_a_session_but_several_sessions_at_once(rambling: Workbench) -> None:
    first, second = await rambling.sessions.create(), await rambling.sessions.create()
    async with aclosing(rambling.chat.send(first.id, "hello")) as turn:
        await anext(turn)
        with pytest.raises(TurnError) as busy:
            await parts_of(rambling.chat.send(first.id, "again"))
        assert busy.value.code == "turn.busy"
        beside = rambling.chat.send(second.id, "hello")
        # Its message is kept by then; a turn that is stopped before that has no end.
        await anext(beside)
        other = asyncio.create_task(parts_of(beside))
        rambling.chat.stop(first.id)
        async for _ in turn:
            pass
        rambling.chat.stop(second.id)
        assert isinstance((await asyncio.wait_for(other, 60))[-1], ReplyFinished | ReplyFailed)


async def test_a_killed_worker_costs_only_the_unfinished_words(rambling: Workbench) -> None:
    session = await rambling.sessions.create()
    seen: list[Part] = []
    async for part in rambling.chat.send(session.id, "hello"):
        seen.append(part)
        if isinstance(part, TextDelta) and part.tokens > 3 and rambling.models.worker.pid is not None:
            os.kill(rambling.models.worker.pid, signal.SIGKILL)
    failed = seen[-1]
    assert isinstance(failed, ReplyFailed)
    assert failed.error["code"] == "worker.crashed"
    assert failed.message_id is not None
    reply = await rambling.messages.get(failed.message_id)
    assert (reply.status, reply.text) == ("interrupted", text_of(seen))
    assert reply.text

    next_turn = rambling.chat.send(session.id, "hello again")
    async with aclosing(next_turn):
        kinds = [type(part) async for part in next_turn]
    assert TextDelta in kinds
    assert kinds[-1] is ReplyFinished


async def test_a_long_conversation_is_trimmed_and_says_so(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    await add_chain(workbench.store, session.id, 80, "word " * 60)
    parts = await parts_of(workbench.chat.send(session.id, "what is a plugin?"))
    built = next(part for part in parts if isinstance(part, PromptBuilt))
    assert built.trimmed_messages > 0
    assert built.tokens <= built.context - 256
    assert any(part.code == "chat.trimmed" for part in parts if hasattr(part, "code"))
    assert isinstance(parts[-1], ReplyFinished)


async def test_a_message_that_cannot_fit_fails_clearly_and_is_kept(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    parts = await parts_of(workbench.chat.send(session.id, "word " * 5000))
    failed = parts[-1]
    assert isinstance(failed, ReplyFailed)
    assert failed.error["code"] == "model.prompt_too_long"
    assert (await workbench.sessions.get(session.id)).messages == 1
    assert isinstance((await parts_of(workbench.chat.send(session.id, "hello")))[-1], ReplyFinished)


async def test_bad_requests_are_refused_before_anything_is_stored(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    with pytest.raises(UsageError):
        await parts_of(workbench.chat.send(session.id, "  \n "))
    with pytest.raises(SessionError):
        await parts_of(workbench.chat.send("no such session", "hello"))
    parts = await parts_of(workbench.chat.send(session.id, "hello \udcff there"))
    assert isinstance(parts[0], TurnStarted)
    reply = parts[-1]
    assert isinstance(reply, ReplyFinished)
    with pytest.raises(SessionError):
        await parts_of(workbench.chat.edit(reply.message_id, "x"))
    with pytest.raises(SessionError):
        await parts_of(workbench.chat.resume(reply.message_id))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "model.not_found"),
        (b"", "model.broken"),
        (b"not a model at all", "model.broken"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 64, "model.broken"),
    ],
)
async def test_a_bad_model_fails_the_turn_and_the_guide_still_answers(
    workbench: Workbench, tmp_path: Path, content: bytes | None, code: str
) -> None:
    path = tmp_path / "bad.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkbenchError) as caught:
        await workbench.models.use(str(path))
    assert caught.value.code == code
    session = await workbench.sessions.create()
    assert isinstance((await parts_of(workbench.chat.send(session.id, "hello")))[-1], ReplyFinished)
