"""One event as one line in columns, and in full; no widget."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from workbench.app.events.event import Event
from workbench.app.text import one_line
from workbench.widgets.text_lines import Line, Run, fit

_GAP: Final = 2
_MARK: Final = 3
_LONGEST_VALUE: Final = 120
_WHOLE_CLOCK: Final = 12
# What a reader looks for first, and knows without its key; other fields follow as they were given.
_PLAIN: Final = (
    *(
        "message",
        "problem",
        "command",
        "hook",
        "point",
        "worker",
        "model",
        "name",
        "title",
        "state",
        "method",
        "outcome",
    ),
    *("reason", "line"),
)
_BAD: Final = ("failed", "invalid", "stuck", "gap", "crashed")
_LEVELS: Final = {"error": "error", "warning": "warning"}
_BAD_STATES: Final = {"failed": "error", "degraded": "error", "restarting": "warning", "open": "warning"}


class Columns(NamedTuple):
    """Width of each column in cells; 0 leaves it out."""

    mark: int
    time: int
    name: int
    source: int
    facts: int

    @property
    def name_end(self) -> int:
        """Cells from the beginning of the time to the end of the name."""
        return (self.time + _GAP if self.time else 0) + self.name


def columns_for(width: int) -> Columns:
    """Return the columns that fit into `width` cells."""
    time = 0 if width < 40 else 8 if width < 72 else 12
    name = max(8, min(32, width * 3 // 7 if width < 72 else width * 3 // 10))
    source = 12 if width >= 110 else 0
    used = _MARK + (time + _GAP if time else 0) + name + _GAP + (source + _GAP if source else 0)
    return Columns(_MARK, time, name, source, max(0, width - used))


def event_line(event: Event, columns: Columns, *, today: date | None = None, pinned: bool = False) -> Line:
    """Return an event as a line that is at most as wide as its columns.

    Args:
        event: the event.
        columns: their widths.
        today: events of another day show it, None for none.
        pinned: whether it is marked as one that the reader keeps in view.
    """
    level = severity(event)
    mark = {"error": "✗", "warning": "!"}.get(level, " ")
    runs = [Run(mark, level), Run("▪ ", "pin")] if pinned else [Run(f"{mark}  ", level)]
    if columns.time:
        runs.append(Run(clock(event.time, today, columns.time).ljust(columns.time + _GAP), "time"))
    runs += _name(event.name, columns.name, level)
    if columns.source:
        runs.append(Run(fit(one_line(event.source, 80), columns.source) + " " * _GAP, "source"))
    runs += _cut(facts(event.payload), columns.facts)
    return tuple(runs)


def unread_line(columns: Columns) -> Line:
    """Return what stands for an event while it is read from the log."""
    time = f"{'·' * min(8, columns.time)}".ljust(columns.time + _GAP) if columns.time else ""
    return (Run(" " * _MARK), Run(time, "unread"), Run(fit("·" * 12, min(12, columns.name)), "unread"))


def missing_line(seq: int, width: int) -> Line:
    """Return what stands for an event that is in no log: it was forgotten, or never written."""
    return (Run(fit(f"   ─ event {seq:,} is not in the log", width), "note"),)


def clock(time: datetime, today: date | None = None, width: int = 12) -> str:
    """Return the local time of day in at most `width` characters, 8 or 12; of another day, day and minute.

    Args:
        time: the moment.
        today: the present day; None when the day does not matter.
        width: with 12 there are milliseconds, and the month of another day.
    """
    local = time.astimezone()
    if today is None or (local.day == today.day and local.date() == today):
        return local.strftime("%H:%M:%S.%f")[:width]
    if width < _WHOLE_CLOCK:
        return local.strftime("%d %H:%M")
    return local.strftime("%d %b %H:%M") if local.year == today.year else local.strftime("%d %b %Y")


def area(name: str) -> str:
    """Return the area of an event name: `chat` of `core:chat:reply_finished`."""
    parts = name.split(":")
    return parts[1] if len(parts) > 2 else parts[0]


def severity(event: Event) -> str:
    """Return `error`, `warning` or nothing: how much an event deserves to be noticed."""
    payload = event.payload
    level = _LEVELS.get(str(payload.get("level", "")), "")
    state = _BAD_STATES.get(str(payload.get("state", "")), "")
    if level or state:
        return level or state
    last = event.name.rpartition(":")[2]
    if any(word in last for word in _BAD):
        return "error"
    outcome = payload.get("outcome")
    # Error codes are two words with a dot; other outcomes are what somebody decided.
    if isinstance(outcome, str) and ("." in outcome or outcome in ("error", "failed")):
        return "error"
    runs = payload.get("runs")
    failed = isinstance(runs, list) and any(isinstance(run, dict) and run.get("error") for run in runs)
    return "error" if failed else ""


def facts(payload: dict[str, Any]) -> list[Run]:
    """Return what an event's payload says in few words; ids are left to the detail view."""
    runs: list[Run] = []
    changed = "previous" in payload and "state" in payload
    for key in (*(key for key in _PLAIN if key in payload), *(key for key in payload if key not in _PLAIN)):
        value = payload[key]
        if key.endswith("_id") or key in ("id", "level") or value is None or value in ("", [], {}):
            continue
        if changed and key == "previous":
            continue
        shown = _value(value)
        if changed and key == "state":
            shown = f"{_value(payload['previous'])} → {shown}"
        if key not in _PLAIN:
            label = one_line(key.replace("_", " "), 40)
            if label.endswith(" ms"):
                label, shown = label.removesuffix(" ms"), f"{shown} ms"
            runs.append(Run(f"{label} ", "key"))
        runs.append(Run(f"{shown}  ", "value"))
    return runs


def _name(name: str, width: int, level: str) -> list[Run]:
    """Return the name in its column, its area in the area's colour; the origin is left out for our own."""
    shown = one_line(name.removeprefix("core:"), 200)
    head, colon, _tail = shown.rpartition(":")
    text = fit(shown, width) + " " * _GAP
    split = min(len(head + colon), len(text))
    return [Run(text[:split], f"area-{area(name)}"), Run(text[split:], level or "name")]


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.1f}"
        case int():
            return str(value)
        case str():
            return one_line(value, _LONGEST_VALUE)
        case list() | tuple():
            if len(value) <= 6 and all(isinstance(item, str | int) for item in value):
                return one_line(", ".join(str(item) for item in value), _LONGEST_VALUE)
            return f"[{len(value):,}]"
        case dict():
            return f"{{{len(value):,}}}"
    return one_line(str(value), _LONGEST_VALUE)


def _cut(runs: list[Run], width: int) -> list[Run]:
    """Return as many runs as fit; where any are left out, what is shown ends with `…`."""
    kept: list[Run] = []
    left = width
    for number, run in enumerate(runs):
        shown = run._replace(text=run.text.rstrip()) if number == len(runs) - 1 else run
        kept.append(shown)
        left -= _size(shown.text)
        if left < 0:
            return _ended(kept, width)
    return kept


def _ended(runs: list[Run], width: int) -> list[Run]:
    """Return the beginning of runs that are wider than a width, with `…` at its end."""
    kept: list[Run] = []
    left = width - 1
    for run in runs:
        size = _size(run.text)
        if size >= left:
            kept.append(run._replace(text=f"{set_cell_size(run.text, left)}…"))
            break
        kept.append(run)
        left -= size
    return kept if width > 0 else []


def _size(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
