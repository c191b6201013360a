"""Talking: sending, stopping, answering again, editing, and what happens when the model's process dies."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from workbench.app.sessions.session import Session
from workbench.tests.tui.shell import Start
from workbench.widgets.chat_view import ChatView
from workbench.widgets.events_pane import EventsPane


async def test_a_question_is_answered_and_the_composer_is_empty_again(start: Start) -> None:
    async with start() as shell:
        await shell.type("what is workbench?")
        await shell.pilot.press("enter")
        assert shell.composer.text == ""
        await shell.answered()
        assert "terminal application" in shell.text()
        assert shell.status.session == "what is workbench?"


async def test_escape_stops_the_reply_and_keeps_what_had_arrived(
    start: Start, endless: dict[str, str]
) -> None:
    async with start(overrides=endless) as shell:
        await shell.say("hello")
        await shell.writing(200)
        assert "esc stop" in shell.text()
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.conversation.running is None)
        head = shell.conversation.head
        assert head is not None
        assert head.status == "cancelled"
        assert len(head.text) >= 200
        stored = await shell.workbench.messages.get(head.id)
        assert stored.text == head.text


async def test_ctrl_c_stops_too_and_otherwise_says_how_to_quit(start: Start, endless: dict[str, str]) -> None:
    async with start(overrides=endless) as shell:
        shell.main.query_one(ChatView).focus()
        await shell.pilot.press("ctrl+c")
        assert "ctrl+q quits" in shell.text()
        await shell.say("hello")
        shell.composer.focus()
        await shell.say("hello")
        await shell.writing()
        shell.app.action_interrupt()
        await shell.until(lambda: shell.conversation.running is None)


async def test_what_is_sent_while_a_reply_streams_stays_in_the_composer(
    start: Start, endless: dict[str, str]
) -> None:
    async with start(overrides=endless) as shell:
        await shell.say("hello")
        await shell.writing()
        await shell.say("and another")
        assert shell.composer.text == "and another"
        assert "Still answering" in shell.text()
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.conversation.running is None)


async def test_ctrl_r_answers_again_as_a_new_branch(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        first = shell.conversation.head
        assert first is not None
        await shell.pilot.press("ctrl+r")
        await shell.until(lambda: shell.conversation.head is not first)
        await shell.until(lambda: shell.conversation.running is None)
        again = shell.conversation.head
        assert again is not None
        assert again.parent_id == first.parent_id
        assert [message.id for message in await shell.workbench.messages.siblings(first)] == [
            first.id,
            again.id,
        ]


async def test_an_edited_message_makes_a_new_branch_and_escape_gives_the_draft_back(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        head = shell.conversation.head
        assert head is not None
        assert head.parent_id is not None
        shell.composer.put("my draft")
        shell.conversation.edit(head.parent_id)
        await shell.until(lambda: shell.composer.text == "hello")
        await shell.pilot.press("escape")
        assert shell.composer.text == "my draft"
        assert shell.notices.banner is None

        shell.conversation.edit(head.parent_id)
        await shell.until(lambda: shell.composer.text == "hello")
        await shell.say("what is workbench?")
        await shell.until(lambda: shell.conversation.head is not head)
        await shell.until(lambda: shell.conversation.running is None)
        assert "terminal application" in shell.conversation.last_reply
        edited = shell.conversation.head
        assert edited is not None
        path = await shell.workbench.messages.path(edited.id)
        assert [message.text for message in path][:1] == ["what is workbench?"]


async def test_a_killed_worker_costs_only_the_rest_of_the_reply(
    start: Start, endless: dict[str, str]
) -> None:
    async with start(overrides=endless) as shell:
        await shell.say("hello")
        await shell.writing(300)
        pid = shell.workbench.models.worker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await shell.until(lambda: shell.conversation.running is None)
        head = shell.conversation.head
        assert head is not None
        assert head.status == "interrupted"
        assert len(head.text) >= 300
        banner = shell.notices.banner
        assert banner is not None
        assert banner.key == "resume"
        await shell.say("and now?")
        await shell.writing(100)
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.conversation.running is None)


async def test_an_error_before_the_reply_stands_in_the_chat(start: Start) -> None:
    async with start() as shell:
        await shell.say("word " * 3000)
        await shell.until(lambda: shell.conversation.head is not None)
        await shell.until(lambda: shell.conversation.running is None)
        await shell.until(lambda: "context" in shell.text())
        assert "Traceback" not in shell.text()
        assert await shell.ask("hello")


async def test_the_prompt_that_was_cut_is_said_in_the_chat(start: Start) -> None:
    async with start(overrides={"model.context": "512"}) as shell:
        for _ in range(3):
            await shell.ask("please repeat: " + "the quick brown fox jumps over the lazy dog " * 8)
        await shell.until(lambda: "left out" in shell.text(), "the notice about the prompt")


async def test_markup_and_escape_sequences_are_only_text(start: Start) -> None:
    async with start() as shell:
        await shell.ask("[bold red]no markup[/] \x1b[31m and no \x1b]0;title\x07 escape")
        text = shell.text()
        assert "[bold red]no markup[/]" in text
        assert "\x1b" not in text
        assert "\x1b" not in shell.status.render().plain


async def test_a_message_goes_to_the_session_that_was_open_when_it_was_sent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as shell:
        sessions = shell.workbench.sessions
        made, held = sessions.create, asyncio.Event()

        async def create_slowly(title: str = "") -> Session:
            await held.wait()
            return await made(title)

        other = await made("another")
        monkeypatch.setattr(sessions, "create", create_slowly)
        await shell.say("hello")
        await shell.until(lambda: shell.conversation._sending, "the sending")
        await shell.main.open_session(other.id)
        held.set()
        await shell.until(lambda: not shell.conversation._sending, "the message to be sent")
        await shell.until(lambda: not shell.conversation.running_sessions, "the reply")
        assert shell.conversation.session_id == other.id
        found = {session.title: session.messages for session in await sessions.list()}
        assert found == {"another": 0, "hello": 2}


async def test_an_event_is_copied_by_its_key(start: Start) -> None:
    async with start(size=(160, 40)) as shell:
        pane = shell.main.query_one(EventsPane)
        pane.focus()
        await shell.until(lambda: "system:started" in shell.text(), "the events")
        await shell.pilot.press("up", "c")
        await shell.until(lambda: "clipboard" in shell.text(), "what became of the copy")
