"""One event as one line in columns, and in full; no widget."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from rich.cells import cell_len

from workbench.app.events.event import Event
from workbench.app.text import one_line
from workbench.widgets.chat_entry import safe
from workbench.widgets.text_lines import Line, Run, fit

_GAP: Final = 2
_LONGEST_VALUE: Final = 120
_MOST_DETAIL: Final = 100_000
# What a reader looks for first, and knows without its key; other fields follow as they were given.
_PLAIN: Final = (
    *("message", "problem", "command", "worker", "model", "name", "title", "state", "method", "outcome"),
    *("reason", "line"),
)
_BAD: Final = ("failed", "invalid", "stuck", "gap", "crashed")
_LEVELS: Final = {"error": "error", "warning": "warning"}
_BAD_STATES: Final = {"failed": "error", "degraded": "error", "restarting": "warning"}


class Columns(NamedTuple):
    """Width of each column in cells; 0 leaves it out."""

    mark: int
    time: int
    name: int
    source: int
    facts: int


def columns_for(width: int) -> Columns:
    """Return the columns that fit into `width` cells."""
    time = 0 if width < 40 else 8 if width < 72 else 12
    name = max(8, min(32, width * 3 // 7 if width < 72 else width * 3 // 10))
    source = 12 if width >= 110 else 0
    used = 2 + (time + _GAP if time else 0) + name + _GAP + (source + _GAP if source else 0)
    return Columns(2, time, name, source, max(0, width - used))


def event_line(event: Event, columns: Columns) -> Line:
    """Return an event as a line that is at most as wide as its columns."""
    level = severity(event)
    runs = [Run({"error": "✗ ", "warning": "! "}.get(level, "  "), level)]
    if columns.time:
        runs.append(Run(clock(event.time)[: columns.time] + " " * _GAP, "time"))
    runs += _name(event.name, columns.name, level)
    if columns.source:
        runs.append(Run(fit(one_line(event.source, 80), columns.source) + " " * _GAP, "source"))
    runs += _cut(facts(event.payload), columns.facts)
    return tuple(runs)


def clock(time: datetime) -> str:
    """Return the local time of day with milliseconds."""
    return time.astimezone().strftime("%H:%M:%S.%f")[:12]


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
    return "error" if isinstance(outcome, str) and outcome not in ("", "ok", "cancelled") else ""


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


def detail_lines(event: Event) -> list[Line]:
    """Return all that is known about an event: its ids, then its payload as JSON."""
    lines: list[Line] = [(Run(one_line(event.name, 200), "title"),)]
    pairs = (
        ("time", event.time.astimezone(UTC).isoformat()),
        ("seq", str(event.seq)),
        ("id", event.id),
        ("source", f"{event.source} ({event.language})"),
        ("session", event.session_id),
        ("turn or job", event.correlation_id),
        ("caused by", event.parent_id),
    )
    for name, value in pairs:
        if value:
            lines.append((Run(f"{name:<12}", "key"), Run(one_line(value, 200), "value")))
    text = msgspec.json.format(msgspec.json.encode(event.payload), indent=2).decode()
    lines.append(())
    lines += [(Run(line, "value"),) for line in safe(text[:_MOST_DETAIL]).split("\n")]
    if len(text) > _MOST_DETAIL:
        lines.append((Run(f"… {len(text) - _MOST_DETAIL:,} more characters, copy to see all", "key"),))
    return lines


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
    """Return as many runs as fit; the last is cut."""
    kept: list[Run] = []
    for number, run in enumerate(runs):
        text = run.text.rstrip() if number == len(runs) - 1 else run.text
        size = len(text) if text.isascii() else cell_len(text)
        if size > width:
            kept.append(run._replace(text=fit(text.rstrip(), width)))
            return kept
        kept.append(run._replace(text=text))
        width -= size
    return kept
