"""One turn or job as a waterfall: its events become rows with a beginning, a length and a depth. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from workbench.app.events.event import Event
from workbench.app.events.timeline_bars import (
    FAILED,
    FINISHED,
    PROGRESS,
    RECEIVED,
    RECOVERED,
    STEP,
    Bar,
    bars_of,
    count_of,
    number_of,
    text_of,
    utc,
)

# Marks of one name become one row from so many on.
_FOLDED_FROM: Final = 3
_DEEPEST: Final = 12
# A time and a duration are read one after the other, so ends that belong together may differ so much.
_SLACK_MS: Final = 1.0
# How many bars that still run are asked whether they hold a new one.
_MOST_OPEN: Final = 64
_EMPTY_STEPS: Final = ("load", "prompt", "prefill")
# It belongs to a turn by its correlation id, but happens whenever somebody looks back at it.
_REPLAYED: Final = "core:hook:replayed"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the waterfall.

    Args:
        label: what it is.
        kind: turn or job for the whole; load, prompt, prefill, decode or store for a step; worker, hook,
            tool, command or span for what else takes time; mark for what happened at a moment.
        start_ms: when it began, after the beginning of the whole.
        duration_ms: how long it took; of a mark, from its first moment to its last.
        tokens: what it read or wrote, None when that means nothing here.
        detail: more in a few words.
        depth: how many rows it stands inside of.
        seq: number of the event that tells of it.
        level: `error` or `warning` when it deserves to be noticed.
        running: whether it has not ended yet.
        ticks: of marks that share a row: when each happened.
    """

    label: str
    kind: str
    start_ms: float
    duration_ms: float = 0.0
    tokens: int | None = None
    detail: str = ""
    depth: int = 0
    seq: int = 0
    level: str = ""
    running: bool = False
    ticks: tuple[float, ...] = ()


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A turn or job.

    Args:
        rows: the whole first, then everything in it in the order of beginnings, what is inside after what
            holds it.
        total_ms: from the first beginning to the last end; every row lies within.
        began: when it began; None without events.
        running: whether it has not ended.
        outcome: why it ended: the reply's reason, or what failed.
        prompt_tokens: tokens that the model was given.
        cached_tokens: those of them that it still had from before.
        reply_tokens: tokens that it wrote.
        tokens_per_second: how fast it wrote.
        first_token_ms: how long its first text took.
    """

    rows: tuple[Row, ...] = ()
    total_ms: float = 0.0
    began: datetime | None = None
    running: bool = False
    outcome: str = ""
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    reply_tokens: int | None = None
    tokens_per_second: float | None = None
    first_token_ms: float | None = None


def build_timeline(events: Iterable[Event], now: datetime | None = None) -> Timeline:
    """Return the waterfall of one turn's or job's events.

    An event whose payload has a number `duration_ms` is a bar that ends at the event's time; the others are
    marks. A turn goes from the message to the end of its reply; that its hooks were replayed later is no
    part of it.

    Args:
        events: all events of one correlation id, in any order; any payloads.
        now: while the turn runs, the present time, up to which what has not ended is drawn; None for a turn
            that does not run any more.
    """
    parts = (event for event in events if event.name != _REPLAYED)
    ordered = sorted(parts, key=lambda event: (utc(event.time), event.seq))
    if not ordered:
        return Timeline()
    began = utc(ordered[0].time)
    ending = next((event for event in reversed(ordered) if event.name in (FINISHED, FAILED)), None)
    received = next((event for event in ordered if event.name == RECEIVED), None)
    running = ending is None and now is not None
    present = _ms(utc(now), began) if running and now is not None else None
    bars = [bar for event in ordered if event is not ending for bar in bars_of(event, _ms(event.time, began))]
    if present is not None and received is not None:
        bars += _unfinished(bars, max(present, bars[-1].end))
    whole = _whole(bars, received, ending, began, present)
    shown = _fold(_kept_inside(_read_before_written(bars), whole))
    first = min((bar.start for bar in shown), default=whole.start)
    first = min(first, whole.start)
    last = max(whole.end, max((bar.end for bar in shown), default=whole.end))
    rows = [_row(bar, depth, first) for bar, depth in [(whole, 0), *_tree(shown)]]
    return _figures(ordered, ending, Timeline(rows=tuple(rows), total_ms=last - first, running=running))


def _ms(time: datetime, began: datetime) -> float:
    return (utc(time) - began).total_seconds() * 1000


def _row(bar: Bar, depth: int, first: float) -> Row:
    return Row(
        label=bar.label,
        kind=bar.kind,
        start_ms=bar.start - first,
        duration_ms=bar.end - bar.start,
        tokens=bar.tokens,
        detail=bar.detail,
        depth=depth,
        seq=bar.seq,
        level=bar.level,
        running=bar.running,
        ticks=tuple(tick - first for tick in bar.ticks),
    )


def _whole(
    bars: Sequence[Bar], received: Event | None, ending: Event | None, began: datetime, present: float | None
) -> Bar:
    """Return the bar of all: of a turn to its reply's end, else to the last that there is."""
    inside = [bar for bar in bars if bar.name != RECOVERED] or bars
    # Also what was done before the message counts as received: hooks, and storing it.
    start = min((bar.start for bar in inside), default=0.0)
    last = max((bar.end for bar in inside), default=0.0)
    end = _ms(ending.time, began) if ending is not None else max(last, present or last)
    told = ending or received
    turn = received is not None or ending is not None
    return Bar(
        start=min(start, end),
        end=end,
        label="turn" if turn else "job",
        kind="turn" if turn else "job",
        seq=told.seq if told is not None else bars[0].seq,
        tokens=count_of(ending.payload, "reply_tokens") if ending is not None else None,
        detail=_outcome(ending),
        level="error" if ending is not None and ending.name == FAILED else "",
        running=ending is None and present is not None,
    )


def _outcome(ending: Event | None) -> str:
    if ending is None:
        return ""
    return text_of(ending.payload.get("message" if ending.name == FAILED else "reason"))


def _figures(ordered: Sequence[Event], ending: Event | None, timeline: Timeline) -> Timeline:
    """Add what the turn's events say about tokens and speed; the last word counts."""
    known: dict[str, float | int | None] = {}
    for event in ordered:
        payload = event.payload
        for key in ("prompt_tokens", "cached_tokens", "reply_tokens"):
            known[key] = count_of(payload, key) if key in payload else known.get(key)
        for key in ("tokens_per_second", "first_token_ms"):
            known[key] = number_of(payload, key) if key in payload else known.get(key)
        if event.name == PROGRESS:
            known["reply_tokens"] = count_of(payload, "tokens")
        elif event.name == "core:chat:prompt_built":
            known["prompt_tokens"] = count_of(payload, "tokens")
    return msgspec.structs.replace(timeline, began=utc(ordered[0].time), outcome=_outcome(ending), **known)


def _unfinished(bars: Sequence[Bar], present: float) -> list[Bar]:
    """Return the step that runs now, and the one before it when only its end is known."""
    steps = [bar for bar in bars if bar.name == STEP]
    ends = {bar.kind: bar.end for bar in steps}
    marks = {bar.name: bar for bar in bars if bar.kind == "mark"}
    received, prompt = marks.get(RECEIVED), marks.get("core:chat:prompt_built")
    if prompt is not None:
        ends.setdefault("prompt", prompt.end)
    since = max([ends.get(kind, 0.0) for kind in _EMPTY_STEPS] + [received.end if received else 0.0])
    first_text, progress = marks.get("core:chat:reply_started"), marks.get(PROGRESS)
    found: list[Bar] = []
    if first_text is not None:
        if "prefill" not in ends:
            found.append(_step("prefill", since, max(since, first_text.end), first_text))
        if "decode" not in ends:
            tokens = progress.tokens if progress is not None else None
            told = progress or first_text
            found.append(_step("decode", first_text.end, present, told, tokens=tokens, running=True))
        return found
    reached = max((place for place, kind in enumerate(_EMPTY_STEPS) if kind in ends), default=-1) + 1
    latest = prompt or received
    if reached < len(_EMPTY_STEPS) and latest is not None:
        found.append(_step(_EMPTY_STEPS[reached], min(since, present), present, latest, running=True))
    return found


def _step(
    kind: str, start: float, end: float, told: Bar, tokens: int | None = None, *, running: bool = False
) -> Bar:
    return Bar(
        start=start,
        end=max(start, end),
        label=kind,
        kind=kind,
        name=STEP,
        seq=told.seq,
        tokens=tokens,
        running=running,
    )


def _read_before_written(bars: Sequence[Bar]) -> list[Bar]:
    """Move reading a prompt to before the writing that followed it.

    That it ended is told when the first text arrives, which a busy program notices late.
    """
    moved, writing = list(bars), None
    for place in range(len(bars) - 1, -1, -1):
        bar = bars[place]
        if bar.name != STEP:
            continue
        if bar.kind == "decode":
            writing = bar
        elif bar.kind == "prefill" and writing is not None and bar.end > writing.start:
            moved[place] = msgspec.structs.replace(
                bar, start=writing.start - (bar.end - bar.start), end=writing.start
            )
    return moved


def _kept_inside(bars: Iterable[Bar], whole: Bar) -> list[Bar]:
    """Move what a later start of the program told to the end: it happened hours after the turn."""
    return [
        msgspec.structs.replace(bar, start=whole.end, end=whole.end) if bar.name == RECOVERED else bar
        for bar in bars
    ]


def _fold(bars: Sequence[Bar]) -> list[Bar]:
    """Put marks that happen again and again on one row each."""
    groups: dict[str, list[Bar]] = {}
    for bar in bars:
        if bar.kind == "mark" and not bar.level:
            groups.setdefault(bar.name, []).append(bar)
    folded = {name for name, group in groups.items() if len(group) >= _FOLDED_FROM}
    kept = [bar for bar in bars if bar.kind != "mark" or bar.level or bar.name not in folded]
    for name in folded:
        group = groups[name]
        kept.append(
            msgspec.structs.replace(
                group[-1],
                start=min(bar.start for bar in group),
                end=max(bar.end for bar in group),
                detail=" · ".join(filter(None, (f"×{len(group):,}", group[-1].detail))),
                ticks=tuple(bar.start for bar in group),
            )
        )
    return kept


def _tree(bars: Sequence[Bar]) -> list[tuple[Bar, int]]:
    """Return the bars with their depths: by beginning, what is inside of a bar right after it."""
    ordered = sorted(bars, key=lambda bar: (bar.start, bar.kind == "mark", -bar.end, bar.seq))
    children: dict[int, list[int]] = {}
    for index, parent in enumerate(_parents(ordered)):
        children.setdefault(parent, []).append(index)
    found: list[tuple[Bar, int]] = []
    waiting = [(index, 1) for index in reversed(children.get(-1, ()))]
    while waiting:
        index, depth = waiting.pop()
        found.append((ordered[index], min(depth, _DEEPEST)))
        waiting += [(child, depth + 1) for child in reversed(children.get(index, ()))]
    return found


def _parents(ordered: Sequence[Bar]) -> list[int]:
    """Return for each bar the place of the one that holds it, -1 for the whole.

    A step belongs to the turn. Anything else that takes time belongs to the bar that caused it and had not
    ended, else to the shortest bar around it. A mark belongs to the bar that caused it.
    """
    owners = {bar.id: place for place, bar in enumerate(ordered) if bar.id and bar.kind != "mark"}
    steps = [place for place, bar in enumerate(ordered) if bar.name == STEP]
    parents: list[int] = []
    open_bars: list[int] = []
    for place, bar in enumerate(ordered):
        owner = owners.get(bar.parent, -1)
        caused = 0 <= owner < place and bar.start <= ordered[owner].end + _SLACK_MS
        if bar.kind == "mark" or bar.name == STEP:
            parents.append(owner if caused and bar.kind == "mark" else -1)
            continue
        open_bars = [other for other in open_bars if ordered[other].end > bar.start][-_MOST_OPEN:]
        around = owner if caused else _around(bar, ordered, open_bars, steps, place)
        parents.append(around)
        open_bars.append(place)
    return parents


def _around(bar: Bar, ordered: Sequence[Bar], open_bars: list[int], steps: list[int], place: int) -> int:
    """Return the place of the shortest bar that a bar lies in, -1 when none is clearly around it."""
    slack = min(_SLACK_MS, (bar.end - bar.start) / 2)
    best = -1
    for other in (*reversed(open_bars), *steps):
        around = ordered[other]
        # A step may begin a moment after what it holds; among others, only an earlier row can hold this one.
        if other == place or (around.name != STEP and other > place):
            continue
        if around.start <= bar.start + slack and around.end >= bar.end - slack:
            length = around.end - around.start
            if best < 0 or length < ordered[best].end - ordered[best].start:
                best = other
    return best
