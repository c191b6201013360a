"""A program that shows one widget, in the house's theme, and what tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from workbench.themes.loader import load_theme

PATIENCE = 30.0


class WidgetHost(App[None]):
    """Shows a widget."""

    AUTO_FOCUS = None

    def __init__(self, widget: Widget, theme: str) -> None:
        super().__init__()
        self._widget = widget
        made, _ = load_theme(theme)
        self.register_theme(made)
        self.theme = theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        names = {"side": "#000", "raised": "#111", "selected": "#222", "rule": "#333", "faint": "#888"}
        return {**names, "muted": "#aaa", "selected-style": "none", "muted-style": "none"}

    def compose(self) -> ComposeResult:
        yield self._widget


class Stage:
    """A widget on a screen that nobody sees, and the messages that were sent since."""

    def __init__(self, app: WidgetHost, pilot: Pilot[None], heard: list[Message]) -> None:
        self.app = app
        self.pilot = pilot
        self._heard = heard

    async def press(self, *keys: str) -> None:
        """Press keys, and wait until they have been worked on."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; fail when it does not in time."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self.pilot.pause()
        await self.pilot.pause()

    def lines(self) -> list[str]:
        """Return the lines on the screen, without their last column (a scroll bar) and spaces at the end."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        last = self.app.size.width - 1
        return ["".join(segment.text for segment in strip.crop(0, last)).rstrip() for strip in strips]

    def text(self) -> str:
        """Return the whole screen as text."""
        return "\n".join(self.lines())

    def sent(self, kind: type[Message]) -> list[Message]:
        """Return the messages of one kind, each once, oldest first."""
        unique = {id(message): message for message in self._heard if isinstance(message, kind)}
        return list(unique.values())


@asynccontextmanager
async def stage(
    widget: Widget, size: tuple[int, int] = (80, 24), theme: str = "workbench-dark"
) -> AsyncIterator[Stage]:
    """Put a widget on a screen of its own."""
    app = WidgetHost(widget, theme)
    heard: list[Message] = []
    async with app.run_test(size=size, message_hook=heard.append) as pilot:
        yield Stage(app, pilot, heard)
