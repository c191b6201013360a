"""What one event draws in a timeline: a bar when it tells how long something took, else a mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from workbench.app.events.event import Event
from workbench.app.text import one_line

RECEIVED: Final = "core:chat:message_received"
FINISHED: Final = "core:chat:reply_finished"
FAILED: Final = "core:chat:reply_failed"
RECOVERED: Final = "core:chat:reply_recovered"
PROGRESS: Final = "core:chat:reply_progress"
STEP: Final = "core:chat:step_finished"

STEPS: Final = ("load", "prompt", "prefill", "decode", "store")
_STORE: Final = "store"
_REQUEST: Final = "core:worker:request_finished"
_COMMAND: Final = "core:command:run"
_POINT: Final = "core:hook:ran"
_AREA_KINDS: Final = ("worker", "hook", "tool", "command")
# More is no measure of anything: a year.
_LONGEST_MS: Final = 366 * 86_400_000.0
_MOST_TOKENS: Final = 10**12
_LABEL: Final = 80
_DETAIL: Final = 160
_MOST_RUNS: Final = 256
# Outcomes that need no word.
_USUAL: Final = ("ok", "continue")
_HOOK_LEVELS: Final = {"failed": "error", "cancel": "warning"}
_BAD_NAMES: Final = ("failed", "invalid", "stuck", "gap", "crashed")
# What a row shows elsewhere, or what says nothing to a reader.
_LEFT_OUT: Final = frozenset(
    {"duration_ms", "tokens", "level", "step", "detail", "outcome", "path", "point", "hash", "id"}
)
# What a reader knows without its key.
_PLAIN: Final = frozenset(
    {"name", "model", "message", "problem", "reason", "state", "title", "worker", "result"}
)


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """Something with a beginning and an end, before it has its place among the others.

    Args:
        start: when it began, in ms after the first event's time.
        end: when it ended; the same for a mark.
        label: see `timeline.Row`, as for `kind`, `tokens`, `detail`, `seq`, `level`, `running` and `ticks`.
        name: the event's name; empty for what is no event's own.
        id: the event's id.
        parent: id of the event that caused it.
    """

    start: float
    end: float
    label: str
    kind: str
    name: str = ""
    id: str = ""
    parent: str = ""
    seq: int = 0
    tokens: int | None = None
    detail: str = ""
    level: str = ""
    running: bool = False
    ticks: tuple[float, ...] = ()


def bars_of(event: Event, at: float) -> Iterator[Bar]:
    """Yield what an event draws: itself, and the parts that its payload lists.

    Args:
        event: any event.
        at: its time, in ms after the first event's.
    """
    duration = duration_of(event.payload)
    label, kind = _what(event)
    yield Bar(
        start=at if duration is None else at - duration,
        end=at,
        label=label,
        kind="mark" if duration is None else kind,
        name=event.name,
        id=event.id,
        parent=event.parent_id or "",
        seq=event.seq,
        tokens=count_of(event.payload, "tokens"),
        detail=_detail(event),
        level=_level(event),
    )
    if event.name == _POINT and duration is not None:
        yield from _runs(event, at - duration, at)


def utc(time: datetime) -> datetime:
    """Return a time with a zone; one without is taken as UTC."""
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def duration_of(payload: Mapping[str, Any]) -> float | None:
    """Return how long an event says that something took, in ms; None when it says nothing sensible."""
    value = payload.get("duration_ms")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST_MS:
        return None
    return float(value)


def number_of(payload: Mapping[str, Any], key: str) -> float | None:
    """Return a finite number of a payload that is not negative, None for anything else."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_TOKENS:
        return None
    return float(value)


def count_of(payload: Mapping[str, Any], key: str) -> int | None:
    """Return a whole number of a payload that is not negative, None for anything else."""
    value = payload.get(key)
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS
    return value if fits else None


def text_of(value: Any) -> str:
    """Return a value of a payload as a few words on one line, safe to show; empty for none."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return one_line(value, _DETAIL)
        case float():
            return f"{value:.1f}".removesuffix(".0") if abs(value) < _MOST_TOKENS else f"{value:.1e}"
        case int():
            return str(value) if abs(value) <= _MOST_TOKENS else "…"
    return ""


def _what(event: Event) -> tuple[str, str]:
    """Return the label and the kind of a bar."""
    payload, name = event.payload, event.name
    area, last = _parts(name)
    if name == STEP:
        step = text_of(payload.get("step")) or "step"
        # A turn stores several things.
        label = f"{step} {text_of(payload.get('detail'))}".rstrip() if step == _STORE else step
        return one_line(label, _LABEL), step if step in STEPS else "span"
    told = {
        _REQUEST: ("worker", "method"),
        _COMMAND: ("command",),
        _POINT: ("point",),
    }.get(name, ("name",) if area == "tool" else ())
    words = [text_of(payload.get(key)) for key in told]
    if any(words):
        label = " ".join(word for word in words if word)
        # The names of points are known as they are, and a worker's name says enough.
        label = label if name in (_REQUEST, _POINT) else f"{area} {label}"
    else:
        label = last if area == "chat" else f"{area} {last}".strip()
    label = label if name == _POINT else label.replace("_", " ")
    return one_line(label, _LABEL), area if area in _AREA_KINDS else "span"


def _parts(name: str) -> tuple[str, str]:
    """Return the area and the last part of an event name."""
    parts = name.split(":")
    return (parts[1] if len(parts) > 2 else ""), parts[-1]


def _detail(event: Event) -> str:
    """Return what else an event says, in few words: ids and what the row shows elsewhere are left out."""
    payload = event.payload
    outcome = text_of(payload.get("outcome"))
    words = ["" if event.name == STEP and payload.get("step") == _STORE else text_of(payload.get("detail"))]
    words.append("" if outcome in _USUAL else outcome)
    if event.name not in (STEP, _REQUEST, _COMMAND):
        area = _parts(event.name)[0]
        words += _facts(payload, _LEFT_OUT | {"name"} if area == "tool" else _LEFT_OUT)
    return one_line(" · ".join(word for word in words if word), _DETAIL)


def _facts(payload: Mapping[str, Any], left_out: frozenset[str]) -> Iterator[str]:
    used = 0
    for key, value in payload.items():
        if not isinstance(key, str) or key.endswith("_id") or key in left_out or used > _DETAIL:
            continue
        word = text_of(value)
        if word and word != "0":
            if key not in _PLAIN:
                unit = " ms" if key.endswith("_ms") else ""
                word = f"{key.removesuffix('_ms').replace('_', ' ')} {word}{unit}"
            used += len(word)
            yield word


def _level(event: Event) -> str:
    payload = event.payload
    if payload.get("level") in ("error", "warning"):
        return str(payload["level"])
    if any(word in event.name.rpartition(":")[2] for word in _BAD_NAMES):
        return "error"
    outcome = payload.get("outcome")
    if event.name == _POINT:
        return _HOOK_LEVELS.get(str(outcome), "")
    return "error" if isinstance(outcome, str) and outcome not in ("", "ok", "cancelled") else ""


def _runs(event: Event, start: float, end: float) -> Iterator[Bar]:
    """Yield the bars of the hooks that ran at a point, each kept within the point's own."""
    runs = event.payload.get("runs")
    for run in runs[:_MOST_RUNS] if isinstance(runs, list) else ():
        if not isinstance(run, Mapping):
            continue
        first = min(end, start + (number_of(run, "started_ms") or 0.0))
        plugin = " ".join(filter(None, (text_of(run.get("plugin")), text_of(run.get("version")))))
        result, failure = text_of(run.get("result")), run.get("error")
        told = (
            plugin,
            "" if result in _USUAL else result,
            text_of(failure.get("message") if isinstance(failure, Mapping) else failure),
        )
        yield Bar(
            start=first,
            end=min(end, first + (duration_of(run) or 0.0)),
            # What follows the sign names the point, which stands in the row above.
            label=one_line(text_of(run.get("hook")).partition("@")[0] or "hook", _LABEL),
            kind="hook",
            name=f"{event.name}:run",
            parent=event.id,
            seq=event.seq,
            detail=one_line(" · ".join(word for word in told if word), _DETAIL),
            level="error" if run.get("error") else "",
        )
