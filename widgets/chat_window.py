"""Which messages of a long branch are mounted; numbers only."""

from __future__ import annotations

from typing import Final, NamedTuple

MOST_MOUNTED: Final = 40
PAGE: Final = 20


class Window(NamedTuple):
    """The mounted messages: from `start` up to, but not including, `end`."""

    start: int
    end: int


def newest(count: int) -> Window:
    """Return the window at the end of `count` messages."""
    return Window(max(0, count - PAGE), count)


def oldest(count: int) -> Window:
    """Return the window at the beginning of `count` messages."""
    return Window(0, min(PAGE, count))


def earlier(window: Window) -> Window:
    """Return a window with more at the top; what is then too much goes at the bottom."""
    start = max(0, window.start - PAGE)
    return Window(start, min(window.end, start + MOST_MOUNTED))


def later(window: Window, count: int) -> Window:
    """Return a window with more of `count` messages at the bottom; what is then too much goes at the top."""
    end = min(count, window.end + PAGE)
    return Window(max(window.start, end - MOST_MOUNTED), end)
