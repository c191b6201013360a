"""Where a person writes: several lines, a history at the edges, and what asks for completions."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from workbench.app.text import printable

HISTORY_LIMIT: Final = 200


class Composer(TextArea, inherit_css=False):
    """The text that is being written. The text area's own style sheet is left out: reading it takes time.

    Enter sends it. Up on its first line and down on its last go through what was sent before; what was being
    written comes back after the newest.
    """

    DEFAULT_CSS = """
    Composer {
        width: 1fr;
        height: auto;
        min-height: 3;
        max-height: 12;
        padding: 1 2 1 1;
        border-left: outer $rule;
        background: $raised;
        color: $foreground;
        scrollbar-size-vertical: 1;
    }
    Composer:focus { border-left: outer $accent; }
    Composer:ansi { background: transparent; }
    Composer .text-area--placeholder { color: $faint; }
    Composer .text-area--cursor {
        color: $input-cursor-foreground;
        background: $input-cursor-background;
        text-style: $input-cursor-text-style;
    }
    Composer .text-area--selection {
        color: $input-selection-foreground;
        background: $input-selection-background;
        text-style: $selected-style;
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = TextArea.COMPONENT_CLASSES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="composer.send"),
        Binding("shift+enter,ctrl+j,alt+enter", "newline", "New line", id="composer.newline"),
        Binding("tab", "complete", "Complete a /command", id="composer.complete"),
        Binding("up", "earlier", "Line up, or what you sent before", id="composer.earlier"),
        Binding("down", "later", "Line down, or what you sent after", id="composer.later"),
        Binding("ctrl+u", "delete_to_start_of_line", "Clear to the line's start", id="composer.clear"),
        Binding("ctrl+z", "undo", "Undo", id="composer.undo"),
        Binding("ctrl+v", "paste", "Paste", id="composer.paste"),
        # The text area has other uses for these two keys of the screen.
        Binding("ctrl+e", "screen.events", show=False),
        Binding("ctrl+y", "screen.copy", show=False),
    ]

    class Submitted(Message):
        """The person sends the text."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Complete(Message):
        """The person asks to take a completion; `step` is how far to move in the list first."""

        def __init__(self, step: int = 0) -> None:
            super().__init__()
            self.step = step

    def __init__(self, placeholder: str = "") -> None:
        super().__init__(placeholder=Content(placeholder), highlight_cursor_line=False)
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self.completing = False
        self._sent: list[str] = []
        self._place = 0
        self._unsent = ""

    def remember(self, text: str) -> None:
        """Add something that was sent to the history."""
        if text in self._sent:
            self._sent.remove(text)
        self._sent = [*self._sent, text][-HISTORY_LIMIT:]
        self._place = len(self._sent)

    def put(self, text: str) -> None:
        """Show another text, with the cursor at its end."""
        self.load_text(printable(text))
        self.move_cursor(self.document.end)

    def take(self, text: str) -> None:
        """Remove a text that was sent, and remember it; what was typed since then stays."""
        rest = self.text.removeprefix(text) if self.text.startswith(text) else ""
        self.put(rest)
        self.remember(text)

    def action_send(self) -> None:
        """Send the text."""
        if self.text.strip():
            self.post_message(self.Submitted(self.text))

    def action_newline(self) -> None:
        """Begin another line."""
        self.insert("\n")
        self.scroll_cursor_visible()

    def action_complete(self) -> None:
        """Take the shown completion, or go on to the next widget when there is nothing to complete."""
        if self.completing or self.text.startswith("/"):
            self.post_message(self.Complete())
        else:
            self.screen.focus_next()

    def action_earlier(self) -> None:
        """Go a line up, or to what was sent before."""
        if self.completing:
            self.post_message(self.Complete(-1))
        elif not self.cursor_at_first_line:
            self.action_cursor_up()
        else:
            self._go(-1)

    def action_later(self) -> None:
        """Go a line down, or to what was sent after."""
        if self.completing:
            self.post_message(self.Complete(1))
        elif not self.cursor_at_last_line:
            self.action_cursor_down()
        else:
            self._go(1)

    def _go(self, step: int) -> None:
        place = self._place + step
        if not 0 <= place <= len(self._sent):
            return
        if self._place == len(self._sent):
            self._unsent = self.text
        self._place = place
        self.put(self._sent[place] if place < len(self._sent) else self._unsent)

    async def _on_key(self, event: events.Key) -> None:
        """Send on enter, in its turn behind the keys before it.

        A priority binding would run at once, before characters of the same burst are in the text.
        """
        if event.key == "enter":
            event.prevent_default()
            event.stop()
            self.action_send()

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        """Keep what steers terminals out of the text; the base class then inserts it."""
        event.text = printable(event.text.replace("\r\n", "\n").replace("\r", "\n"))
