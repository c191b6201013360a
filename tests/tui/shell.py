"""Drives the program in tests: types, waits for conditions, reads what is on the screen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from time import monotonic

from textual.pilot import Pilot

from workbench.app.tui import WorkbenchApp
from workbench.app.workbench import Workbench
from workbench.screens.conversation import Conversation
from workbench.screens.main import MainScreen
from workbench.widgets.composer import Composer
from workbench.widgets.notice_bar import NoticeBar
from workbench.widgets.status_bar import StatusBar

PATIENCE = 30.0
# Keys that Textual knows by a name.
NAMES = {" ": "space", "/": "slash", "?": "question_mark", ".": "full_stop", "\n": "ctrl+j"}


class Shell:
    """The running program, as a test drives it."""

    def __init__(self, app: WorkbenchApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def main(self) -> MainScreen:
        main = self.app._main
        assert isinstance(main, MainScreen)
        return main

    @property
    def workbench(self) -> Workbench:
        return self.main.ready

    @property
    def conversation(self) -> Conversation:
        return self.main.conversation

    @property
    def composer(self) -> Composer:
        return self.main.query_one(Composer)

    @property
    def status(self) -> StatusBar:
        return self.main.query_one(StatusBar)

    @property
    def notices(self) -> NoticeBar:
        return self.main._notices

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until a condition holds."""
        end = monotonic() + PATIENCE
        while not condition():
            if self.app._exception is not None:
                raise self.app._exception
            assert monotonic() < end, f"waited in vain for {what or condition}:\n{self.text()}"
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def ready(self) -> None:
        """Wait until the profile is open and the model is loaded."""
        await self.until(lambda: self.main.workbench is not None, "the profile")
        await self.until(lambda: self.status.worker == "ready", "the model")

    async def type(self, text: str) -> None:
        """Press the keys of a text."""
        for letter in text:
            await self.pilot.press(NAMES.get(letter, letter))

    async def say(self, text: str) -> None:
        """Send a message."""
        self.composer.put(text)
        await self.pilot.press("enter")

    async def answered(self) -> None:
        """Wait until the running turn is over."""
        await self.until(lambda: self.conversation.head is not None, "a reply")
        await self.until(lambda: self.conversation.running is None, "the end of the reply")

    async def ask(self, text: str) -> str:
        """Send a message and return the whole reply."""
        before = self.conversation.head
        await self.say(text)
        await self.until(lambda: self.conversation.head is not before, "a reply")
        await self.until(lambda: self.conversation.running is None, "the end of the reply")
        return self.conversation.last_reply

    async def writing(self, characters: int = 1) -> None:
        """Wait until a reply has some text."""
        await self.until(
            lambda: (
                self.conversation.running is not None and len(self.conversation.running.reply) >= characters
            ),
            "text of a reply",
        )

    def text(self) -> str:
        """Return what is on the screen."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)


Start = Callable[..., AbstractAsyncContextManager[Shell]]
