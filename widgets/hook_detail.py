"""A pane of lines below a list: one hook, run or replay in full."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from workbench.widgets.component_style import component_style
from workbench.widgets.text_lines import Line

_STYLES: Final = (
    *("title", "section", "key", "value", "quiet", "faint", "mark", "rule", "part"),
    *("added", "removed", "accent", "good", "warning", "error"),
)
_STEP: Final = 3

Lines = Callable[[int], list[Line]]
"""Returns lines for so many cells."""


class HookDetail(VerticalScroll, can_focus=True):
    """Shows lines, made for its width, below a rule."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"detail--{name}" for name in _STYLES}
    DEFAULT_CSS = """
    HookDetail {
        height: 55%;
        border-top: solid $rule;
        padding: 0 2;
        display: none;
        scrollbar-size-vertical: 1;
        &.-open { display: block; }
        & > Static { width: 1fr; height: auto; }
        & > .detail--title { text-style: bold; }
        & > .detail--section { color: $accent; }
        & > .detail--key { color: $faint; }
        & > .detail--value { color: $foreground; }
        & > .detail--quiet { color: $muted; text-style: $muted-style; }
        & > .detail--faint { color: $faint; }
        & > .detail--mark { color: $faint; }
        & > .detail--rule { color: $rule; }
        & > .detail--removed { color: $error; }
        & > .detail--added { color: $success; }
        & > .detail--part { text-style: bold underline; }
        & > .detail--accent { color: $accent; }
        & > .detail--good { color: $success; }
        & > .detail--warning { color: $warning; }
        & > .detail--error { color: $error; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._text = Static(markup=False)
        self._lines: Lines | None = None
        self._width = 0
        self.subject: object = None
        """What is shown, as whoever shows it calls it."""

    def compose(self) -> ComposeResult:
        yield self._text

    @property
    def is_open(self) -> bool:
        """Whether it is there."""
        return self.has_class("-open")

    def show(self, subject: object, lines: Lines) -> None:
        """Show lines; the same subject keeps its place, another begins at the top."""
        if subject != self.subject:
            self.scroll_home(animate=False)
        self.subject, self._lines = subject, lines
        self.add_class("-open")
        self._width = self._text.content_size.width
        self._draw()

    def close(self) -> None:
        """Take it away."""
        self.subject = self._lines = None
        self.remove_class("-open")

    def scroll_by(self, direction: int) -> None:
        """Scroll by some lines."""
        self.scroll_relative(y=direction * _STEP, animate=False)

    def on_resize(self) -> None:
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self._draw()

    def notify_style_update(self) -> None:
        """Draw in the colours of another theme; see `Widget`."""
        super().notify_style_update()
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        if self._lines is None or self._width <= 0:
            return
        looks = {name: component_style(self, f"detail--{name}") for name in _STYLES}
        parts = []
        for line in self._lines(self._width):
            content = Content("")
            for run in line:
                piece = Content(run.text)
                for name in run.style.split():
                    piece = piece.stylize(looks[name])
                content += piece
            parts.append(content)
        self._text.update(Content("\n").join(parts))
