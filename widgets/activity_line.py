"""One line above the composer that says what the running turn is doing."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from workbench.app.text import one_line

_CELLS = 12


class ActivityLine(Widget):
    """What goes on now; empty when nothing does. It always takes its line, so that nothing jumps."""

    DEFAULT_CSS = """
    ActivityLine {
        height: 1;
        padding: 0 2;
        color: $muted;
        text-style: $muted-style;
    }
    """
    doing: reactive[str] = reactive("")
    fraction: reactive[float | None] = reactive(None)
    hint: reactive[str] = reactive("")

    def show(self, doing: str, fraction: float | None = None, hint: str = "") -> None:
        """Show what goes on.

        Args:
            doing: a few words; empty to clear the line.
            fraction: how much of it is done, 0 to 1, for a bar.
            hint: a key that does something about it.
        """
        self.doing, self.fraction, self.hint = doing, fraction, hint

    def render(self) -> Content:
        if not self.doing:
            return Content("")
        parts = [Content("› ").stylize("$accent"), Content(one_line(self.doing, 500))]
        if self.fraction is not None:
            done = round(max(0.0, min(1.0, self.fraction)) * _CELLS)
            parts += [
                Content("  "),
                Content("━" * done).stylize("$accent"),
                Content("━" * (_CELLS - done)).stylize("$faint"),
                Content(f"  {self.fraction:.0%}"),
            ]
        if self.hint:
            parts += [Content("   "), Content(one_line(self.hint, 500)).stylize("$faint")]
        return Content("").join(parts).truncate(self.content_size.width, ellipsis=True)
