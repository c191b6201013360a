"""One message of the chat: a single widget that draws its lines itself.

Textual's Markdown widget mounts several widgets for every list item and table cell. Measured at 15 updates
a second, that takes a whole core for a page of mixed text and six for a table of 300 rows, and every focus
change restyles them all; these lines take 0.2 to 10 per cent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.widget import Widget

from workbench.widgets.chat_entry import ChatEntry, ending, facts
from workbench.widgets.markdown_document import MOST_CHARACTERS, MarkdownDocument
from workbench.widgets.text_lines import Line, Run, cells, cut, literal, plain, wrap

_GUTTER: Final = 2
_RIGHT_MARGIN: Final = 1
# Longer lines are hard to read.
_WIDEST: Final = 100


class MessageView(Widget):
    """Draws one message.

    Args:
        entry: what it shows; the chat view changes it and calls `catch_up` or `refresh_entry`.
        palette: gives the style of a name; one for all messages, as Textual makes a node for every component
            class of every widget.
    """

    DEFAULT_CSS = """
    MessageView {
        height: auto;
        margin: 0 0 1 0;
        color: $foreground;
    }
    MessageView.-selected {
        background: $selected 60%;
    }
    """

    class Chosen(Message):
        """The message was clicked."""

        def __init__(self, view: MessageView) -> None:
            super().__init__()
            self.view = view

    class LinkClicked(Message):
        """A link was clicked; nothing has been opened."""

        def __init__(self, address: str) -> None:
            super().__init__()
            self.address = address

    def __init__(self, entry: ChatEntry, palette: Callable[[str], VisualStyle]) -> None:
        super().__init__()
        self.entry = entry
        self._palette = palette
        self._document: MarkdownDocument | None = None
        self._taken = 0
        self._drawn: list[Line] | None = None
        self._drawn_width = 0
        self._looks: dict[str, Style] = {}

    def catch_up(self) -> None:
        """Draw what the entry's text has more than is drawn."""
        self._read()
        self._changed()

    def start_again(self) -> None:
        """Draw anew, as the entry's text is another."""
        self._document, self._taken = None, 0
        self._read()
        self._changed()

    def refresh_entry(self) -> None:
        """Draw anew, as the entry is another or complete."""
        if self.entry.kind == "reply":
            self._read().finish()
        self._changed()

    def prepare(self, width: int) -> None:
        """Work out the lines for a widget of this width; may run in a thread before the widget is mounted."""
        self._lines(width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines; see `Widget`."""
        return len(self._lines(width))

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        lines = self._lines(width)
        base = self._look()
        if y >= len(lines):
            return Strip.blank(width, base)
        gutter = self._gutter(y)
        line = self._with_selection(lines[y], y)
        segments = [Segment(run.text, self._look(run.style)) for run in line]
        body = Strip(segments).adjust_cell_length(max(0, width - _GUTTER), base).apply_offsets(0, y)
        return Strip.join([Strip([Segment(gutter.text, self._look(gutter.style))], _GUTTER), body])

    def notify_style_update(self) -> None:
        """Forget the colours of the old theme; see `Widget`."""
        self._looks.clear()
        super().notify_style_update()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the marked text; see `Widget`."""
        return selection.extract("\n".join(plain(line) for line in self._drawn or [])), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the marked text; see `Widget`."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Chosen(self))
        offset = event.get_content_offset(self)
        if offset is None or offset.y >= len(self._drawn or []):
            return
        address = self._link_at(offset.x - _GUTTER, offset.y)
        if address:
            event.stop()
            self.post_message(self.LinkClicked(address))

    def _link_at(self, x: int, y: int) -> str:
        at = 0
        for run in (self._drawn or [])[y]:
            at += Segment(run.text).cell_length
            if x < at:
                return run.link
        return ""

    def _read(self) -> MarkdownDocument:
        """Return the document of a reply with all of its text."""
        text = self.entry.text
        if self._document is None:
            self._document = MarkdownDocument(text)
            if self.entry.status != "streaming":
                self._document.finish()
        elif len(text) > self._taken:
            self._document.append(text[self._taken :])
        self._taken = len(text)
        return self._document

    def _changed(self) -> None:
        """Ask for what changed to be drawn: single lines while the height stays."""
        before, self._drawn = self._drawn, None
        if before is None or not self.is_attached or not self._drawn_width:
            self.refresh(layout=True)
            return
        after = self._lines(self._drawn_width)
        if len(after) != len(before):
            self.refresh(layout=True)
            return
        changed = [y for y, line in enumerate(after) if line != before[y]]
        if changed:
            self.refresh(Region(0, changed[0], self.size.width, changed[-1] - changed[0] + 1))

    def _gutter(self, y: int) -> Run:
        if self.has_class("-selected"):
            return Run("▌ ", "gutter")
        if self.entry.kind == "user":
            return Run("▎ ", "you")
        return Run("· ", "facts") if self.entry.kind == "notice" and y == 0 else Run("  ")

    def _lines(self, width: int) -> list[Line]:
        if self._drawn is None or width != self._drawn_width:
            self._drawn_width = width
            self._drawn = self._draw(columns_in(width))
        return self._drawn

    def _draw(self, width: int) -> list[Line]:
        entry = self.entry
        if entry.kind == "reply":
            return self._draw_reply(width)
        if entry.kind == "welcome":
            lines = _greeting(literal(entry.text))
        else:
            style = "note" if entry.kind == "notice" else "you-text"
            lines = literal(entry.text[:MOST_CHARACTERS], style)
        drawn = [part for line in lines for part in _parts(line, width)]
        return drawn + _note(len(entry.text) - MOST_CHARACTERS, width)

    def _draw_reply(self, width: int) -> list[Line]:
        entry = self.entry
        document = self._document or self._read()
        lines = document.lines(width) + _note(document.hidden_characters, width)
        about: list[Line] = []
        for text, style in ending(entry):
            about += wrap((Run(text, style),), width, rest=(Run("  "),))
        if entry.status == "streaming" and not lines:
            about.append((Run("…", "facts"),))
        elif told := facts(entry):
            about += wrap((Run(told, "facts"),), width)
        return [*lines, *([()] if lines and about else []), *about]

    def _with_selection(self, line: Line, y: int) -> Line:
        selection = self.text_selection
        span = selection.get_span(y) if selection is not None else None
        if span is None:
            return line
        start, end = span
        end = len(plain(line)) if end == -1 else end
        marked = [run._replace(style=f"{run.style} selection") for run in cut(line, start, end)]
        return (*cut(line, 0, start), *marked, *cut(line, end, len(plain(line))))

    def _look(self, names: str = "") -> Style:
        """Return the looks of some style names, one over the other, on the message's own."""
        found = self._looks.get(names)
        if found is None:
            look = self.visual_style
            for name in names.split():
                look += self._palette(name)
            found = self._looks[names] = look.rich_style
        return found


def columns_in(width: int) -> int:
    """Return how many cells a line of text has in a widget of this width."""
    return max(1, min(width - _GUTTER - _RIGHT_MARGIN, _WIDEST))


def _greeting(lines: list[Line]) -> list[Line]:
    """Return a greeting with its title and the headings of its indented parts made to stand out."""
    texts = [plain(line) for line in lines]
    styled: list[Line] = []
    for at, text in enumerate(texts):
        below = texts[at + 1] if at + 1 < len(texts) else ""
        heading = below.startswith(" ") and text and not text.startswith(" ")
        styled.append((Run(text, "title" if at == 0 else "strong" if heading else "greeting"),))
    return styled


def _parts(line: Line, width: int) -> list[Line]:
    """Return a line as it is where it fits, else broken, with the rest below its beginning."""
    return [line] if cells(line) <= width else wrap(line, width, rest=_indent(line, width))


def _indent(line: Line, width: int) -> Line:
    """Return what puts the rest of a wrapped line below its beginning."""
    text = plain(line)
    spaces = len(text) - len(text.lstrip(" "))
    return (Run(" " * spaces),) if 0 < spaces < width // 2 else ()


def _note(hidden: int, width: int) -> list[Line]:
    if hidden <= 0:
        return []
    return [(), *wrap((Run(f"… {hidden:,} more characters, copy the message to see all", "note"),), width)]
