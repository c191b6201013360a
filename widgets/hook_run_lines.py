"""Runs of hooks, and the turns and points above them, as lines in columns; no widget."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from workbench.widgets.event_lines import clock
from workbench.widgets.hook_bars import bar, bar_style, percent_text, time_text
from workbench.widgets.hook_runs import Group, TraceRow
from workbench.widgets.text_lines import Line, Run, fit

_GAP: Final = 2
_TIME_CELLS: Final = 8
_MARKS: Final = {
    "continue": ("·", "faint"),
    "skipped": ("·", "faint"),
    "modified": ("±", "accent"),
    "failed": ("✗", "error"),
    "cancel": ("⊘", "warning"),
}
_DECIDED: Final = ("▸", "warning")
_QUIET: Final = ("continue", "skipped")


class Columns(NamedTuple):
    """Width of each column in cells; 0 leaves it out. `result` takes what is left."""

    time: int
    point: int
    hook: int
    plugin: int
    bar: int
    result: int


@lru_cache(maxsize=8)
def columns_for(width: int) -> Columns:
    """Return the columns that fit into `width` cells."""
    time = 0 if width < 56 else 8 if width < 100 else 12
    plugin = 18 if width >= 140 else 0
    bar_cells = 0 if width < 48 else 4 if width < 100 else 10
    used = 2 + (time + _GAP if time else 0) + (plugin + _GAP if plugin else 0)
    used += (bar_cells + 1 if bar_cells else 0) + _TIME_CELLS + 2 * _GAP
    free = max(0, width - used)
    point = max(6, min(20, free // 4))
    hook = max(8, min(34, free * 3 // 8 if free < 60 else free // 3))
    return Columns(time, point, hook, plugin, bar_cells, max(0, free - point - hook - 2 * _GAP + _GAP))


def head_line(width: int) -> Line:
    """Return the names of the columns."""
    columns = columns_for(width)
    text = "  "
    if columns.time:
        text += fit("time", columns.time + _GAP)
    text += fit("point", columns.point + _GAP) + fit("hook", columns.hook + _GAP)
    if columns.plugin:
        text += fit("plugin", columns.plugin + _GAP)
    took = "took".rjust(_TIME_CELLS + (columns.bar + 1 if columns.bar else 0))
    return (Run(fit(f"{text}{took}{' ' * _GAP}result", width), "faint"),)


def run_line(row: TraceRow, width: int, today: date | None = None, *, tree: bool = False) -> Line:
    """Return a row as a line.

    Args:
        row: the run or group.
        width: cells that there are.
        today: the present day; runs of others show theirs.
        tree: whether runs stand below their points.
    """
    columns = columns_for(width)
    if isinstance(row, Group):
        return _turn_line(row, columns, width, today) if row.kind == "turn" else _point_line(row, columns)
    mark, look = _MARKS.get(row.result, _DECIDED)
    runs = [Run(f"{mark} ", look)]
    if tree:
        indent = columns.time + _GAP if columns.time else 2
        name = fit(f"{' ' * indent}  {row.hook}", _names(columns)) + " " * _GAP
        runs.append(Run(name, "text"))
    else:
        if columns.time:
            runs.append(Run(clock(row.time, today, columns.time).ljust(columns.time + _GAP), "faint"))
        runs.append(Run(fit(row.point, columns.point) + " " * _GAP, "quiet"))
        runs.append(Run(fit(row.hook, columns.hook) + " " * _GAP, "text"))
    if columns.plugin:
        version = f"@{row.version}" if row.version else ""
        runs.append(Run(fit(f"{row.plugin}{version}", columns.plugin) + " " * _GAP, "faint"))
    runs += _took(row.duration_ms, columns)
    return (*runs, *_result(row.result, row.note, columns.result))


def _names(columns: Columns) -> int:
    """Return the cells from the first column to the end of the hooks'."""
    return (columns.time + _GAP if columns.time else 0) + columns.point + _GAP + columns.hook


def _took(ms: float, columns: Columns, style: str = "") -> list[Run]:
    drawn = [Run(bar(ms, columns.bar) + " ", style or bar_style(ms))] if columns.bar else []
    return [*drawn, Run(time_text(ms).rjust(_TIME_CELLS) + " " * _GAP, "quiet")]


def _result(result: str, note: str, width: int) -> list[Run]:
    if result in _QUIET and not note:
        return [Run(fit(result, width), "faint")]
    look = _MARKS.get(result, _DECIDED)[1]
    word = fit(result, min(len(result), width))
    return [Run(word, look), Run(fit(f" {note}", max(0, width - len(word))), "quiet")]


def _point_line(row: Group, columns: Columns) -> Line:
    fold = "▸" if row.folded else "▾"
    indent = columns.time + _GAP if columns.time else 2
    name = fit(f"{' ' * (indent - 2)}{fold} {row.name}", _names(columns)) + " " * _GAP
    count = f"{row.runs} {'hook' if row.runs == 1 else 'hooks'}"
    plugin = [Run(" " * (columns.plugin + _GAP))] if columns.plugin else []
    result = _result(row.outcome, f"of {count}", columns.result) if row.outcome else []
    result = result or [Run(fit(count, columns.result), "faint")]
    return (Run("  "), Run(name, "quiet"), *plugin, *_took(row.duration_ms, columns), *result)


def _turn_line(row: Group, columns: Columns, width: int, today: date | None) -> Line:
    fold = "▸" if row.folded else "▾"
    when = clock(row.time, today, columns.time or 8).ljust((columns.time or 8) + _GAP)
    name = f"turn {row.name[-8:]}" if row.name else "outside of turns"
    rest = columns.point + _GAP + columns.hook - (0 if columns.time else 8 + _GAP)
    plugin = [Run(" " * (columns.plugin + _GAP))] if columns.plugin else []
    runs = f"{row.runs:,} {'run' if row.runs == 1 else 'runs'}"
    share = percent_text(row.share) if row.share is not None else ""
    told = (f"{share} of the turn · {runs}", f"{share} of the turn", f"{share} of it") if share else (runs,)
    facts = next((text for text in told if len(text) <= columns.result), share or runs)
    return (
        Run(f"{fold} ", "accent"),
        Run(when, "faint"),
        Run(fit(name, max(0, rest)) + " " * _GAP, "strong"),
        *plugin,
        *_took(row.duration_ms, columns, "accent"),
        Run(fit(facts, columns.result), "text"),
    )
