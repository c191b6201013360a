"""One event in full, as lines: what it is, where it belongs, and its payload as JSON."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from workbench.app.events.event import Event
from workbench.app.text import one_line
from workbench.widgets.chat_entry import safe
from workbench.widgets.text_lines import Line, Run

_MOST: Final = 100_000
_KEY_COLUMN: Final = 10
# A line of formatted JSON: its key, and what follows.
_PAIR: Final = re.compile(r'(\s*)("(?:[^"\\]|\\.)*")(: )(.*)', re.DOTALL)


def detail_lines(event: Event) -> list[Line]:
    """Return all that is known about an event: what it says first, its ids last."""
    lines: list[Line] = [(Run(one_line(event.name, 200), "title"),), _when(event), ()]
    if event.payload:
        lines += [*_payload_lines(event), ()]
    pairs = (
        ("session", event.session_id),
        ("turn", event.correlation_id),
        ("cause", event.parent_id),
        ("id", event.id),
    )
    for name, value in pairs:
        if value:
            lines.append((Run(f"{name:<{_KEY_COLUMN}}", "key"), Run(one_line(value, 200), "id")))
    return lines


def _when(event: Event) -> Line:
    local = event.time.astimezone()
    return (
        Run(f"{local:%H:%M:%S}.{local.microsecond // 1000:03}", "value"),
        Run(f"  {local:%a} {local.day} {local:%b %Y} · ", "key"),
        Run(one_line(event.source, 80), "value"),
        Run(f" {one_line(event.language, 20)} · seq ", "key"),
        Run(str(event.seq), "value"),
    )


def _payload_lines(event: Event) -> list[Line]:
    text = msgspec.json.format(msgspec.json.encode(event.payload), indent=2).decode()
    lines = [_json_line(line) for line in safe(text[:_MOST]).split("\n")]
    if len(text) > _MOST:
        lines.append((Run(f"… {len(text) - _MOST:,} more characters, copy to see all", "key"),))
    return lines


def _json_line(line: str) -> Line:
    pair = _PAIR.fullmatch(line)
    if pair is None:
        return (Run(line, "mark" if line.strip() in ("{", "}", "[", "]", "},", "],") else "value"),)
    space, key, colon, value = pair.groups()
    return Run(space), Run(key, "key"), Run(colon, "mark"), Run(value, "mark" if value in "{[" else "value")
