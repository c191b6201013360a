"""The registered hooks as a table: columns, order, filter, and the line about all of them; no widget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from textual.content import Content

from workbench.app.hooks.entry import HookStatus
from workbench.app.hooks.points import POINTS
from workbench.app.text import one_line
from workbench.widgets.hook_bars import percent_text, time_text
from workbench.widgets.text_lines import Line, Run, fit

_GAP: Final = 2
_MARK: Final = 2
_USUAL: Final = 28
_STATES: Final = {
    "enabled": ("●", "good"),
    "disabled": ("○", "faint"),
    "open": ("×", "error"),
    "half_open": ("◐", "warning"),
}
_KINDS: Final = {"turn": "of turns", "command": "of commands", "time": "of all time"}


class Column(NamedTuple):
    """A column: its heading, cells at least and at most, and whether it stands on the right."""

    name: str
    least: int
    most: int
    right: bool = False


_HOOK: Final = Column("hook", 20, 34)
_POINT: Final = Column("point", 16, 20)
_PLUGIN: Final = Column("plugin", 16, 22)
_ORDER: Final = Column("prio", 4, 4, right=True)
_STATE: Final = Column("state", 9, 9)
_WHERE: Final = Column("runs in", 7, 7)
_RUNS: Final = Column("runs", 6, 7, right=True)
_FAILED: Final = Column("failed", 6, 6, right=True)
_MEAN: Final = Column("mean", 7, 8, right=True)
_LONGEST: Final = Column("max", 7, 8, right=True)
_SHARE: Final = Column("share", 6, 7, right=True)
_ERROR: Final = Column("last error", 20, 200)
# As they stand from the left; and which of them go first where there is no room.
_ORDERED: Final = (
    *(_HOOK, _POINT, _PLUGIN, _ORDER, _STATE, _WHERE, _RUNS, _FAILED, _MEAN, _LONGEST, _SHARE, _ERROR),
)
_FIRST_TO_GO: Final = (
    *(_PLUGIN, _ERROR, _WHERE, _LONGEST, _FAILED, _STATE, _ORDER, _SHARE, _MEAN, _RUNS, _POINT),
)

SORTS: Final[Mapping[str, Callable[[HookStatus], tuple[object, ...]]]] = {
    "point": lambda _status: (),
    "hook": lambda status: (status.id,),
    "plugin": lambda status: (status.plugin, status.id),
    "state": lambda status: (status.state, status.id),
    "runs": lambda status: (-status.runs,),
    "failed": lambda status: (-status.failures,),
    "mean": lambda status: (-status.mean_us,),
    "max": lambda status: (-status.max_ms,),
    "share": lambda status: (-status.share,),
}
"""The orders in which hooks can stand, each by the name of its column; numbers the greatest first."""


def arranged(
    statuses: Sequence[HookStatus], sort: str, text: str, *, reverse: bool = False
) -> list[HookStatus]:
    """Return the hooks that have all words of a text, in an order.

    Args:
        statuses: the hooks by point and in running order, which equal ones keep.
        sort: one of `SORTS`.
        text: words, case ignored.
        reverse: from the other end.
    """
    words = text.lower().split()
    found = [status for status in statuses if all(word in _words(status) for word in words)]
    found.sort(key=SORTS[sort])
    return found[::-1] if reverse else found


def _words(status: HookStatus) -> str:
    facts = (status.id, status.point, f"{status.plugin}@{status.version}", status.state, status.where)
    return " ".join([*facts, status.last_error, status.reason]).lower()


# --- lines ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def widths_for(width: int) -> tuple[tuple[Column, int], ...]:
    """Return the columns that fit into `width` cells, each with its own width."""
    columns = list(_ORDERED)

    def least() -> int:
        return _MARK + sum(column.least + _GAP for column in columns) - _GAP

    for column in _FIRST_TO_GO:
        if least() > width:
            columns.remove(column)
    spare = max(0, width - least())
    widths = {column.name: column.least for column in columns}
    # The names of hooks first, but not all of it: what most of them need.
    for column, most in ((_HOOK, _USUAL), *((column, column.most) for column in (_POINT, *columns))):
        if column in columns:
            more = max(0, min(spare, most - widths[column.name]))
            widths[column.name] += more
            spare -= more
    return tuple((column, widths[column.name]) for column in columns)


def table_head(width: int, sort: str, *, reverse: bool = False) -> Line:
    """Return the names of the columns; a mark stands at the one that they are sorted by."""
    runs = [Run(" " * _MARK)]
    for column, cells in widths_for(width):
        chosen = column.name == sort
        name = f"{column.name}{'▴' if reverse else '▾'}" if chosen else column.name
        text = name.rjust(cells) if column.right else fit(name, cells)
        runs.append(Run(text + " " * _GAP, "accent" if chosen else "faint"))
    return tuple(runs)


def table_line(status: HookStatus, width: int, stops: Collection[str] = ()) -> Line:
    """Return a hook as a line.

    Args:
        status: the hook.
        width: cells that there are.
        stops: the points at which breakpoints stand.
    """
    mark, look = _STATES.get(status.state, ("?", "warning"))
    runs = [Run(f"{mark} ", look)]
    for column, cells in widths_for(width):
        text, style = _cell(column, status, stops)
        text = text.rjust(cells)[:cells] if column.right else fit(text, cells)
        runs.append(Run(text + " " * _GAP, style if status.state != "disabled" else "faint"))
    return tuple(runs)


def _cell(column: Column, status: HookStatus, stops: Collection[str]) -> tuple[str, str]:
    ran = status.runs > 0
    match column.name:
        case "hook":
            return one_line(status.id, 200), "text"
        case "point":
            return (f"◆ {status.point}" if status.point in stops else status.point), "quiet"
        case "plugin":
            return plugin_text(status.plugin, status.version), "faint"
        case "prio":
            return str(status.priority), "quiet"
        case "state":
            return status.state.replace("_", " "), _state_style(status.state)
        case "runs in":
            return status.where, "faint"
        case "runs":
            return (f"{status.runs:,}" if status.runs < 1_000_000 else f"{status.runs / 1e6:.1f}M"), "quiet"
        case "failed":
            return (f"{status.failures:,}", "error") if status.failures else ("·", "faint")
        case "mean":
            return (time_text(status.mean_us / 1000), "quiet") if ran else ("·", "faint")
        case "max":
            return (time_text(status.max_ms), "quiet") if ran else ("·", "faint")
        case "share":
            return (percent_text(status.share), "text") if ran else ("·", "faint")
    return _problem(status)


def _problem(status: HookStatus) -> tuple[str, str]:
    if status.state in ("open", "half_open") and status.reason:
        return one_line(status.reason, 400), "error"
    return one_line(status.last_error, 400), "quiet"


def _state_style(state: str) -> str:
    return "quiet" if state == "enabled" else _STATES.get(state, ("", "warning"))[1]


def plugin_text(plugin: str, version: str) -> str:
    """Return a plugin with its version."""
    return one_line(f"{plugin}@{version}" if version else plugin, 120)


# --- all of them ---------------------------------------------------------------------------------------


class Overhead(msgspec.Struct, frozen=True):
    """What all hooks take.

    Args:
        hooks: how many are registered.
        disabled: how many of them are switched off.
        breakers: how many are left out by their breaker.
        shares: per cent of what they wrap, by its kind: turn, command, time.
        waiting: how much waits at breakpoints.
    """

    hooks: int
    disabled: int
    breakers: int
    shares: Mapping[str, float]
    waiting: int = 0


def overhead_of(statuses: Sequence[HookStatus], patient: Collection[str] = (), waiting: int = 0) -> Overhead:
    """Return what all hooks take.

    Args:
        statuses: all hooks.
        patient: ids of hooks that wait for a person, whose time does not count.
        waiting: how much waits at breakpoints.
    """
    shares: dict[str, float] = {}
    for status in statuses:
        point = POINTS.get(status.point)
        if status.runs and point is not None and status.id not in patient:
            shares[point.wraps] = shares.get(point.wraps, 0.0) + status.share
    return Overhead(
        hooks=len(statuses),
        disabled=sum(status.state == "disabled" for status in statuses),
        breakers=sum(status.state in ("open", "half_open") for status in statuses),
        shares={kind: shares[kind] for kind in _KINDS if kind in shares},
        waiting=waiting,
    )


def overhead_line(told: Overhead, room: int) -> Content:
    """Return what all hooks take in at most `room` cells; the least important goes."""
    dot = Content.styled(" · ", "$faint")
    shares = [
        Content.styled(percent_text(share), "bold") + Content(f" {_KINDS[kind]}")
        for kind, share in told.shares.items()
    ]
    one = told.hooks == 1
    count = Content(
        f"{told.hooks} {'hook' if one else 'hooks'}{(' takes ' if one else ' take ') if shares else ''}"
    )
    if shares:
        shares[0] = count + shares[0]
    off = [Content(f"{told.disabled} off")] if told.disabled else []
    words = f"{told.breakers} {'breaker' if told.breakers == 1 else 'breakers'} open"
    breakers = [Content.styled(words, "bold $error")] if told.breakers else []
    waiting = [Content.styled(f"{told.waiting} waiting", "bold $accent")] if told.waiting else []
    for parts in (
        [*waiting, *breakers, *off, *(shares or [count])],
        [*waiting, *breakers, *off, *(shares[:1] or [count])],
        [*waiting, *breakers, *(shares[:1] or [count])],
        [*waiting, *breakers],
    ):
        line = dot.join(parts)
        if line.cell_length <= room:
            return line
    return Content("")
