"""A registered hook with what is known of it: switches, breaker, and figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from workbench.app.hooks.breaker import Breaker, BreakerLimits, BreakerState
from workbench.app.hooks.hook import Hook
from workbench.app.hooks.point import Wraps
from workbench.app.hooks.points import POINTS
from workbench.app.hooks.preferences import Preferences

_QUICK_SECONDS: Final = 0.0002
_QUICK_RUNS: Final = 20
_SLOW_SECONDS: Final = 0.005
_PENALTY_RUNS: Final = 200


class HookStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A hook for lists: what it is, and how it does.

    Args:
        state: enabled, disabled, open or half_open (the last two are the breaker's).
        reason: why the breaker is open.
        where: `loop` once it has proved quick, `thread`, or `task` for async hooks.
        runs: how often it ran.
        failures: how many of those raised, were late, or answered nonsense.
        changes: how many answered anything but continue or skipped.
        total_ms: the time of all runs in milliseconds.
        mean_us: mean time of a run in microseconds.
        max_ms: longest run in milliseconds.
        share: of the time that it wraps, over about the last minute of it, in per cent.
        last_error: what went wrong last.
    """

    id: str
    point: str
    plugin: str
    version: str
    priority: int
    state: str
    reason: str = ""
    where: str
    runs: int = 0
    failures: int = 0
    changes: int = 0
    total_ms: float = 0.0
    mean_us: float = 0.0
    max_ms: float = 0.0
    share: float = 0.0
    last_error: str = ""
    file: str = ""


class Entry:
    """One registered hook.

    Args:
        hook: the hook.
        order: its place among hooks of the same priority.
        limits: its breaker's.
        wrapped: seconds of what it wraps so far.
        on_loop: whether a quick hook may run on the event loop.
    """

    __slots__ = (
        *("_on_loop", "_proof", "breaker", "call", "changes", "enabled", "failures", "hook", "last_error"),
        *("max_s", "order", "priority", "quick", "runs", "total_s", "trusted", "wraps"),
    )

    def __init__(
        self, hook: Hook, order: int, limits: BreakerLimits, wrapped: float, *, on_loop: bool
    ) -> None:
        self.hook = hook
        self.call: Callable[[Any], Any] = hook.function
        self.order = order
        self.priority = hook.priority
        self.enabled = True
        self.wraps: Wraps = POINTS[hook.point].wraps
        self.breaker = Breaker(limits, wrapped)
        self.trusted = hook.trusted
        self.quick = hook.trusted and on_loop and not hook.is_async
        self.runs = self.failures = self.changes = 0
        self.total_s = self.max_s = 0.0
        self.last_error = ""
        self._on_loop = on_loop and not hook.is_async
        self._proof = 0

    @property
    def is_active(self) -> bool:
        """Whether it runs when its point is passed."""
        return self.enabled and self.breaker.state is not BreakerState.OPEN

    def follow(self, preferences: Preferences) -> None:
        """Be switched and placed as the person prefers."""
        self.enabled = self.hook.id not in preferences.disabled
        self.priority = preferences.priorities.get(self.hook.id, self.hook.priority)

    def ran(self, seconds: float) -> None:
        """Note a run and its time; one that was slow on the loop goes back to a thread."""
        self.runs += 1
        self.total_s += seconds
        self.breaker.spent += seconds
        if seconds > self.max_s:
            self.max_s = seconds
        if seconds > _SLOW_SECONDS and self.quick and not self.trusted:
            # It has to prove itself for longer then.
            self.quick = False
            self._proof = -_PENALTY_RUNS

    def prove(self, seconds: float) -> None:
        """Let it run on the loop once it was quick in a thread often enough in a row."""
        self._proof = self._proof + 1 if seconds <= _QUICK_SECONDS else min(0, self._proof)
        self.quick = self._on_loop and self._proof >= _QUICK_RUNS

    def status(self, wrapped: float) -> HookStatus:
        """Return what a list shows of it."""
        hook, state = self.hook, self.breaker.state
        return HookStatus(
            id=hook.id,
            point=hook.point,
            plugin=hook.plugin,
            version=hook.version,
            priority=self.priority,
            state="disabled" if not self.enabled else "enabled" if state is BreakerState.CLOSED else state,
            reason=self.breaker.reason,
            where="task" if hook.is_async else "loop" if self.quick else "thread",
            runs=self.runs,
            failures=self.failures,
            changes=self.changes,
            total_ms=round(self.total_s * 1000, 3),
            mean_us=round(self.total_s * 1e6 / self.runs, 1) if self.runs else 0.0,
            max_ms=round(self.max_s * 1000, 3),
            share=round(self.breaker.share(wrapped) * 100, 2),
            last_error=self.last_error,
            file=hook.file,
        )
