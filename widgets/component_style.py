"""The style of a widget's component by itself, to be laid over what is below it."""

from __future__ import annotations

from textual.style import Style
from textual.widget import Widget


def component_style(widget: Widget, name: str) -> Style:
    """Return only what the style sheet says about a component, its background and `reverse` included.

    Textual's own `get_visual_style(partial=True)` leaves those two out.

    Args:
        widget: the widget.
        name: one of its `COMPONENT_CLASSES`.
    """
    styles = widget.get_component_styles(name)
    text = styles.text_style
    return Style(
        background=styles.background if styles.has_rule("background") else None,
        foreground=styles.color if styles.has_rule("color") else None,
        bold=text.bold,
        dim=text.dim,
        italic=text.italic,
        underline=text.underline,
        reverse=text.reverse,
    )
