"""How turns end: left early, stopped at any place, without their session, after replies that never came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from workbench.app.chat.parts import (
    Part,
    PromptBuilt,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    TurnStarted,
)
from workbench.app.events.event import Event
from workbench.app.events.filter.syntax import Name
from workbench.app.events.reader import EventReader
from workbench.app.sessions.messages import Messages
from workbench.app.sessions.session import Message
from workbench.app.workbench import Workbench
from workbench.tests.integration.chat.kit import parts_of

# What the templates of some well-known models do.
STRICT = (
    "{%- for message in messages -%}"
    "{%- if loop.previtem and loop.previtem.role == message.role -%}"
    "{{- raise_exception('roles must alternate') -}}"
    "{%- endif -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{{- '<|im_start|>assistant\\n' -}}"
)


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, environ={}) as opened:
        yield opened


async def ends_told(workbench: Workbench) -> list[Event]:
    """Return the events that end a turn."""
    await workbench.log.flush()
    events = [event async for event in EventReader(workbench.store).each(Name("core:chat:*"))]
    return [event for event in events if event.name.endswith(("reply_finished", "reply_failed"))]


async def test_leaving_at_the_last_part_ends_the_turn_once(workbench: Workbench) -> None:
    session = await workbench.sessions.create()
    async with aclosing(workbench.chat.send(session.id, "hello")) as turn:
        async for part in turn:
            if isinstance(part, ReplyFinished):
                break
    assert [event.payload["reason"] for event in await ends_told(workbench)] == ["stop"]
    head = (await workbench.sessions.get(session.id)).head_id
    assert head is not None
    assert (await workbench.messages.get(head)).status == "complete"


@pytest.mark.parametrize("last", [TurnStarted, PromptBuilt, ReplyStarted, TextDelta])
@pytest.mark.parametrize("stops", [True, False], ids=["stopped", "left"])
async def test_a_turn_that_ends_early_says_so_and_leaves_nothing_streaming(
    workbench: Workbench, last: type[Any], stops: bool
) -> None:
    session = await workbench.sessions.create()
    async with aclosing(workbench.chat.send(session.id, "hello")) as turn:
        async for part in turn:
            if isinstance(part, last):
                if not stops:
                    break
                workbench.chat.stop(session.id)
    assert not workbench.chat.is_running(session.id)
    (told,) = await ends_told(workbench)
    began = last in (ReplyStarted, TextDelta)
    assert told.name.endswith("finished" if began else "failed")
    assert told.payload["reason" if began else "code"] == ("cancelled" if began else "turn.cancelled")
    head = (await workbench.sessions.get(session.id)).head_id
    assert head is not None
    assert (await workbench.messages.get(head)).status == ("cancelled" if began else "complete")
    assert workbench.models.worker.status().in_flight == 0


async def test_a_stop_while_the_reply_is_begun_leaves_no_reply_streaming(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Messages.begin_reply
    session = await workbench.sessions.create()

    async def stopped_at_once(self: Messages, *args: Any, **more: Any) -> Message:
        begun = await begin(self, *args, **more)
        workbench.chat.stop(session.id)
        await asyncio.Event().wait()
        return begun

    monkeypatch.setattr(Messages, "begin_reply", stopped_at_once)
    last = (await parts_of(workbench.chat.send(session.id, "hello")))[-1]
    assert isinstance(last, ReplyFinished)
    assert (await workbench.messages.get(last.message_id)).status == "cancelled"


async def test_a_session_that_is_deleted_meanwhile_ends_its_turn(workbench: Workbench) -> None:
    for last in (TurnStarted, TextDelta):
        session = await workbench.sessions.create()
        parts: list[Part] = []
        async for part in workbench.chat.send(session.id, "hello"):
            parts.append(part)
            if isinstance(part, last) and await workbench.sessions.count():
                await workbench.sessions.delete(session.id)
        failed = parts[-1]
        assert isinstance(failed, ReplyFailed)
        assert failed.error["code"] == ("session.not_found" if last is TurnStarted else "turn.cancelled")


async def test_a_question_whose_reply_never_came_does_not_break_strict_templates(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}, overrides={"model.template": STRICT}) as workbench:
        session = await workbench.sessions.create()
        async with aclosing(workbench.chat.send(session.id, "what is a hook?")) as turn:
            async for part in turn:
                if isinstance(part, ReplyStarted):
                    break
        parts = await parts_of(workbench.chat.send(session.id, "hello"))
        assert isinstance(parts[-1], ReplyFinished), parts[-1]


async def test_the_longest_reply_is_the_persons_wish_or_the_profiles(
    workbench: Workbench, tmp_path: Path, endless_model: Path
) -> None:
    model = tmp_path / "limited.gguf"
    model.symlink_to(endless_model)
    model.with_name("limited.profile.toml").write_text("[sampling]\nmax_tokens = 7\n")
    await workbench.models.use(str(model))
    session = await workbench.sessions.create()
    for tokens in (7, 5):
        last = (await parts_of(workbench.chat.send(session.id, "hello")))[-1]
        assert isinstance(last, ReplyFinished)
        assert (last.reason, last.usage.reply_tokens) == ("length", tokens)
        await workbench.change_setting("sampling.max_tokens", "5", "the test")


async def test_the_worker_forgets_a_session_that_is_deleted(workbench: Workbench) -> None:
    async def conversations() -> set[str]:
        info = await workbench.models.worker.request("info", {}, timeout=30)
        return {conversation["id"] for conversation in info["conversations"]}

    kept, deleted = await workbench.sessions.create(), await workbench.sessions.create()
    for session in (kept, deleted):
        await parts_of(workbench.chat.send(session.id, "hello"))
    assert await conversations() == {kept.id, deleted.id}
    finished = workbench.bus.subscribe("core:worker:request_finished")
    await workbench.sessions.delete(deleted.id)
    async with asyncio.timeout(30):
        while (await anext(finished)).payload["method"] != "forget":
            pass
    assert await conversations() == {kept.id}
