"""The events pane within the program: its keys in the status bar and the help, and where its messages go."""

from __future__ import annotations

from workbench.screens.help import Help
from workbench.screens.timeline import TimelineScreen
from workbench.tests.tui.shell import Shell, Start
from workbench.widgets.composer import Composer
from workbench.widgets.event_list import EventList
from workbench.widgets.event_prompt import PromptLine
from workbench.widgets.events_pane import EventsPane


async def open_events(shell: Shell) -> EventsPane:
    """Go to the events of a narrow screen."""
    await shell.pilot.press("ctrl+e")
    await shell.until(lambda: isinstance(shell.main.focused, EventList), "the events")
    return shell.main.query_one(EventsPane)


async def test_the_status_bar_and_the_help_name_the_keys(start: Start) -> None:
    async with start() as shell:
        assert "filter" not in shell.status.render().plain
        await open_events(shell)
        await shell.until(lambda: "/ filter" in shell.status.render().plain, "the keys")
        await shell.pilot.press("question_mark")
        await shell.until(lambda: isinstance(shell.app.screen, Help), "the help")
        assert "Only this turn" in shell.text()
        await shell.pilot.press("escape", "ctrl+e")
        await shell.until(lambda: "filter" not in shell.status.render().plain, "no keys")


async def test_escape_drops_the_filter_before_it_leads_to_the_chat(start: Start) -> None:
    async with start() as shell:
        pane = await open_events(shell)
        await shell.pilot.press("slash")
        await shell.until(lambda: isinstance(shell.app.focused, PromptLine), "the line")
        await shell.type("core:system:*")
        await shell.pilot.press("enter")
        await shell.until(lambda: "found" in shell.text(), "the filter")
        await shell.pilot.press("escape")
        await shell.until(lambda: not pane.has_class("-filtered"), "everything")
        assert isinstance(shell.app.focused, EventList)
        await shell.pilot.press("escape")
        await shell.until(lambda: isinstance(shell.app.focused, Composer), "the chat")


async def test_a_turn_is_followed_to_its_timeline(start: Start) -> None:
    async with start() as shell:
        await shell.ask("what is workbench?")
        await open_events(shell)
        await shell.pilot.press("slash")
        await shell.until(lambda: isinstance(shell.app.focused, PromptLine), "the line")
        await shell.type("core:chat:reply_finished")
        await shell.pilot.press("enter")
        await shell.until(lambda: "1 found" in shell.text(), "the reply")
        await shell.pilot.press("up", "o")
        await shell.until(lambda: "turn ==" in shell.text() and "prompt_built" in shell.text(), "the turn")
        await shell.pilot.press("w")
        await shell.until(lambda: isinstance(shell.app.screen, TimelineScreen), "the timeline")


async def test_what_the_pane_says_and_copies_shows_in_the_status_bar(start: Start) -> None:
    async with start() as shell:
        await open_events(shell)
        await shell.pilot.press("c")
        await shell.until(lambda: "Choose an event" in shell.status.render().plain, "why not")
        await shell.pilot.press("up", "c")
        await shell.until(lambda: "clipboard" in shell.status.render().plain, "the copy")
