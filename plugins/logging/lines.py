"""One readable line for what passes a hook point."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from workbench.app.text import one_line
from workbench.plugins import HookContext, points

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")

# What people or models wrote: told by its length, unless it is wished otherwise.
_TEXTS: Final = frozenset({"text", "received", "query", "title"})
_LONGEST_TEXT: Final = 80
_LONGEST_FACT: Final = 200
_SHORT_ID: Final = 12


def level_of(context: HookContext[Any]) -> Level:
    """Return how much what passes a point matters."""
    name = context.point
    if name.endswith("failed"):
        return "error"
    if name == points.SYSTEM_NOTICE.name:
        level: Level = context.value.level if context.value.level in LEVELS else "info"
        return level
    point = points.POINTS.get(name)
    return "debug" if point is not None and point.hot else "info"


def log_line(context: HookContext[Any], time: datetime, *, texts: bool) -> str:
    """Return the line: time, level, point, session and turn, and what the value holds.

    Args:
        context: what the hook got.
        time: the present time.
        texts: write the beginning of messages and replies, too.
    """
    stamp = time.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    parts = [stamp, level_of(context).upper().ljust(7), context.point]
    if context.session_id:
        parts.append(f"session={context.session_id[:_SHORT_ID]}")
    if context.correlation_id:
        parts.append(f"turn={context.correlation_id[-_SHORT_ID:]}")
    for name in context.value.__struct_fields__:
        told = _told(name, getattr(context.value, name), texts=texts)
        if told:
            parts.append(told)
    return " ".join(parts)


def _told(name: str, value: Any, *, texts: bool) -> str:
    """Return a field in words; nothing for one that says nothing."""
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, str):
        if name not in _TEXTS:
            return f'{name}="{one_line(value, _LONGEST_FACT)}"' if " " in value else f"{name}={_fact(value)}"
        shown = f' "{one_line(value, _LONGEST_TEXT)}"' if texts else ""
        return f"{name}={len(value)} characters{shown}"
    if isinstance(value, float):
        return f"{name}={value:.6g}"
    if isinstance(value, bool | int):
        return f"{name}={value}"
    if isinstance(value, tuple | list | dict):
        return f"{name}={len(value)}"
    return f"{name}={_fact(str(value))}"


def _fact(text: str) -> str:
    return one_line(text, _LONGEST_FACT)
