"""A hook, one of its runs, or a replay of one, in full as lines; no widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from workbench.app.errors import HookError
from workbench.app.events.event import Event, plain
from workbench.app.hooks.entry import HookStatus
from workbench.app.hooks.points import POINTS
from workbench.app.hooks.replay import ReplayedRun, input_of
from workbench.app.text import one_line
from workbench.widgets.event_lines import clock
from workbench.widgets.hook_bars import percent_text, time_text
from workbench.widgets.hook_diff import below, beside, change_lines, plain_lines, value_lines
from workbench.widgets.hook_runs import HookRun
from workbench.widgets.hook_table import plugin_text
from workbench.widgets.text_lines import Line, Run, wrap

_KEY: Final = 10
SIDE_BY_SIDE: Final = 96
"""Cells from which then and now stand beside each other."""


def run_lines(
    event: Event, place: int, status: HookStatus | None, width: int, *, traceback: bool = False
) -> list[Line]:
    """Return all that is known about one run.

    Args:
        event: the trace.
        place: which of its runs.
        status: the hook as it is registered now, None when it is not.
        width: cells that there are.
        traceback: whether the whole traceback of an error shows.
    """
    ran = ran_in(event, place)
    point = str(event.payload.get("point", ""))
    lines = [_title(str(ran.get("hook", "")), point)]
    lines += _run_facts(event, ran)
    lines += _state_lines(status, width)
    lines += _error_lines(ran.get("error"), width, traceback=traceback)
    lines += _changes_lines(ran.get("changes"), width)
    if isinstance(ran.get("answer"), dict):
        facts = {key: value for key, value in ran["answer"].items() if key != "type"}
        lines += [*_section("answered", str(ran.get("result", ""))), *_json(facts, width)]
    if ran.get("printed"):
        lines += [*_section("printed"), *plain_lines(str(ran["printed"]), "value", width)]
    return [*lines, *_input_lines(event, place, width), *_where_lines(event, place)]


def ran_in(event: Event, place: int) -> Mapping[str, Any]:
    """Return what a trace tells of one run; empty when it has none such."""
    runs = event.payload.get("runs")
    found = runs[place] if isinstance(runs, list) and 0 <= place < len(runs) else {}
    return found if isinstance(found, dict) else {}


def hook_lines(
    status: HookStatus, recent: Sequence[HookRun], width: int, *, error: Mapping[str, Any] | None = None
) -> list[Line]:
    """Return all that is known about a hook.

    Args:
        status: the hook.
        recent: its last runs, oldest first.
        width: cells that there are.
        error: the error of its last failed run, with its traceback; None when no trace holds one.
    """
    lines = [_title(status.id, status.point)]
    known = POINTS.get(status.point)
    if known is not None:
        lines += wrap((Run(known.when, "quiet"),), width)
    lines += [(), _pair("plugin", plugin_text(status.plugin, status.version))]
    lines.append(_pair("order", f"priority {status.priority}, lower numbers run first"))
    lines.append(_pair("runs in", _WHERE.get(status.where, status.where)))
    if status.file:
        lines += wrap((Run(f"{'file':<{_KEY}}", "key"), Run(one_line(status.file, 500), "value")), width)
    lines += _figures(status)
    lines += _state_lines(status, width, always=True)
    if error is not None:
        lines += _error_lines(error, width, traceback=True)
    elif status.last_error:
        lines += [*_section("last error"), *plain_lines(status.last_error, "error", width)]
    if recent:
        lines += [*_section("recent runs", "newest last"), *(_recent(run) for run in recent)]
    return lines


def replay_lines(told: ReplayedRun, width: int) -> list[Line]:
    """Return what a hook answered then and what it answers now; what differs is marked."""
    lines = [_title(told.hook, told.point)]
    verdict = "the same answer" if told.same else f"differs in {', '.join(told.differences)}"
    version = told.then_version
    if told.now_version != version:
        version = f"{version or 'no version'} → {told.now_version or 'no version'}"
    lines.append(
        (Run("= " if told.same else "≠ ", "good" if told.same else "warning"), Run(verdict, "value"))
    )
    facts = f"then {time_text(told.then_ms)} · now {time_text(told.now_ms)}"
    lines.append((Run(f"{facts} · version {version}" if version else facts, "quiet"),))
    then, now = _answer_texts(told.then), _answer_texts(told.now)
    if width >= SIDE_BY_SIDE:
        half = (width - 3) // 2
        lines += [(), (Run(f"{'then':<{half + 3}}now", "key"),), *beside(then, now, width)]
        return lines
    return [*lines, (), *below(then, now, width)]


def _answer_texts(told: Mapping[str, Any]) -> list[str]:
    """Return an answer as lines that can be compared."""
    texts = [str(told.get("result", ""))]
    for field, pair in (told.get("changes") or {}).items():
        shown = pair[1] if isinstance(pair, list) and len(pair) == 2 else "(not shown)"
        texts += [f"{field}:", *(f"  {line}" for line in value_lines(shown))]
    for part in ("answer", "error"):
        value = told.get(part)
        if isinstance(value, dict):
            texts += [
                f"{key}: {line}" if number == 0 else f"  {line}"
                for key, item in value.items()
                if key not in ("type", "traceback")
                for number, line in enumerate(value_lines(item))
            ]
    return texts


# --- parts ---------------------------------------------------------------------------------------------

_WHERE: Final = {
    "loop": "the event loop, as it has proved quick",
    "thread": "a thread of its own",
    "task": "a task, as it is async",
}
_STATES: Final = {
    "enabled": ("● enabled", "good"),
    "disabled": ("○ disabled", "faint"),
    "open": ("× open: left out for a while", "error"),
    "half_open": ("◐ half open: its next run decides", "warning"),
}


def _title(hook: str, point: str) -> Line:
    return (Run(one_line(hook, 200), "title"), Run(f"  at {one_line(point, 80)}", "quiet"))


def _section(name: str, more: str = "") -> list[Line]:
    return [(), (Run(name, "section"), Run(f"  {more}" if more else "", "key"))]


def _pair(key: str, value: str, style: str = "value") -> Line:
    return (Run(f"{key:<{_KEY}}", "key"), Run(one_line(value, 400), style))


def _run_facts(event: Event, ran: Mapping[str, Any]) -> list[Line]:
    result = str(ran.get("result", "continue"))
    look = "error" if result == "failed" else "accent" if result == "modified" else "value"
    plugin = plugin_text(str(ran.get("plugin", "")), str(ran.get("version", "")))
    took = time_text(float(ran.get("duration_ms") or 0))
    return [
        (
            Run(clock(event.time), "value"),
            Run("  took ", "key"),
            Run(took, "value"),
            Run("  ", "key"),
            Run(one_line(result, 40), look),
            Run(f"  {plugin}", "key"),
        )
    ]


def _where_lines(event: Event, place: int) -> list[Line]:
    """Return the ids that it is known by; they come last, as few look for them."""
    pairs = (("session", event.session_id), ("turn", event.correlation_id), ("trace", f"{event.id}:{place}"))
    return [(), *(_pair(name, value, "quiet") for name, value in pairs if value)]


def _state_lines(status: HookStatus | None, width: int, *, always: bool = False) -> list[Line]:
    if status is None:
        return [_pair("now", "not registered any more", "warning")]
    words, look = _STATES.get(status.state, (status.state, "value"))
    if status.state == "enabled" and not always:
        return []
    lines = [_pair("now", words, look)]
    if status.reason:
        lines += wrap((Run(f"{'':<{_KEY}}"), Run(one_line(status.reason, 400), "quiet")), width)
    return lines


def _figures(status: HookStatus) -> list[Line]:
    if not status.runs:
        return [_pair("runs", "none so far")]
    times = f"mean {time_text(status.mean_us / 1000)}, longest {time_text(status.max_ms)}"
    known = POINTS.get(status.point)
    of = {"turn": "turns", "command": "commands"}.get(known.wraps if known else "", "the time that passes")
    return [
        _pair(
            "runs",
            f"{status.runs:,}, of them {status.changes:,} changed something, {status.failures:,} failed",
        ),
        _pair("time", f"{times}, {percent_text(status.share)} of {of}"),
    ]


def _recent(run: HookRun) -> Line:
    look = "error" if run.result == "failed" else "accent" if run.result == "modified" else "quiet"
    return (
        Run(f"  {clock(run.time)}", "key"),
        Run(f"{time_text(run.duration_ms):>9}  ", "quiet"),
        Run(f"{run.result}", look),
        Run(f"  {run.note}", "quiet"),
    )


def _error_lines(error: Any, width: int, *, traceback: bool) -> list[Line]:
    if not isinstance(error, dict):
        return []
    lines = [*_section("failed", str(error.get("code", "")))]
    lines += plain_lines(str(error.get("message", "")), "error", width)
    if error.get("file"):
        where = f"{error['file']}:{error['line']}" if error.get("line") else str(error["file"])
        lines += wrap((Run(one_line(where, 500), "value"),), width, (Run("  "),), (Run("  "),))
    whole = str(error.get("traceback") or "")
    if whole and traceback:
        lines += [(), *plain_lines(whole, "quiet", width)]
    elif whole:
        lines.append((Run("  x shows the traceback", "key"),))
    return lines


def _changes_lines(changes: Any, width: int) -> list[Line]:
    if not isinstance(changes, dict):
        return []
    lines: list[Line] = []
    for field, pair in changes.items():
        lines += _section("changed", one_line(str(field), 80))
        if isinstance(pair, list) and len(pair) == 2:
            lines += change_lines(pair[0], pair[1], width)
        else:
            lines.append((Run("  not shown: traces of this point keep no values", "quiet"),))
    return lines


def _input_lines(event: Event, place: int, width: int) -> list[Line]:
    """Return what the hook got, or why that is not known."""
    try:
        value: Any = plain(msgspec.to_builtins(input_of(event, place)))
    except HookError as error:
        value = event.payload.get("context")
        if value is None:
            return [*_section("got"), *plain_lines(error.message, "quiet", width)]
    return [*_section("got"), *_json(value, width)]


def _json(value: Any, width: int) -> list[Line]:
    """Return a value as indented JSON; long texts go on below their key."""
    lines: list[Line] = []
    for text in value_lines(value):
        bare = text.lstrip(" ")
        indent = " " * (2 + len(text) - len(bare))
        key, colon, rest = bare.partition('": ')
        if colon and bare.startswith('"'):
            line: Line = (Run(f"{key}{colon}", "key"), Run(rest, "value"))
        else:
            line = (Run(bare, "mark" if bare in ("{", "}", "[", "]", "},", "],") else "value"),)
        lines += wrap(line, width, (Run(indent),), (Run(f"{indent}  "),))
    return lines
