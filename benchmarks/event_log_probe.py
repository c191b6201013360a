"""The workbench over a long log, in a terminal; it looks through its own events pane and times that.

`python -m workbench.benchmarks.event_log_probe PROFILE EVENTS RESULT [--quick]` needs a profile that
`event_samples` made.
"""

from __future__ import annotations

import asyncio
import functools
import random
import sys
import time
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec
import psutil
from textual import events
from textual.widgets import Input

from workbench.app.events.event import Event, to_json
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.reader import EventReader
from workbench.app.tui import WorkbenchApp
from workbench.app.workbench import Workbench
from workbench.benchmarks.driven_app import run_workbench
from workbench.benchmarks.event_samples import LONE_WORD, MARKER, RARE_WORD, marker, sample
from workbench.benchmarks.loop_work import LoopWork
from workbench.widgets.event_list import EventList
from workbench.widgets.events_pane import EventsPane

BY_NAME = {"common": "core:chat:*", "rare": "core:worker:log", "scarce": "acme:disk:*"}
"""Filters by name: half of all events, one in some thousands, next to none."""
BY_TEXT = {
    "common": 'text ~ "files page"',
    "rare": f'text ~ "{RARE_WORD}"',
    "one event": f'text ~ "{LONE_WORD}"',
    "wide letters": 'text ~ "Größe" and text ~ "folder"',
}
"""Filters by full text."""

_PATIENCE = 30.0
_MILLISECONDS = 1e3
_MEGABYTE = 2**20
# Where a step leaves the program so long alone, its late work belongs to it.
_REST = 0.02
_EMPTY = 0.12
_MOST_RESTS = 10
# Characters of a picture that shows the list anew; the work of smaller ones counts with the next.
_WHOLE = 1_000
# Of the lines that should be seen, so many; a pin or a notice may stand over some.
_ENOUGH = 0.75


class Frames(msgspec.Struct):
    """Milliseconds of work before each picture: by the clock, and of the processor."""

    work: list[float] = []
    cpu: list[float] = []


class Probe(msgspec.Struct, kw_only=True):
    """What was found; times in milliseconds, memory in megabytes."""

    opened: list[float] = []
    scroll: Frames = msgspec.field(default_factory=Frames)
    jump: Frames = msgspec.field(default_factory=Frames)
    through: Frames = msgspec.field(default_factory=Frames)
    through_seconds: float = 0.0
    jumped: list[float] = []
    by_name: dict[str, list[float]] = {}
    by_text: dict[str, list[float]] = {}
    memory: list[float] = []


class Plan(msgspec.Struct, frozen=True):
    """How often each thing is done."""

    openings: int
    scrolls: int
    jumps: int
    filters: int
    screens: int  # that one step passes on the way through everything


class Prober:
    """Does things with the pane and waits until what they should show has been drawn."""

    def __init__(self, app: WorkbenchApp, workbench: Workbench, count: int) -> None:
        self.app = app
        self.workbench = workbench
        self.pane = app.screen.query_one(EventsPane)
        self.list = self.pane.query_one(EventList)
        self.work = LoopWork(app)
        self._count = count
        self._later: dict[int, int] = {}
        self._work = self._cpu = 0.0

    async def add(self, number: int) -> None:
        """Publish one more event."""
        made = sample(number)
        event = await self.workbench.bus.emit(
            made.name,
            made.payload,
            source=made.source,
            session_id=made.session_id,
            correlation_id=made.correlation_id,
        )
        self._later[event.seq] = marker(number)

    def visible(self) -> list[int]:
        """Return the markers of the rows that stand where the list is, without a filter."""
        top = self.list.scroll_offset.y
        seqs = range(top + 1, top + 1 + self.list.size.height)
        return [marker(seq - 1) if seq <= self._count else self._later.get(seq, 0) for seq in seqs]

    async def step(
        self, act: Callable[[], object], wanted: Callable[[], Collection[int]], frames: Frames | None = None
    ) -> float:
        """Do something; return after how many milliseconds it was drawn.

        Args:
            act: what is done.
            wanted: the markers that should be seen then.
            frames: gets the work of each picture of the list.

        Raises:
            TimeoutError: it was not drawn.
        """
        work = self.work
        work.pictures.clear()
        self._work, self._cpu = work.work, time.thread_time()
        began = time.perf_counter()
        act()
        try:
            async with asyncio.timeout(_PATIENCE):
                while not self._drawn(wanted()):
                    work.came.clear()
                    await work.came.wait()
        except TimeoutError:
            seen = [sorted(picture.markers) for picture in work.pictures]
            raise TimeoutError(f"drawn: {seen}; but not: {sorted(wanted())}") from None
        drawn = work.pictures[-1].at
        await asyncio.sleep(_REST)
        if frames is not None:
            self._note(frames)
        return (drawn - began) * _MILLISECONDS

    def _drawn(self, wanted: Collection[int]) -> bool:
        seen = {each for picture in self.work.pictures for each in picture.markers}
        known = [each for each in wanted if each]
        return bool(known) and sum(each in seen for each in known) >= _ENOUGH * len(known)

    def _note(self, frames: Frames) -> None:
        for picture in self.work.pictures:
            if picture.size >= _WHOLE:
                frames.work.append((picture.work - self._work) * _MILLISECONDS)
                frames.cpu.append((picture.cpu - self._cpu) * _MILLISECONDS)
                self._work, self._cpu = picture.work, picture.cpu

    async def settle(self) -> None:
        """Wait until nothing has been drawn for a while, but not for ever."""
        for _ in range(_MOST_RESTS):
            self.work.pictures.clear()
            await asyncio.sleep(_EMPTY)
            if not self.work.pictures:
                return

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(_PATIENCE):
            while not condition():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(_REST)

    def press(self, key: str) -> Callable[[], object]:
        """Return what presses a key."""
        return lambda: self.app.simulate_key(key)


async def look_through(prober: Prober, count: int, plan: Plan) -> Probe:
    """Do all that is measured, one after the other."""
    probe, process = Probe(), psutil.Process()

    def note_memory() -> None:
        probe.memory.append(process.memory_info().rss / _MEGABYTE)

    await prober.pane.detach()
    note_memory()
    probe.opened = [await _open(prober) for _ in range(plan.openings)]
    prober.pane.focus()
    await prober.settle()
    await _scroll(prober, count, plan.scrolls, probe.scroll)
    await _jump(prober, count, plan.jumps, probe)
    note_memory()
    began = time.perf_counter()
    await _go_through(prober, count, plan.screens, probe.through)
    probe.through_seconds = time.perf_counter() - began
    note_memory()
    await prober.step(lambda: _end(prober), prober.visible)
    for texts, found in ((BY_NAME, probe.by_name), (BY_TEXT, probe.by_text)):
        for kind, text in texts.items():
            found[kind] = [await _filter(prober, text) for _ in range(plan.filters)]
            note_memory()
    return probe


async def _open(prober: Prober) -> float:
    """Return the milliseconds from `attach` until the newest events stand there."""
    await prober.pane.detach()
    prober.list.attach(None)
    await prober.settle()
    return await prober.step(lambda: prober.pane.attach(prober.workbench), prober.visible)


async def _scroll(prober: Prober, count: int, steps: int, frames: Frames) -> None:
    """Scroll by screens and by lines: from the end upwards, and about the middle, both ways."""
    for place, ways in ((None, ("pageup", "up")), (count // 2, ("pagedown", "pageup", "down", "up"))):
        if place is not None:
            await prober.step(_to(prober, place), prober.visible)
        for key in ways:
            for _ in range(steps):
                await prober.step(prober.press(key), prober.visible, frames)


async def _jump(prober: Prober, count: int, steps: int, probe: Probe) -> None:
    """Jump as with the scroll bar, and with the cursor to an event, each to any place."""
    chance = random.Random(3)  # the same places in every run
    for _ in range(steps):
        place = chance.randrange(count - prober.list.size.height)
        probe.jumped.append(await prober.step(_to(prober, place), prober.visible, probe.jump))
        seq = chance.randrange(1, count)
        act = functools.partial(prober.list.go_to, seq)
        probe.jumped.append(await prober.step(act, prober.visible, probe.jump))


async def _go_through(prober: Prober, count: int, screens: int, frames: Frames) -> None:
    """Scroll from the first event to the last; all are read and each so many-th screen is drawn."""
    height = prober.list.size.height
    for place in range(0, count - height, screens * height):
        await prober.step(_to(prober, place), prober.visible, frames)


async def _filter(prober: Prober, text: str) -> float:
    """Return the milliseconds from entering a filter until its first page is drawn; then take it away."""
    found = await EventReader(prober.workbench.store).newest(parse_filter(text), prober.list.size.height - 2)
    wanted = [shown for event in found for shown in _markers(event)]
    prober.app.simulate_key("slash")
    await prober.until(lambda: isinstance(prober.app.focused, Input))
    prober.app.post_message(events.Paste(text))
    await prober.until(lambda: isinstance(prober.app.focused, Input) and prober.app.focused.value == text)
    await prober.settle()
    drawn = await prober.step(prober.press("enter"), lambda: wanted)
    await prober.until(lambda: prober.list.has_focus)
    await prober.settle()
    await prober.step(prober.press("escape"), prober.visible)
    return drawn


def _markers(event: Event) -> list[int]:
    return [int(found) for found in MARKER.findall(to_json(event))[:1]]


def _end(prober: Prober) -> None:
    prober.list.follow()
    prober.list.update()


def _to(prober: Prober, place: int) -> Callable[[], object]:
    """Return what scrolls to a row, as dragging the scroll bar does."""
    return lambda: prober.list.scroll_to(y=place, animate=False)


async def _run(folder: Path, count: int, result: Path, plan: Plan) -> int:
    async def work(app: WorkbenchApp, workbench: Workbench) -> None:
        probe = await _probe(Prober(app, workbench, count), count, plan)
        await asyncio.to_thread(result.write_bytes, msgspec.json.encode(probe))

    await run_workbench(folder, work)
    return 0


async def _probe(prober: Prober, count: int, plan: Plan) -> Probe:
    # What starting told is out of sight then.
    for number in range(count, count + 4 * prober.app.size.height):
        await prober.add(number)
    await prober.workbench.log.flush()
    await prober.settle()
    try:
        return await look_through(prober, count, plan)
    finally:
        prober.work.close()


def main() -> int:
    """Run with the arguments that the module names."""
    folder, count, result = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    full = Plan(openings=9, scrolls=100, jumps=200, filters=9, screens=3)
    plan = Plan(openings=1, scrolls=3, jumps=4, filters=1, screens=40) if "--quick" in sys.argv else full
    return asyncio.run(_run(folder, count, result, plan))


if __name__ == "__main__":
    sys.exit(main())
