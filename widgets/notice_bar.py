"""What a person has to know until it is dealt with: offers, errors, a full disk."""

from __future__ import annotations

import msgspec
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from workbench.app.text import one_line


class Banner(msgspec.Struct, frozen=True):
    """One thing to know.

    Args:
        key: what it is about; a later one with the same key takes its place.
        text: what happened.
        hint: what to do.
        level: offer, warning or error.
        lasting: whether it stays until the program takes it away (a full disk) instead of until escape.
    """

    key: str
    text: str
    hint: str = ""
    level: str = "warning"
    lasting: bool = False


class NoticeBar(Widget):
    """Shows the newest banner and how many more there are; hidden while there is none."""

    DEFAULT_CSS = """
    NoticeBar {
        display: none;
        height: auto;
        max-height: 4;
        margin: 0 0 1 0;
        padding: 0 2 0 1;
        background: $raised;
        border-left: outer $warning;
        &.-shown { display: block; }
        &.-error { border-left: outer $error; }
        &.-offer { border-left: outer $accent; }
        &:ansi { background: transparent; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._banners: dict[str, Banner] = {}

    @property
    def banner(self) -> Banner | None:
        """The banner that is shown."""
        return next(reversed(self._banners.values()), None)

    def get(self, key: str) -> Banner | None:
        """Return the banner about something, also while another is shown; None when there is none."""
        return self._banners.get(key)

    def show(self, banner: Banner) -> None:
        """Show a banner."""
        self._banners.pop(banner.key, None)
        self._banners[banner.key] = banner
        self._update()

    def hide(self, key: str) -> None:
        """Take a banner away if it is there."""
        if self._banners.pop(key, None) is not None:
            self._update()

    def dismiss(self) -> bool:
        """Take the shown banner away unless it is a lasting one; tell whether one went."""
        banner = self.banner
        if banner is None or banner.lasting:
            return False
        self.hide(banner.key)
        return True

    def render(self) -> Content:
        banner = self.banner
        if banner is None:
            return Content("")
        parts = [banner.hint] if banner.hint else []
        parts += [] if banner.lasting else ["esc dismiss"]
        hint = " · ".join(parts)
        more = f" (+{len(self._banners) - 1} more)" if len(self._banners) > 1 else ""
        return Content.assemble(
            one_line(banner.text, 500),
            "  ",
            (one_line(hint, 500) + more, "$muted"),
        )

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that the text takes at a width."""
        return self.render().get_height({}, width) if self.banner and width > 0 else 0

    def _update(self) -> None:
        banner = self.banner
        self.set_class(banner is not None, "-shown")
        for level in ("warning", "error", "offer"):
            self.set_class(banner is not None and banner.level == level, f"-{level}")
        self.refresh(layout=True)
