"""Breakpoints: a hook point stops, a person looks at what is about to happen, and says how it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from workbench.app.errors import HookError
from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, plain
from workbench.app.events.filter.match import matcher
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.ids import new_id
from workbench.app.hooks.hook import HookContext, Scope, changed_value
from workbench.app.hooks.points import POINTS, find_point
from workbench.app.hooks.results import Cancel, Continue, Modified
from workbench.app.hooks.values import Value

BreakAnswer: TypeAlias = Continue | Modified | Cancel

_MOST_WAITING: Final = 64
_NEVER: Final = {
    "event:publish": "a pause is itself an event",
    "system:stopping": "nobody is there any more to answer",
}


class Breakpoint(msgspec.Struct, frozen=True):
    """A point that stops.

    Args:
        point: the point's name.
        when: a filter in the events' language that the point's value must fit, read as an event with the
            point's name and the value's fields as payload; empty for always.
    """

    point: str
    when: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits at a breakpoint for a person.

    Args:
        pause_id: what `answer` wants to know.
        point: the point's name.
        value: what is about to happen.
        scope: the session and turn that wait.
        since: from when it waits, UTC.
        answers: the words of the answers that make sense there.
    """

    pause_id: str
    point: str
    value: Value
    scope: Scope
    since: datetime
    answers: tuple[str, ...]


class Breakpoints:
    """Holds the breakpoints and what waits at them. All methods belong to the event loop's thread.

    Args:
        bus: where pauses and their ends are told.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self.wait_s: Callable[[], float] = _ten_minutes
        """Returns the seconds that a pause waits before it goes on by itself."""
        self._set: dict[str, tuple[Breakpoint, Callable[[Event], bool] | None]] = {}
        self._waiting: dict[str, tuple[Pause, asyncio.Future[BreakAnswer]]] = {}
        self.on_change: Callable[[], None] = _nothing
        """Called when a breakpoint was set or taken away."""
        self.applied: Callable[[], Awaitable[None]] = _at_once
        """Waits until breakpoints that were just set do stop, and those taken away do not."""

    def set(self, point: str, when: str = "") -> Breakpoint:
        """Let a point stop; a second breakpoint at a point takes the first one's place.

        Args:
            point: the point's name.
            when: see `Breakpoint`.

        Raises:
            HookError: `hook.unknown_point`; `hook.no_breakpoint`, what passes there cannot wait for a person.
            EventError: `event.bad_filter`, the condition cannot be read.
        """
        find_point(point)
        if point in _NEVER:
            raise HookError(
                "no_breakpoint", f"{point} cannot hold a breakpoint: {_NEVER[point]}.", point=point
            )
        test = matcher(parse_filter(when)) if when.strip() else None
        stop = Breakpoint(point, when.strip())
        self._set[point] = (stop, test)
        self.on_change()
        return stop

    def clear(self, point: str | None = None) -> None:
        """Take a point's breakpoint away, or all; what waits there goes on."""
        for name in [point] if point is not None else list(self._set):
            self._set.pop(name, None)
        for pause, answered in list(self._waiting.values()):
            if pause.point not in self._set and not answered.done():
                answered.set_result(Continue())
        self.on_change()

    def list(self) -> tuple[Breakpoint, ...]:
        """Return the breakpoints in the order of the points."""
        return tuple(self._set[name][0] for name in POINTS if name in self._set)

    def pending(self) -> tuple[Pause, ...]:
        """Return what waits, the longest first."""
        return tuple(pause for pause, answered in self._waiting.values() if not answered.done())

    def answer(self, pause_id: str, result: BreakAnswer) -> None:
        """Let something that waits go on.

        Args:
            pause_id: which.
            result: `Continue`, `Modified` (with the whole value or the fields that change) or `Cancel`.

        Raises:
            HookError: `hook.not_found`, it does not wait any more; `hook.bad_result`, the answer makes no
                sense at the point; `hook.bad_value`, the changed value does not fit. It waits on then.
        """
        waiting = self._waiting.get(pause_id)
        if waiting is None or waiting[1].done():
            raise HookError("not_found", f"Nothing waits as {pause_id!r}.", "It may have gone on meanwhile.")
        pause, answered = waiting
        word = _word(result)
        if word not in pause.answers:
            sensible = ", ".join(pause.answers)
            raise HookError("bad_result", f"{word} makes no sense at {pause.point}.", f"There: {sensible}.")
        if isinstance(result, Modified):
            result = Modified(changed_value(pause.point, pause.value, result.value))
        answered.set_result(result)

    async def pause(self, context: HookContext[Any]) -> BreakAnswer | None:
        """Wait for an answer; return at once where no breakpoint stands or its condition does not hold.

        Returns:
            The answer, None to go on as if nothing had been.
        """
        if not self._stops(context) or len(self._waiting) >= _MOST_WAITING:
            return None
        pause, answered = self._begin(context)
        outcome = "cancelled"
        try:
            await self._tell("paused", pause, {"value": plain(msgspec.to_builtins(pause.value))})
            try:
                async with asyncio.timeout(self.wait_s()):
                    result = await answered
            except TimeoutError:
                outcome = "timeout"
                await self._tell_of_timeout(pause)
                return None
            outcome = _word(result)
            return result
        finally:
            del self._waiting[pause.pause_id]
            await self._tell("resumed", pause, {"outcome": outcome})

    def _stops(self, context: HookContext[Any]) -> bool:
        stop = self._set.get(context.point)
        if stop is None:
            return False
        test = stop[1]
        return test is None or test(_as_event(context))

    def _begin(self, context: HookContext[Any]) -> tuple[Pause, asyncio.Future[BreakAnswer]]:
        sensible = POINTS[context.point].answers
        pause = Pause(
            pause_id=new_id(),
            point=context.point,
            value=context.value,
            scope=context.scope,
            since=Event(name="core:hook:paused", source="hooks").time,
            answers=("continue", *(word for word in ("modified", "cancel") if word in sensible)),
        )
        answered: asyncio.Future[BreakAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[pause.pause_id] = (pause, answered)
        return pause, answered

    async def _tell(self, what: str, pause: Pause, facts: dict[str, Any]) -> None:
        told = {"pause_id": pause.pause_id, "point": pause.point, **facts}
        await self._emit(f"core:hook:{what}", told, pause.scope)

    async def _tell_of_timeout(self, pause: Pause) -> None:
        facts = {
            "level": "warning",
            "code": "hook.timeout",
            "message": f"Nobody answered at the breakpoint at {pause.point}; it went on as it was.",
            "hint": "debugging.wait_s says how long it waits.",
        }
        await self._emit("core:system:notice", facts, pause.scope)

    async def _emit(self, name: str, facts: dict[str, Any], scope: Scope) -> None:
        await self._bus.emit(
            name,
            facts,
            source="hooks",
            session_id=scope.session_id,
            correlation_id=scope.correlation_id,
            parent_id=scope.parent_id,
        )


def _word(result: BreakAnswer) -> str:
    words: dict[type, str] = {Continue: "continue", Modified: "modified", Cancel: "cancel"}
    return words.get(type(result), type(result).__name__)


def _as_event(context: HookContext[Any]) -> Event:
    """Return what is about to happen in the form that filters are asked of."""
    facts: dict[str, Any] = plain(msgspec.to_builtins(context.value))
    return Event(
        name=context.point,
        source="hooks",
        payload=facts,
        session_id=context.session_id,
        correlation_id=context.correlation_id,
    )


def _ten_minutes() -> float:
    return 600.0


async def _at_once() -> None:
    """Wait for nothing."""


def _nothing() -> None:
    """Do nothing."""
