"""Sizes: which panes stand where, from a terminal of 20 by 5 to one of 200 by 60."""

from __future__ import annotations

import pytest

from workbench.screens.layout import Layout, Wish, arrange
from workbench.tests.tui.shell import Start
from workbench.widgets.events_pane import EventsPane


@pytest.mark.parametrize(
    ("size", "wish", "expected"),
    [
        ((200, 60), Wish(), Layout(wide=True, side=True, events=True)),
        ((140, 40), Wish(), Layout(wide=True, side=True, events=True)),
        ((140, 40), Wish(events=False), Layout(wide=True, side=True)),
        ((140, 40), Wish(side=False, instead=True), Layout(wide=True, events=True)),
        ((139, 40), Wish(), Layout(side=True)),
        ((139, 40), Wish(instead=True), Layout(side=True, talk=False, events=True)),
        ((80, 24), Wish(), Layout()),
        ((80, 24), Wish(side=True), Layout(side=True)),
        ((80, 24), Wish(instead=True), Layout(talk=False, events=True)),
        ((60, 24), Wish(side=True), Layout(side=True, talk=False, alone=True)),
        ((80, 12), Wish(), Layout(low=True)),
        ((39, 24), Wish(side=True, instead=True), Layout(low=True, tiny=True)),
        ((20, 5), Wish(), Layout(low=True, tiny=True)),
    ],
)
def test_the_panes_follow_the_size_and_the_wish(size: tuple[int, int], wish: Wish, expected: Layout) -> None:
    assert arrange(*size, 140, wish) == expected


def test_the_width_for_two_panes_is_a_setting() -> None:
    assert arrange(120, 40, 110, Wish()).wide
    assert not arrange(120, 40, 160, Wish()).wide


async def test_a_second_pane_stands_beside_the_chat_from_140_columns(start: Start) -> None:
    async with start(size=(140, 40)) as shell:
        await shell.ask("hello")
        assert "built-in guide" in shell.text()
        await shell.until(lambda: "reply_fin" in shell.text(), "the events")
        await shell.pilot.press("ctrl+e")
        assert "reply_fin" not in shell.text()
        await shell.pilot.press("ctrl+e")
        assert "reply_fin" in shell.text()


async def test_one_pane_at_a_time_below_140_columns(start: Start) -> None:
    async with start(size=(120, 40)) as shell:
        await shell.ask("hello")
        assert "reply_fin" not in shell.text()
        await shell.pilot.press("ctrl+e")
        await shell.until(lambda: "reply_fin" in shell.text(), "the events")
        assert "built-in guide" not in shell.text()
        assert shell.main.query_one(EventsPane).has_focus_within
        assert "esc chat" in shell.text()
        await shell.pilot.press("escape")
        assert "built-in guide" in shell.text()
        assert shell.composer.has_focus


async def test_the_setting_is_taken_at_once(start: Start) -> None:
    async with start(size=(120, 40)) as shell:
        await shell.ask("hello")
        assert "reply_fin" not in shell.text()
        await shell.say("/set ui.side_by_side_columns 100")
        await shell.until(lambda: "reply_fin" in shell.text(), "the second pane")


async def test_a_tiny_terminal_says_so_and_still_works(start: Start) -> None:
    async with start(size=(20, 5)) as shell:
        assert "Too small" in shell.text()
        await shell.type("hello")
        assert "hello" in shell.text()
        await shell.pilot.press("enter")
        await shell.answered()
        assert "built-in guide" in shell.conversation.last_reply
        for key in ("ctrl+s", "ctrl+e", "ctrl+p"):
            await shell.pilot.press(key)
        await shell.pilot.press("escape", "f1", "escape")
        await shell.pilot.resize_terminal(100, 30)
        await shell.until(lambda: "commands" in shell.text())
        assert "Too small" not in shell.text()


async def test_a_storm_of_sizes_leaves_everything_in_its_place(start: Start, endless: dict[str, str]) -> None:
    async with start(size=(120, 40), overrides=endless) as shell:
        await shell.say("hello")
        await shell.writing()
        sizes = [(10, 3), (200, 60), (1, 1), (80, 24), (39, 8), (141, 17), (64, 9), (20, 5), (160, 50)]
        for size in sizes:
            await shell.pilot.resize_terminal(*size)
        await shell.pilot.press("escape")
        await shell.until(lambda: shell.conversation.running is None)
        await shell.until(lambda: "esc stop" not in shell.text())
        assert "Sessions" in shell.text()
