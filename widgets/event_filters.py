"""The filter in force, what was entered before, and what one key puts in its place for a while."""

from __future__ import annotations

from typing import Final

from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.filter.syntax import Filter

_MOST_EARLIER: Final = 50


class Filters:
    """Filters as texts; each one that comes in has been checked.

    Attributes:
        earlier: what was entered, oldest first, each once.
    """

    def __init__(self) -> None:
        self.earlier: list[str] = []
        self._own = ""
        self._over: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """The filter in force; empty when everything shows."""
        return self._over[1] if self._over is not None else self._own

    @property
    def filter(self) -> Filter:
        """The filter in force, read."""
        return parse_filter(self.text)

    def use(self, text: str) -> None:
        """Take what the reader entered; empty for no filter.

        Raises:
            EventError: it cannot be read.
        """
        parse_filter(text)
        self._own, self._over = text, None
        if text:
            self.earlier = [*(each for each in self.earlier if each != text), text][-_MOST_EARLIER:]

    def only(self, what: str, text: str) -> bool:
        """Put a filter in place of the reader's own, or take it away when one of its kind is there.

        Returns:
            Whether it is there now.
        """
        self._over = None if self.shows_only(what) else (what, text)
        return self._over is not None

    def shows_only(self, what: str) -> bool:
        """Tell whether a filter of a kind stands in place of the reader's own."""
        return self._over is not None and self._over[0] == what

    def drop(self) -> None:
        """Go back to the reader's own filter; from there to none."""
        if self._over is not None:
            self._over = None
        else:
            self._own = ""
