"""What stands above the events: how many, whether they follow, the counters, and the filter in force."""

from __future__ import annotations

from typing import Final

import msgspec
from textual.content import Content

from workbench.app.text import one_line

_GAP: Final = 3


class Told(msgspec.Struct, frozen=True):
    """What the first line tells.

    Args:
        rows: how many events there are to scroll through.
        following: whether the newest shows as it comes.
        delivered: events that came to the pane, None when it shows no profile.
        dropped: events that came too fast and are read from the log instead.
        lag: events that wait.
        problem: why the log cannot be read; empty when it can.
    """

    rows: int = 0
    following: bool = True
    delivered: int | None = None
    dropped: int = 0
    lag: int = 0
    problem: str = ""


def head_line(told: Told, width: int) -> Content:
    """Return the first line; of what does not fit, the least important goes.

    Args:
        told: what it tells.
        width: cells that there are.
    """
    if told.problem:
        line = Content.assemble("Events  ", (one_line(told.problem, 500), "$error"))
        return line.truncate(width, ellipsis=True)
    if told.delivered is None:
        return Content("Events")
    state = Content("following") if told.following else Content.styled("paused", "bold $accent")
    count = Content(f"{told.rows:,}")
    counters = [
        Content(f"delivered {told.delivered:,}"),
        Content.styled(f"dropped {told.dropped:,}", "$warning" if told.dropped else ""),
        Content(f"lag {told.lag:,}"),
    ]
    dot = Content(" · ")
    for left, right in (
        ([count, state], counters),
        ([state], counters),
        ([state], counters[1:]),
        ([state], counters[1:2]),
        ([state], []),
    ):
        line = Content("Events  ") + dot.join(left)
        end = dot.join(right)
        room = width - line.cell_length - end.cell_length
        if room >= (_GAP if right else 0):
            return line + Content(" " * room) + end
    return Content("Events")


def filter_line(text: str, found: int | None, width: int, *, searching: bool) -> Content:
    """Return the line that says which filter is in force and how many events fit.

    Args:
        text: the filter.
        found: how many fit so far; None as long as nothing of what it finds is shown.
        width: cells that there are.
        searching: whether a part of the log has not been searched yet.
    """
    if found is None:
        count = "searching"
    elif searching:
        count = f"{found:,} so far"
    else:
        count = f"{found:,} found" if found else "nothing fits"
    end = Content.styled(count, "$faint")
    room = max(0, width - end.cell_length - _GAP)
    shown = Content.assemble(("/ ", "bold $accent"), (one_line(text, 2_000), "$foreground"))
    shown = shown.truncate(room, ellipsis=True)
    return shown + Content(" " * max(_GAP, width - shown.cell_length - end.cell_length)) + end
