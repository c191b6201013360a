"""Which panes stand on the screen, by its size and by what the person asked for."""

from __future__ import annotations

from typing import Final

import msgspec

_SIDE_COLUMNS: Final = 100
_ALONE_COLUMNS: Final = 64
_TINY_COLUMNS: Final = 40
_TINY_LINES: Final = 9
_LOW_LINES: Final = 16


class Wish(msgspec.Struct, frozen=True):
    """What the person asked for; None leaves it to the size.

    Args:
        side: whether the session list is there.
        events: whether the events stand beside the chat, on a wide terminal.
        instead: whether the events stand in the chat's place, on a narrower one.
    """

    side: bool | None = None
    events: bool = True
    instead: bool = False


class Layout(msgspec.Struct, frozen=True):
    """What is there.

    Args:
        wide: whether a second pane fits beside the chat.
        side: whether the session list is there.
        talk: whether chat and composer are there.
        events: whether the events are there.
        alone: whether the session list has the screen to itself.
        low: whether there are few lines, so that space goes first.
        tiny: whether the terminal is too small for more than the last words.
    """

    wide: bool = False
    side: bool = False
    talk: bool = True
    events: bool = False
    alone: bool = False
    low: bool = False
    tiny: bool = False

    def classes(self) -> dict[str, bool]:
        """Return the style classes of the screen and whether each is on."""
        return {f"-{name}": getattr(self, name) for name in self.__struct_fields__}


def arrange(columns: int, lines: int, side_by_side: int, wish: Wish) -> Layout:
    """Choose the panes.

    Args:
        columns: width of the terminal.
        lines: height of the terminal.
        side_by_side: columns from which a second pane stands beside the chat.
        wish: what the person asked for.
    """
    if columns < _TINY_COLUMNS or lines < _TINY_LINES:
        return Layout(low=True, tiny=True)
    wide = columns >= side_by_side
    side = wish.side if wish.side is not None else columns >= _SIDE_COLUMNS
    alone = side and columns < _ALONE_COLUMNS
    instead = wish.instead and not wide and not alone
    return Layout(
        wide=wide,
        side=side,
        talk=not alone and not instead,
        events=(wide and wish.events) or instead,
        alone=alone,
        low=lines < _LOW_LINES,
    )
