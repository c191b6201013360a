"""Sessions: new ones, switching while a reply streams, renaming, deleting, and the list at the left edge."""

from __future__ import annotations

from workbench.tests.tui.shell import Start
from workbench.widgets.row_list import RowList


async def test_a_new_session_is_kept_with_its_first_message(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        first = shell.conversation.session_id
        await shell.pilot.press("ctrl+n")
        await shell.until(lambda: shell.conversation.session is None)
        assert "Welcome" in shell.text()
        assert await shell.workbench.sessions.count() == 1
        await shell.ask("what is workbench?")
        assert shell.conversation.session_id != first
        assert await shell.workbench.sessions.count() == 2
        await shell.until(lambda: len(shell.main.query_one(RowList).rows) == 2)


async def test_a_reply_streams_on_while_another_session_is_open(
    start: Start, endless: dict[str, str]
) -> None:
    async with start(size=(120, 30), overrides=endless) as shell:
        await shell.say("hello")
        await shell.writing(100)
        streaming = shell.conversation.session_id
        assert streaming is not None
        await shell.pilot.press("ctrl+n")
        await shell.until(lambda: shell.conversation.session is None)
        assert streaming in shell.conversation.running_sessions
        assert "live" in shell.text()
        await shell.main.open_session(streaming)
        await shell.writing(100)
        turn = shell.conversation.running
        assert turn is not None
        shown = turn.reply
        await shell.until(lambda: len(turn.reply) > len(shown) + 200, "more text after coming back")
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.conversation.running is None)
        head = shell.conversation.head
        assert head is not None
        assert (await shell.workbench.messages.get(head.id)).text.startswith(shown)


async def test_the_session_list_opens_renames_and_deletes_by_keys(start: Start) -> None:
    async with start(size=(120, 30)) as shell:
        await shell.ask("hello")
        first = shell.conversation.session_id
        await shell.pilot.press("ctrl+n")
        await shell.ask("what is workbench?")
        await shell.pilot.press("ctrl+s")
        rows = shell.main.query_one(RowList)
        assert rows.has_focus
        await shell.pilot.press("down", "enter")
        await shell.until(lambda: shell.conversation.session_id == first)
        assert shell.composer.has_focus

        await shell.pilot.press("ctrl+s", "r")
        await shell.until(lambda: "Rename the session" in shell.text())
        await shell.pilot.press("end", "ctrl+u")
        await shell.type("greetings")
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.status.session == "greetings")
        await shell.until(lambda: any(row.label == "greetings" for row in rows.rows))

        rows.focus()
        await shell.pilot.press("d")
        await shell.until(lambda: "Delete “greetings”?" in shell.text())
        await shell.pilot.press("n")
        assert await shell.workbench.sessions.count() == 2
        await shell.pilot.press("d")
        await shell.until(lambda: "Delete “greetings”?" in shell.text())
        await shell.pilot.press("y")
        await shell.until(lambda: shell.conversation.session_id != first)
        titles = [session.title for session in await shell.workbench.sessions.list()]
        assert "greetings" not in titles


async def test_ctrl_s_twice_hides_the_list(start: Start) -> None:
    async with start(size=(120, 30)) as shell:
        assert "Sessions" in shell.text()
        await shell.pilot.press("ctrl+s", "ctrl+s")
        assert "Sessions" not in shell.text()
        assert shell.composer.has_focus


async def test_the_draft_of_each_session_stays_with_it(start: Start) -> None:
    async with start(size=(120, 30)) as shell:
        await shell.ask("hello")
        first = shell.conversation.session_id
        assert first is not None
        await shell.type("draft one")
        await shell.pilot.press("ctrl+n")
        await shell.until(lambda: shell.composer.text == "")
        await shell.ask("what is workbench?")
        await shell.main.open_session(first)
        assert shell.composer.text == "draft one"


async def test_up_brings_back_what_was_sent_and_down_what_was_written(start: Start) -> None:
    async with start() as shell:
        await shell.ask("hello")
        await shell.ask("what is workbench?")
        await shell.type("unsent")
        await shell.pilot.press("up")
        assert shell.composer.text == "what is workbench?"
        await shell.pilot.press("up")
        assert shell.composer.text == "hello"
        await shell.pilot.press("up")
        assert shell.composer.text == "hello"
        await shell.pilot.press("down", "down")
        assert shell.composer.text == "unsent"


async def test_ctrl_j_begins_a_line_and_enter_sends_both(start: Start) -> None:
    async with start() as shell:
        await shell.type("hello\nworld")
        assert shell.composer.text == "hello\nworld"
        await shell.pilot.press("up")
        assert shell.composer.text == "hello\nworld"
        await shell.pilot.press("enter")
        await shell.answered()
        head = shell.conversation.head
        assert head is not None
        assert head.parent_id is not None
        assert (await shell.workbench.messages.get(head.parent_id)).text == "hello\nworld"
