"""Runs of hooks as rows: read from traces, kept in bounds, filtered, and grouped by turn; no widget."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from workbench.app.events.event import Event
from workbench.app.events.timeline_bars import FAILED, FINISHED, RECEIVED
from workbench.app.hooks.recorder import RAN
from workbench.app.text import one_line

MOST_RUNS: Final = 10_000
"""Runs that are held at most."""
WANTED: Final = f"{RAN} or {RECEIVED} or {FINISHED} or {FAILED}"
"""The filter of the events that `RunLog` understands."""
_MOST_TURNS: Final = 4_000
_NOTE: Final = 120
_PIECE: Final = 32
_AROUND: Final = 8
# What waits at a breakpoint waits for a person; that is not time that a hook takes.
_PAUSES: Final = "debugging.pause@"


class HookRun(msgspec.Struct, frozen=True, gc=False):
    """One run of a hook.

    Args:
        seq: number of the trace's event.
        place: place in the trace's runs, from 0.
        event_id: the event's id.
        time: when all hooks of the point had run, UTC.
        point: the point's name.
        hook: the hook's id.
        plugin: its plugin.
        version: the plugin's version.
        duration_ms: how long it took.
        result: what it answered, in a word.
        note: what that changed, in short.
        turn: the turn or job, None for neither.
    """

    seq: int
    place: int
    event_id: str
    time: datetime
    point: str
    hook: str
    plugin: str
    version: str
    duration_ms: float
    result: str
    note: str
    turn: str | None

    @property
    def key(self) -> tuple[int, int]:
        """What it is known by; later runs have greater ones."""
        return self.seq, self.place

    @property
    def trace_id(self) -> str:
        """What commands know it by."""
        return f"{self.event_id}:{self.place}"


class Group(msgspec.Struct, frozen=True):
    """A turn, or one passing of a point, above the runs that belong to it.

    Args:
        kind: turn or point.
        name: the turn's id, empty for none, or the point's name.
        time: when it began, or was passed.
        seq: number of the first trace.
        turn: the turn that it belongs to.
        duration_ms: time of the hooks in all.
        runs: how many there were.
        outcome: what was decided; for a turn empty.
        share: per cent of the turn's time, None when that is not known.
        folded: whether what belongs to it is hidden.
    """

    kind: str
    name: str
    time: datetime
    seq: int
    turn: str | None
    duration_ms: float
    runs: int
    outcome: str = ""
    share: float | None = None
    folded: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        """What it is known by."""
        return self.kind, self.turn or "", 0 if self.kind == "turn" else self.seq


TraceRow = HookRun | Group


class Wanted(msgspec.Struct, frozen=True):
    """Which runs are shown: with all words of a text, at a point, of a hook; what is empty holds for all."""

    text: str = ""
    point: str = ""
    hook: str = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.point or self.hook)

    @property
    def words(self) -> str:
        """The filter as a person reads it."""
        parts = (self.text.strip(), self.point and f"point {self.point}", self.hook and f"hook {self.hook}")
        return " · ".join(part for part in parts if part)


class RunLog:
    """The newest runs, and when their turns began and ended.

    Args:
        most: runs that are held.
    """

    def __init__(self, most: int = MOST_RUNS) -> None:
        self.runs: list[HookRun] = []
        self.turns: dict[str, tuple[datetime | None, datetime | None]] = {}
        """Beginning and end of turns, where known."""
        self.generation = 0
        """Another number when something else has happened to the runs than that more came after them."""
        self._most = most

    @property
    def is_full(self) -> bool:
        """Whether older runs go when newer come."""
        return len(self.runs) >= self._most

    def add(self, events: Iterable[Event]) -> bool:
        """Take events that came after those that are held; tell whether there are other rows now."""
        found = self._read(events)
        self.runs.extend(found)
        if len(self.runs) > self._most:
            # Some more than must go, so that not every run moves the whole list.
            del self.runs[: len(self.runs) - self._most + self._most // 20]
            self.generation += 1
        return bool(found)

    def add_before(self, events: Iterable[Event]) -> bool:
        """Take older events, the oldest first; those for which there is no room are left out."""
        found = self._read(events)
        room = max(0, self._most - len(self.runs))
        self.runs[:0] = found[len(found) - min(room, len(found)) :]
        self.generation += 1
        return bool(found and room)

    def clear(self) -> None:
        """Forget all."""
        self.runs.clear()
        self.turns.clear()
        self.generation += 1

    def _read(self, events: Iterable[Event]) -> list[HookRun]:
        found: list[HookRun] = []
        for event in events:
            if event.name == RAN:
                found.extend(runs_in(event))
            elif event.correlation_id is not None:
                self._note_turn(event)
        return found

    def _note_turn(self, event: Event) -> None:
        turn = event.correlation_id or ""
        began, ended = self.turns.get(turn, (None, None))
        if event.name == RECEIVED:
            self.turns[turn] = event.time, ended
        elif event.name in (FINISHED, FAILED):
            self.turns[turn] = began, event.time
        while len(self.turns) > _MOST_TURNS:
            del self.turns[next(iter(self.turns))]


def runs_in(event: Event) -> list[HookRun]:
    """Return the runs that a trace tells of; what does not look like one is left out."""
    told = event.payload.get("runs")
    if event.name != RAN or not isinstance(told, list):
        return []
    return [_run(event, place, ran) for place, ran in enumerate(told) if isinstance(ran, dict)]


def _run(event: Event, place: int, ran: Mapping[str, Any]) -> HookRun:
    duration = ran.get("duration_ms")
    return HookRun(
        seq=event.seq,
        place=place,
        event_id=event.id,
        time=event.time,
        point=one_line(str(event.payload.get("point", "")), 80),
        hook=one_line(str(ran.get("hook", "")), 120),
        plugin=one_line(str(ran.get("plugin", "")), 80),
        version=one_line(str(ran.get("version", "")), 40),
        duration_ms=float(duration) if isinstance(duration, int | float) else 0.0,
        result=one_line(str(ran.get("result", "continue")), 20),
        note=note_of(ran),
        turn=event.correlation_id,
    )


# --- what changed, in short ----------------------------------------------------------------------------


def note_of(ran: Mapping[str, Any]) -> str:
    """Return what a run changed, decided or failed of, on one short line."""
    error, answer, changes = ran.get("error"), ran.get("answer"), ran.get("changes")
    if isinstance(error, dict):
        text = _error_note(error)
    elif isinstance(changes, dict):
        text = " · ".join(_change_note(str(field), pair) for field, pair in changes.items())
    elif isinstance(answer, dict):
        text = _answer_note(answer)
    else:
        text = ""
    if ran.get("printed"):
        printed = f"printed “{one_line(str(ran['printed']), _PIECE)}”"
        text = f"{text} · {printed}" if text else printed
    return one_line(text, _NOTE)


def _error_note(error: Mapping[str, Any]) -> str:
    file, line = str(error.get("file", "")), error.get("line")
    where = f" ({file.rpartition('/')[2]}:{line})" if file and line else ""
    return f"{error.get('message', '')}{where}"


def _change_note(field: str, pair: Any) -> str:
    if not isinstance(pair, list) or len(pair) != 2:
        return f"{field} (not shown)"
    old, new = pair
    if isinstance(old, str) and isinstance(new, str):
        old, new = around_difference(old, new)
        return f"{field} {old} → {new}"
    return f"{field} {_brief(old)} → {_brief(new)}"


def around_difference(old: str, new: str) -> tuple[str, str]:
    """Return of two texts the pieces in which they differ, with some characters around them, in quotes."""
    limit = min(len(old), len(new))
    head = next((place for place in range(limit) if old[place] != new[place]), limit)
    tail = next((place for place in range(limit - head) if old[-1 - place] != new[-1 - place]), limit - head)
    start = head - _AROUND if head > _AROUND + 1 else 0

    def piece(text: str) -> str:
        end = len(text) - tail + _AROUND
        end = len(text) if end >= len(text) - 1 else end
        shown = ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
        return f"“{one_line(shown, _PIECE)}”"

    return piece(old), piece(new)


def _answer_note(answer: Mapping[str, Any]) -> str:
    match answer.get("type", ""):
        case "retry":
            return f"{answer.get('attempts')} attempts, after {answer.get('delay')} s"
        case "fork":
            values = answer.get("values")
            return f"{len(values) if isinstance(values, list) else '?'} branches, {answer.get('join')}"
        case "cache":
            return f"key {_brief(answer.get('key'))} for {answer.get('ttl')} s"
    for field in ("reason", "to", "result"):
        if field in answer:
            value = answer[field]
            return value if isinstance(value, str) else _brief(value)
    return _brief(answer)


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return one_line(text, _PIECE)


# --- rows ----------------------------------------------------------------------------------------------


def fits(run: HookRun, wanted: Wanted) -> bool:
    """Tell whether a run is shown."""
    if (wanted.point and run.point != wanted.point) or (wanted.hook and run.hook != wanted.hook):
        return False
    if not wanted.text:
        return True
    words = f"{run.point} {run.hook} {run.plugin}@{run.version} {run.result} {run.note} {run.turn}".lower()
    return all(word in words for word in wanted.text.lower().split())


class FittingRuns:
    """The runs of a log that are shown; new ones are looked at once."""

    def __init__(self) -> None:
        self._rows: list[TraceRow] = []
        self._looked = 0
        self._of: tuple[int, Wanted] | None = None

    def rows(self, log: RunLog, wanted: Wanted) -> Sequence[TraceRow]:
        """Return the runs that are shown now, oldest first."""
        if (log.generation, wanted) != self._of:
            self._of, self._rows, self._looked = (log.generation, wanted), [], 0
        self._rows.extend(flat_rows(log.runs[self._looked :], wanted))
        self._looked = len(log.runs)
        return self._rows


def flat_rows(runs: Sequence[HookRun], wanted: Wanted) -> list[TraceRow]:
    """Return the runs that are shown, oldest first."""
    return [run for run in runs if fits(run, wanted)] if wanted else list(runs)


def turn_rows(
    runs: Sequence[HookRun],
    wanted: Wanted,
    turns: Mapping[str, tuple[datetime | None, datetime | None]],
    folded: frozenset[tuple[str, str, int]] = frozenset(),
    now: datetime | None = None,
) -> list[TraceRow]:
    """Return the runs that are shown below their points and turns, in the order of the turns' first runs.

    Args:
        runs: oldest first.
        wanted: which of them.
        turns: beginning and end of turns.
        folded: the keys of groups whose rows are hidden.
        now: the present time, for a turn that still runs.
    """
    by_turn: dict[str, list[HookRun]] = {}
    for run in runs:
        if fits(run, wanted):
            by_turn.setdefault(run.turn or "", []).append(run)
    rows: list[TraceRow] = []
    for turn, members in by_turn.items():
        head = _turn_group(turn, members, turns.get(turn, (None, None)), folded, now)
        rows.append(head)
        if not head.folded:
            rows.extend(_point_rows(turn, members, folded))
    return rows


def _turn_group(
    turn: str,
    members: Sequence[HookRun],
    span: tuple[datetime | None, datetime | None],
    folded: frozenset[tuple[str, str, int]],
    now: datetime | None,
) -> Group:
    began, ended = span[0], span[1] or now
    total = sum(run.duration_ms for run in members if not run.hook.startswith(_PAUSES))
    length = (ended - began).total_seconds() * 1000 if turn and began and ended else 0.0
    return Group(
        kind="turn",
        name=turn,
        time=began or members[0].time,
        seq=members[0].seq,
        turn=turn,
        duration_ms=total,
        runs=len(members),
        share=100 * total / length if length > 0 else None,
        folded=("turn", turn, 0) in folded,
    )


def _point_rows(
    turn: str, members: Sequence[HookRun], folded: frozenset[tuple[str, str, int]]
) -> Iterable[TraceRow]:
    start = 0
    while start < len(members):
        seq = members[start].seq
        end = bisect_left(members, seq + 1, lo=start, key=lambda run: run.seq)
        passing = members[start:end]
        outcome = next((run.result for run in passing if run.result not in ("continue", "skipped")), "")
        head = Group(
            kind="point",
            name=passing[0].point,
            time=passing[0].time,
            seq=seq,
            turn=turn,
            duration_ms=sum(run.duration_ms for run in passing),
            runs=len(passing),
            outcome=outcome,
            folded=("point", turn, seq) in folded,
        )
        yield head
        if not head.folded:
            yield from passing
        start = end
