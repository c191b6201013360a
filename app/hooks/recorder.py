"""Turns what hooks did into events: one `core:hook:ran` for each passing of a point, a moment after it.

Writing a trace costs more than a quick hook does, so it happens off the path: a run is put aside with the
times that it took, and a task of its own makes events of what waits, some ten times a second at most.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final

import msgspec

from workbench.app.events.bus import EventBus
from workbench.app.events.event import Event, plain
from workbench.app.hooks.run import Answer, Run
from workbench.app.tasks import end, to_the_end

RAN: Final = "core:hook:ran"
_CAPACITY: Final = 4_096
_GATHER_SECONDS: Final = 0.1
_END_SECONDS: Final = 5.0
MOST_CONTEXT: Final = 64 * 1024
"""Bytes of JSON; a longer context is left out of its trace, which can then not be replayed."""
MOST_ANSWER: Final = 3 * MOST_CONTEXT
"""The same for an answer, which tells of each change what was before and after it."""
_MOST_TEXT: Final = 2_000

_encode = msgspec.json.Encoder().encode


class Recorder:
    """Writes traces.

    Args:
        bus: where they are told.
        account: gets the runs first, to note their times.
    """

    def __init__(self, bus: EventBus, account: Callable[[Sequence[Run]], Awaitable[None]]) -> None:
        self.dropped = 0
        """Runs without a trace, as too many waited."""
        self._bus = bus
        self._account = account
        self._waiting: deque[Run] = deque()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin to write."""
        if self._task is None:
            self._task = asyncio.create_task(self._write(), name="hook-traces")

    def add(self, run: Run) -> None:
        """Take a run; the oldest goes untold when too many wait."""
        waiting = self._waiting
        if len(waiting) >= _CAPACITY:
            waiting.popleft()
            self.dropped += 1
        waiting.append(run)
        if len(waiting) == 1:
            self._arrived.set()

    async def flush(self) -> None:
        """Write what waits now."""
        now, clock = datetime.now(UTC), perf_counter()
        runs = [self._waiting.popleft() for _ in range(len(self._waiting))]
        await self._account(runs)
        for run in runs:
            if _is_worth_telling(run):
                await self._bus.publish(trace_event(run, now, clock))

    async def close(self) -> None:
        """Write what waits and stop."""
        if self._task is not None:
            await end(self._task)
            self._task = None
        await self.flush()

    async def _write(self) -> None:
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._arrived.clear()
            # What is taken out is told, also when the program ends meanwhile.
            await to_the_end(asyncio.create_task(self.flush(), name="hook-traces-flush"), _END_SECONDS)


def _is_worth_telling(run: Run) -> bool:
    if not run.chain.point.hot:
        return True
    if not run.answers:
        return False
    # What screens the traces themselves is not traced: that would never end.
    if getattr(run.context.value, "name", "") == RAN:
        return False
    return any(
        answer.failure or answer.kind not in ("continue", "skipped") for answer in run.answers.values()
    )


def trace_event(run: Run, now: datetime, clock: float) -> Event:
    """Return the event that tells of a run.

    Args:
        run: the run.
        now: the present time.
        clock: `perf_counter` at that time.
    """
    ended = run.marks[-1] if run.marks else run.began
    scope = run.context.scope
    return Event(
        name=RAN,
        source="hooks",
        time=now - timedelta(seconds=clock - ended),
        session_id=scope.session_id,
        correlation_id=scope.correlation_id,
        parent_id=scope.parent_id,
        payload=_payload(run),
    )


def _payload(run: Run) -> dict[str, Any]:
    private = run.chain.point.private
    context = None if private else _context(run)
    return {
        "point": run.chain.point.name,
        "duration_ms": round(run.seconds * 1000, 4),
        "outcome": _outcome(run),
        "context": context,
        "runs": [_ran(run, place, private) for place in range(run.start, run.start + len(run.marks))],
    }


def _context(run: Run) -> dict[str, Any] | None:
    """Return the first hook's value for replay, None when it is too large."""
    facts: dict[str, Any] = msgspec.to_builtins(run.context.value)
    try:
        return facts if len(_encode(facts)) <= MOST_CONTEXT else None
    except (TypeError, ValueError, OverflowError, RecursionError):
        cleaned: dict[str, Any] = plain(facts)
        return cleaned


def _ran(run: Run, place: int, private: bool) -> dict[str, Any]:
    entry = run.chain.entries[place]
    at = place - run.start
    began = run.marks[at - 1] if at else run.began
    told: dict[str, Any] = {
        "hook": entry.hook.id,
        "plugin": entry.hook.plugin,
        "version": entry.hook.version,
        "started_ms": round((began - run.began) * 1000, 4),
        "duration_ms": round((run.marks[at] - began) * 1000, 4),
    }
    answer = run.answers.get(place)
    if answer is None:
        return {**told, "result": "continue"}
    return {**told, **_bounded(describe(answer, private=private))}


def _bounded(told: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what it holds when that is too much for a trace."""
    if not (told.get("changes") or told.get("answer")) or len(_encode(told)) <= MOST_ANSWER:
        return told
    kept = {part: what for part, what in told.items() if part not in ("changes", "answer")}
    if "changes" in told:
        kept["changes"] = {field: [] for field in told["changes"]}
    return {**kept, "shortened": True}


def describe(answer: Answer, *, private: bool = False) -> dict[str, Any]:
    """Return an answer as traces and replays hold it: its kind, and what belongs to it.

    Args:
        answer: the answer.
        private: name what changed without showing it.
    """
    told: dict[str, Any] = {"result": answer.kind}
    if answer.failure is not None:
        told["error"] = msgspec.to_builtins(answer.failure)
    elif answer.kind == "modified":
        changes = differences(answer.before, answer.after)
        told["changes"] = {field: [] for field in changes} if private else changes
    elif answer.kind not in ("continue", "skipped") and not private:
        told["answer"] = plain(msgspec.to_builtins(answer.result))
    elif answer.kind == "skipped":
        told["answer"] = {"reason": str(answer.result.reason)[:_MOST_TEXT]}
    if answer.printed:
        told["printed"] = answer.printed[:_MOST_TEXT]
    return told


def differences(before: Any, after: Any) -> dict[str, list[Any]]:
    """Return the fields that two values of one type differ in, each as what it was and what it is."""
    return {
        field: [plain(msgspec.to_builtins(old)), plain(msgspec.to_builtins(new))]
        for field in before.__struct_fields__
        if (old := getattr(before, field)) != (new := getattr(after, field))
    }


def _outcome(run: Run) -> str:
    kinds = [answer.kind for answer in run.answers.values()]
    for kind in ("cancel", "replace", "redirect", "fork", "modified", "retry", "cache", "failed"):
        if kind in kinds:
            return kind
    return "continue"
