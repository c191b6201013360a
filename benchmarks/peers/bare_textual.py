"""The floor of a full-screen program: a Textual app that shows one text."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

TEXT = "one static text"


class BareApp(App[None]):
    """Shows `TEXT`; ctrl+q ends it."""

    def compose(self) -> ComposeResult:
        yield Static(TEXT)


if __name__ == "__main__":
    BareApp().run()
