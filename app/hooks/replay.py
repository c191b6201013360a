"""Runs the hooks of the past again: what a hook got then, through the code that it has now.

A trace (`core:hook:ran`) holds what the first hook of a point got, and what each one changed. So what any of
them got can be made again, and given to the hook as it is registered at present. Nothing follows from its
answer: the operation is not run, nothing is stored, and only `core:hook:replayed` is published. What the hook
itself does when it runs (it counts, it asks the clock) it does again.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable
from time import perf_counter
from typing import Any, Final

import msgspec

from workbench.app.errors import HookError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, plain
from workbench.app.hooks.hook import Hook, Scope, changed_value
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.points import POINTS
from workbench.app.hooks.recorder import RAN, describe
from workbench.app.hooks.values import Value

PARTS: Final = ("result", "changes", "answer", "error")
"""What is compared of an answer."""
_ADDRESS: Final = re.compile(r"\b0x[0-9a-fA-F]+")


class ReplayedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a hook, then and now.

    Args:
        trace_id: the id of the event with the trace, a colon, and the place in its runs.
        hook: the hook's id.
        point: the point's name.
        then: what it answered then: result, and where they apply changes (field: before, after), answer and
            error (code, message, file, line).
        now: what it answers now, in the same form.
        same: whether both are the same; times and places in files do not count.
        differences: the parts that differ: `result`, `changes.FIELD`, `answer`, `error`.
        then_ms: how long it took then.
        now_ms: how long it took now, in a thread or task of its own.
        then_version: the plugin's version then.
        now_version: the plugin's version now.
        session_id: the session of the trace.
        correlation_id: the turn or job of the trace.
    """

    trace_id: str
    hook: str
    point: str
    then: dict[str, Any]
    now: dict[str, Any]
    same: bool
    differences: list[str]
    then_ms: float
    now_ms: float
    then_version: str = ""
    now_version: str = ""
    session_id: str | None = None
    correlation_id: str | None = None


class NotReplayed(msgspec.Struct, frozen=True, kw_only=True):
    """A run that cannot be replayed, and why."""

    trace_id: str
    hook: str
    point: str
    reason: str


def trace_id(event: Event, place: int) -> str:
    """Return the id of a run in a trace."""
    return f"{event.id}:{place}"


def split_trace_id(text: str) -> tuple[str, int | None]:
    """Return the event's id and the place in its runs; None where the text names the whole event."""
    event_id, colon, place = text.rpartition(":")
    if colon and place.isdecimal():
        return event_id, int(place)
    return text, None


async def replay_run(hooks: Hooks, bus: EventBus, event: Event, place: int) -> ReplayedRun:
    """Run a hook again on what it got, and tell of it as `core:hook:replayed`.

    Args:
        hooks: where the hook is registered now.
        bus: where it is told.
        event: the trace.
        place: which of its runs, from 0.

    Raises:
        HookError: `hook.not_found`: the event has no such run; `hook.not_replayable`: the trace does not hold
            what the hook got, or the hook is not registered now, at another point, or waits for a person.
    """
    ran = _run_of(event, place)
    point = str(event.payload["point"])
    hook = _hook_of(hooks, str(ran["hook"]), point)
    value = input_of(event, place)
    if ran.get("shortened"):
        raise _not_replayable("what the hook answered was too large to be kept in the trace")
    scope = Scope(event.session_id, event.correlation_id, event.parent_id)
    then = _normal({part: ran[part] for part in PARTS if part in ran})
    began = perf_counter()
    answer = await hooks.try_hook(hook, value, scope)
    now_ms = (perf_counter() - began) * 1000
    now = _normal({part: told for part, told in describe(answer).items() if part in PARTS})
    found = differences_of(then, now)
    replayed = ReplayedRun(
        trace_id=trace_id(event, place),
        hook=hook.id,
        point=point,
        then=then,
        now=now,
        same=not found,
        differences=found,
        then_ms=float(ran.get("duration_ms", 0.0)),
        now_ms=round(now_ms, 4),
        then_version=str(ran.get("version", "")),
        now_version=hook.version,
        session_id=event.session_id,
        correlation_id=event.correlation_id,
    )
    await _tell(bus, event, replayed)
    return replayed


async def replay_events(
    hooks: Hooks, bus: EventBus, events: AsyncIterable[Event]
) -> AsyncGenerator[ReplayedRun | NotReplayed]:
    """Run the hooks of traces again, one after the other; see `replay_run`.

    Args:
        hooks: where the hooks are registered now.
        bus: where it is told.
        events: traces; other events are left out.
    """
    async for event in events:
        if event.name != RAN:
            continue
        for place, ran in enumerate(event.payload.get("runs", ())):
            try:
                yield await replay_run(hooks, bus, event, place)
            except HookError as error:
                yield NotReplayed(
                    trace_id=trace_id(event, place),
                    hook=str(ran.get("hook", "")),
                    point=str(event.payload.get("point", "")),
                    reason=error.message,
                )


def input_of(event: Event, place: int) -> Value:
    """Return what the hook at a place in a trace got.

    Raises:
        HookError: see `replay_run`.
    """
    _run_of(event, place)
    name = str(event.payload["point"])
    point = POINTS.get(name)
    if point is None:
        raise _not_replayable(f"there is no point {name} any more")
    if point.private:
        raise _not_replayable(f"traces of {name} do not keep what the hooks got")
    if event.payload.get("screened"):
        raise _not_replayable("the trace was changed before it was kept, as secrets were masked in it")
    context = event.payload.get("context")
    if context is None:
        raise _not_replayable("what the hooks got was too large to be kept in the trace")
    try:
        value: Value = msgspec.convert(context, point.value)
        for ran in event.payload["runs"][:place]:
            if ran["result"] == "modified":
                after = {field: pair[1] for field, pair in ran["changes"].items()}
                value = changed_value(name, value, after)
    except (msgspec.ValidationError, HookError, KeyError, IndexError, TypeError) as error:
        raise _not_replayable(f"what the hooks got does not fit {name} as it is now ({error})") from None
    return value


def differences_of(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the parts in which two answers differ; see `ReplayedRun.differences`."""
    found: list[str] = []
    if then.get("result") != now.get("result"):
        found.append("result")
    before, after = then.get("changes") or {}, now.get("changes") or {}
    fields = [*before, *(field for field in after if field not in before)]
    found += [f"changes.{field}" for field in fields if before.get(field) != after.get(field)]
    if then.get("answer") != now.get("answer"):
        found.append("answer")
    if _comparable(then.get("error")) != _comparable(now.get("error")):
        found.append("error")
    return found


def _run_of(event: Event, place: int) -> dict[str, Any]:
    runs = event.payload.get("runs") if event.name == RAN else None
    if not isinstance(runs, list) or not 0 <= place < len(runs):
        raise HookError(
            "not_found", f"There is no trace {trace_id(event, place)}.", "`hooks traces` lists them."
        )
    ran: dict[str, Any] = runs[place]
    return ran


def _hook_of(hooks: Hooks, hook_id: str, point: str) -> Hook:
    try:
        hook = hooks.get(hook_id)
    except HookError:
        raise _not_replayable(f"the hook {hook_id} is not registered now") from None
    if hook.point != point:
        raise _not_replayable(f"the hook {hook_id} is now at {hook.point}, not at {point}")
    if hook.deadline is None:
        raise _not_replayable(f"the hook {hook_id} waits for a person")
    return hook


def _not_replayable(why: str) -> HookError:
    return HookError("not_replayable", f"It cannot be replayed: {why}.")


def _normal(told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as it comes back from the log, without the traceback."""
    error = told.get("error")
    if isinstance(error, dict):
        told = {**told, "error": {part: text for part, text in error.items() if part != "traceback"}}
    normal: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain(told)))
    return normal


def _comparable(error: Any) -> Any:
    """Return what counts of an error: its code, and its message unless that tells only of time."""
    if not isinstance(error, dict):
        return error
    code = error.get("code")
    if code in ("hook.timeout", "hook.blocked"):
        return code
    # An object's address is another one in each process.
    return code, _ADDRESS.sub("0x", str(error.get("message", "")))


async def _tell(bus: EventBus, event: Event, replayed: ReplayedRun) -> None:
    facts = {
        "trace": replayed.trace_id,
        "hook": replayed.hook,
        "point": replayed.point,
        "same": replayed.same,
        "differences": replayed.differences,
        "then": replayed.then,
        "now": replayed.now,
        "then_ms": replayed.then_ms,
        "now_ms": replayed.now_ms,
    }
    await bus.emit(
        "core:hook:replayed",
        facts,
        source="hooks",
        session_id=event.session_id,
        correlation_id=event.correlation_id,
        parent_id=event.id,
    )
