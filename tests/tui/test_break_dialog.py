"""Breakpoints on the screen: what waits is shown over everything, changed, cancelled, or let go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.results import Continue
from workbench.screens.break_dialog import BreakDialog, ValueEditor
from workbench.screens.hooks import HooksScreen
from workbench.screens.picker import Picker
from workbench.tests.tui.shell import Shell, Start

POINT = "message:received"


def breakpoints(shell: Shell) -> Breakpoints:
    """Return the breakpoints of the open profile."""
    found: Breakpoints = shell.workbench.service("plugins").breakpoints
    return found


async def stop_at(shell: Shell, point: str = POINT) -> None:
    """Set a breakpoint, and wait until it holds."""
    breakpoints(shell).set(point)
    hook = f"debugging.pause@{point}"
    await shell.until(
        lambda: any(each.id == hook for each in shell.workbench.hooks.statuses()), "the breakpoint"
    )


async def stopped(shell: Shell) -> BreakDialog:
    """Wait for a dialog whose keys count."""
    await shell.until(
        lambda: isinstance(shell.app.screen, BreakDialog) and shell.app.screen.armed, "the dialog"
    )
    dialog = shell.app.screen
    assert isinstance(dialog, BreakDialog)
    return dialog


async def test_what_waits_is_shown_and_goes_on(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell)
        await shell.say("hello")
        await stopped(shell)
        assert f"Stopped at {POINT}" in shell.text()
        assert '"text": "hello"' in shell.text()
        assert shell.conversation.head is None
        await shell.pilot.press("enter")
        await shell.answered()
        await shell.until(lambda: shell.app.screen is shell.main, "the chat")


async def test_it_is_edited_and_checked(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell)
        await shell.say("nonsense")
        dialog = await stopped(shell)
        await shell.pilot.press("e")
        await shell.until(lambda: dialog.query(ValueEditor), "the editor")
        editor = dialog.query_one(ValueEditor)
        editor.text = '{\n "text": 3,,\n}'
        await shell.pilot.press("enter")
        await shell.until(lambda: "not JSON, line 2, column 12" in shell.text(), "what is wrong")
        assert editor.cursor_location == (1, 11)
        editor.text = '{"text": 3}'
        await shell.pilot.press("enter")
        await shell.until(lambda: "does not fit message:received" in shell.text(), "what does not fit")
        editor.text = '{"text": "what is workbench?"}'
        await shell.pilot.press("enter")
        await shell.answered()
        await shell.until(
            lambda: "Workbench is a terminal" in shell.text(), "the answer to the changed message"
        )


async def test_it_is_cancelled_with_a_reason(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell)
        await shell.say("hello")
        await stopped(shell)
        await shell.pilot.press("x")
        await shell.type("not now")
        await shell.pilot.press("enter")
        await shell.until(lambda: "not now" in shell.text() and shell.app.screen is shell.main, "the reason")
        assert shell.conversation.head is None


async def test_keys_that_were_meant_for_the_chat_answer_nothing(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell)
        await shell.say("hello")
        await shell.until(lambda: isinstance(shell.app.screen, BreakDialog), "the dialog")
        dialog = shell.app.screen
        assert isinstance(dialog, BreakDialog)
        assert dialog._arming is not None
        dialog._arming.stop()
        dialog.armed = False
        await shell.pilot.press("c", "enter", "x", "e", "b")
        assert breakpoints(shell).pending()
        dialog.armed = True
        await shell.pilot.press("escape")
        assert breakpoints(shell).pending()
        await shell.pilot.press("c")
        await shell.answered()


async def test_several_wait_in_a_row_and_no_answer_is_left_over(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell)
        await stop_at(shell, "turn:started")
        await shell.say("hello")
        first = await stopped(shell)
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.app.screen is not first, "the next")
        second = await stopped(shell)
        assert second.pause.point == "turn:started"
        await shell.pilot.press("f1")
        breakpoints(shell).answer(second.pause.pause_id, Continue())
        await shell.until(lambda: shell.app.screen is shell.main, "the chat")
        await shell.answered()


async def test_b_lets_it_go_on_and_stops_there_no_more(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell)
        await shell.say("hello")
        await stopped(shell)
        await shell.pilot.press("b")
        await shell.answered()
        assert not breakpoints(shell).list()


async def test_only_answers_that_make_sense_are_offered(start: Start) -> None:
    async with start() as shell:
        await stop_at(shell, "turn:finished")
        await shell.say("hello")
        await stopped(shell)
        assert "cancel it" not in shell.text()
        await shell.pilot.press("x", "e")
        assert breakpoints(shell).pending()
        await shell.pilot.press("enter")
        await shell.until(lambda: shell.app.screen is shell.main, "the chat")
        await shell.answered()


async def test_it_comes_over_the_hooks_and_a_point_is_chosen_in_the_palette(start: Start) -> None:
    async with start(size=(100, 34)) as shell:
        shell.main.commands.run_name("hooks break")
        await shell.until(lambda: isinstance(shell.app.screen, Picker), "the points")
        await shell.type("clipboard:copy")
        await shell.pilot.press("enter")
        await shell.until(lambda: breakpoints(shell).list(), "the breakpoint")
        await shell.pilot.press("ctrl+t")
        await shell.until(lambda: isinstance(shell.app.screen, HooksScreen), "the hooks")
        await shell.until(lambda: "debugging.pause" in shell.text(), "the breakpoint's hook")
        await shell.pilot.press("c")
        await stopped(shell)
        assert "Stopped at clipboard:copy" in shell.text()
        await shell.pilot.press("b")
        await shell.until(lambda: isinstance(shell.app.screen, HooksScreen), "the hooks")


@pytest.mark.parametrize("size", [(40, 12), (80, 24)])
async def test_long_values_fit_small_screens(start: Start, size: tuple[int, int], tmp_path: Path) -> None:
    async with start(size=size) as shell:
        await stop_at(shell)
        await shell.say("\n".join(f"line {number}" for number in range(60)))
        await stopped(shell)
        assert "go on" in shell.text()
        assert all(len(line) <= size[0] for line in shell.text().split("\n"))
        await shell.pilot.press("pagedown", "e")
        await shell.until(lambda: "check and go on" in shell.text(), "the editor")
        await shell.pilot.press("escape", "c")
        await shell.answered()
