"""What the parts of a message look like."""

from __future__ import annotations

from typing import Final

from textual.style import Style
from textual.widget import Widget

from workbench.widgets.component_style import component_style

_PREFIX: Final = "message--"

PALETTE_CSS: Final = """
    & > .message--gutter { color: $accent; }
    & > .message--you { color: $accent; }
    & > .message--you-text { color: $foreground; }
    & > .message--facts { color: $faint; }
    & > .message--note { color: $muted; text-style: $muted-style; }
    & > .message--warning { color: $warning; }
    & > .message--error { color: $error; }
    & > .message--title { color: $accent; text-style: bold; }
    & > .message--greeting { color: $muted; text-style: $muted-style; }
    & > .message--h1 { text-style: bold underline; }
    & > .message--h2 { text-style: bold; }
    & > .message--h3 { text-style: bold; }
    & > .message--h4 { text-style: bold italic; }
    & > .message--h5 { text-style: italic; }
    & > .message--h6 { text-style: italic; }
    & > .message--strong { text-style: bold; }
    & > .message--em { text-style: italic; }
    & > .message--s { text-style: strike; }
    & > .message--code { color: $accent; }
    & > .message--link { text-style: underline; }
    & > .message--address { color: $faint; text-style: not underline; }
    & > .message--marker { color: $muted; }
    & > .message--quote-bar { color: $faint; }
    & > .message--header { text-style: bold; }
    & > .message--rule { color: $rule; }
    & > .message--codeblock { background: $raised; }
    & > .message--keyword { text-style: bold; }
    & > .message--string { color: $success; }
    & > .message--comment { color: $faint; text-style: italic; }
    & > .message--number { color: $warning; }
    & > .message--function { color: $accent; }
"""
"""Rules for the widget whose component classes these are."""

PALETTE_CLASSES: Final = frozenset(
    line.split(".", 1)[1].split(" ", 1)[0] for line in PALETTE_CSS.splitlines() if "." in line
)
"""The component classes that the rules name."""


class MessagePalette:
    """Gives the styles by name, as the style sheet of the moment has them.

    Args:
        widget: the widget with the component classes.
    """

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[str, Style] = {}

    def __call__(self, name: str) -> Style:
        """Return one name's style, to be laid over what is below it."""
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self._read(name)
        return found

    def forget(self) -> None:
        """Read the style sheet again: it is another."""
        self._styles.clear()

    def _read(self, name: str) -> Style:
        if name == "selection":
            return component_style(self._widget.screen, "screen--selection")
        style = component_style(self._widget, _PREFIX + name)
        return style + Style(strike=True) if name == "s" else style
