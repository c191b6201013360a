"""What the events pane asks in its line: a filter, a time, or a file to export to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from workbench.app.errors import EventError
from workbench.app.events.export import format_of
from workbench.app.events.filter.complete import complete_filter
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.filter.times import TIME_HINT, resolve_time
from workbench.app.events.names import CORE_EVENTS
from workbench.app.text import one_line
from workbench.widgets.completion_menu import Suggestion
from workbench.widgets.event_prompt import Question

if TYPE_CHECKING:
    from workbench.app.events.event import Event
    from workbench.app.events.export import ExportFormat


def filter_question(value: str, earlier: Sequence[str], events: Sequence[Event]) -> Question:
    """Return the question for a filter.

    Args:
        value: the filter in force.
        earlier: what was entered before.
        events: some events of the log, whose names and facts can be completed.
    """
    known = _known(events)

    def complete(text: str, cursor: int) -> list[Suggestion]:
        found = complete_filter(text, cursor, **known)
        return [Suggestion(item.text, item.help, item.start) for item in found]

    return Question(
        kind="filter",
        label="/",
        check=_check_filter,
        value=value,
        example='core:tool:* and text ~ "timeout"',
        complete=complete,
        earlier=earlier,
    )


def time_question(now: Callable[[], datetime]) -> Question:
    """Return the question for a time to go to."""

    def check(text: str) -> str:
        if not text.strip():
            return ""
        return f"{read_time(text, now()).astimezone():%A %d %B %Y, %H:%M:%S}"

    return Question(kind="time", label="go to", check=check, example="14:05, 10m or 2026-05-01T12:00")


def export_question(events: int, now: datetime) -> Question:
    """Return the question for the file that the events are to be written to.

    Args:
        events: how many there are.
        now: the present time, for the name.
    """

    def check(text: str) -> str:
        path, format_ = read_target(text)
        kind = "JSON lines" if format_ == "jsonl" else "Markdown"
        return f"{events:,} event{'s' if events != 1 else ''} as {kind}, into {path}"

    name = f"events-{now:%Y%m%d-%H%M%S}.jsonl"
    return Question(
        kind="export", label="export to", check=check, value=name, example="events.jsonl or events.md"
    )


def read_target(text: str) -> tuple[Path, ExportFormat]:
    """Return the file that a text names, and the format that its ending says.

    Raises:
        EventError: the ending is no known one.
    """
    name = text.strip()
    format_ = format_of(Path(name))
    with contextlib.suppress(RuntimeError):  # `~nobody`
        if format_ is not None:
            return Path(name).expanduser().absolute(), format_
    raise EventError(
        "not_exported",
        f"The file {one_line(name, 40)!r} says no format.",
        "End its name with .jsonl for JSON lines, or .md for a text to read.",
    )


def read_time(text: str, now: datetime) -> datetime:
    """Return the moment that a text stands for.

    Raises:
        EventError: it stands for none.
    """
    try:
        return resolve_time(text.strip(), now)
    except ValueError:
        raise EventError(
            "bad_filter", f"{one_line(text, 40)!r} is no time.", TIME_HINT, position=0, length=len(text)
        ) from None


def _check_filter(text: str) -> str:
    parse_filter(text)
    return ""


class _Known(TypedDict):
    names: Sequence[str]
    sources: Sequence[str]
    keys: Mapping[str, Sequence[str]]


def _known(events: Sequence[Event]) -> _Known:
    """Return what can be completed besides the core events."""
    keys: dict[str, set[str]] = {}
    for event in events:
        keys.setdefault(event.name, set()).update(key for key in event.payload if isinstance(key, str))
    return {
        "names": [*CORE_EVENTS, *sorted(name for name in keys if name not in CORE_EVENTS)],
        "sources": sorted({event.source for event in events}),
        "keys": {name: sorted(known) for name, known in keys.items()},
    }
