"""The events pane: a log of a million events, and 5,000 events a second, against other viewers of logs.

Every program runs in a terminal of 200 by 50, the workbench with sessions, chat and events beside each other.
The long log is written first, with the index of its words; then a probe in the program opens the pane,
scrolls, jumps and filters. UI work of a frame: how long all steps of the event loop took since the frame
before, by the clock. Scrolling through everything: from the first event to the last, in steps of three
screens, so that all are read. Times until something is drawn end when the terminal has the lines. Memory is
the resident set, before the pane shows anything and at most after that. Live: a task in the program publishes
through the bus, as real work does, so that all is checked, kept in the log and counted; what the pane costs
is the difference to the same without it. Keys are letters that are written to the terminal while the events
come, until each is painted. The peers get the same events as lines of JSON: Textual's `Log` and `RichLog`
from a task in a bare app, Toolong by a file that grows. Processor time is that of the whole process while the
events come.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from workbench.benchmarks import event_live
from workbench.benchmarks.event_live import Session, Shown
from workbench.benchmarks.event_log_probe import Probe
from workbench.benchmarks.peers.toolong import NotInstalledError, toolong
from workbench.benchmarks.result import Claim, Figure, Result, most
from workbench.benchmarks.rounds import Pair, in_turns, middle, ratios, say
from workbench.benchmarks.startup import environment
from workbench.benchmarks.terminal import run_in_terminal

_PATIENCE = 900.0
_MICROSECONDS = 1e6


class _Amounts(NamedTuple):
    """How much is done."""

    events: int
    live_seconds: float
    live_rounds: int
    seconds: float
    rounds: int


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    full = _Amounts(events=1_000_000, live_seconds=60.0, live_rounds=2, seconds=10.0, rounds=3)
    amounts = _Amounts(20_000, 2.0, 1, 1.0, 1) if quick else full
    parts = [await _long_log(amounts.events, quick)]
    sessions = await _sessions(amounts)
    parts.append(_live(sessions))
    parts.append(await _peers(amounts, sessions))
    return Result(
        claims=[claim for part in parts for claim in part.claims],
        figures=[figure for part in parts for figure in part.figures],
        notes=[note for part in parts for note in part.notes],
    )


async def _long_log(events: int, quick: bool) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        argv = (sys.executable, "-m", "workbench.benchmarks.event_samples", f"{folder}/profile", str(events))
        writing = await asyncio.create_subprocess_exec(*argv)
        if await writing.wait():
            raise RuntimeError("the log was not written")
        made = time.perf_counter() - began
        say(f"events pane: a log of {events:,} events in {made:.0f} s")
        probe = await asyncio.to_thread(_probe, Path(folder), events, quick)
    by_name, by_text = _middles(probe.by_name), _middles(probe.by_text)
    first, *later = probe.memory
    return Result(
        claims=[
            most("events pane, until it shows the newest events", probe.opened, 150, "ms"),
            _high("UI work of a frame, scrolling", probe.scroll.work, 16),
            _high("UI work of a frame, jumping to any place", probe.jump.work, 16),
            Claim("filter by name, until its first page is drawn", max(by_name.values()), 100, "most", "ms"),
            Claim("full text, until its first page is drawn", max(by_text.values()), 300, "most", "ms"),
            Claim("memory's growth with all of it seen", max(later) - first, 30, "most", "MB"),
        ],
        figures=[
            Figure("events in the log", events),
            Figure("making that log", made, "s"),
            Figure("UI work of a frame, scrolling, median", middle(probe.scroll.work), "ms"),
            Figure("UI work of a frame, jumping, median", middle(probe.jump.work), "ms"),
            Figure("the processor's time in it, 99th percentile", _percentile(probe.jump.cpu, 0.99), "ms"),
            Figure("a jump, until the events are drawn", middle(probe.jumped), "ms"),
            Figure("scrolling through everything, UI work of a frame", middle(probe.through.work), "ms"),
            Figure("the same, 99th percentile", _percentile(probe.through.work, 0.99), "ms"),
            Figure("scrolling through everything", events / probe.through_seconds, "events/s"),
            *(Figure(f"filter by name, {kind}", value, "ms") for kind, value in by_name.items()),
            *(Figure(f"full text, {kind}", value, "ms") for kind, value in by_text.items()),
            Figure("memory before the pane shows anything", first, "MB"),
        ],
    )


def _probe(folder: Path, events: int, quick: bool) -> Probe:
    """Run the probe in a terminal until it ends."""
    result = folder / "result.json"
    module = (sys.executable, "-m", "workbench.benchmarks.event_log_probe")
    argv = (*module, str(folder / "profile"), str(events), str(result), *(["--quick"] if quick else []))
    deadline = time.monotonic() + _PATIENCE
    with run_in_terminal(argv, environment(folder), folder, event_live.SIZE) as terminal:
        with contextlib.suppress(EOFError):
            while time.monotonic() < deadline:
                terminal.read(1.0)
                terminal.forget()
        if not result.exists():
            raise RuntimeError(f"the probe failed; its last words: {terminal.text()[-2000:]}")
    return msgspec.json.decode(result.read_bytes(), type=Probe)


async def _sessions(amounts: _Amounts) -> list[Pair[Session]]:
    """Publish events in the workbench with and without the pane, in turns, while somebody types."""

    async def session(*, pane: bool) -> Session:
        return await asyncio.to_thread(event_live.workbench, amounts.live_seconds, pane=pane, keys=True)

    return await in_turns(
        "events live",
        lambda: session(pane=True),
        lambda: session(pane=False),
        amounts.live_rounds,
        repeat=False,
    )


def _live(sessions: Sequence[Pair[Session]]) -> Result:
    ours, without = [pair.ours for pair in sessions], [pair.peer for pair in sessions]
    keys = [wait for session in ours for wait in session.keys]
    accounts = [account for session in ours for account in session.live.accounts]
    pane = [account for account in accounts if account.name == "events pane"]
    slow = [account for account in accounts if account.name == "slow reader"]
    grown = [session.live.memory[1] - session.live.memory[0] for session in ours]
    return Result(
        claims=[
            most(
                "processor, events pane", [each.share for each in _differences(sessions)], 25, "% of a core"
            ),
            _high("a key while events come, until it is painted", keys, 30),
            Claim(
                "events lost to the log or to durable subscribers",
                sum(each.live.published - each.live.kept for each in ours)
                + sum(account.dropped for account in accounts if account.policy == "durable"),
                0,
                "most",
            ),
            Claim(
                "events neither delivered nor counted as dropped, of any subscriber",
                sum(account.wrong for account in accounts),
                0,
                "most",
            ),
        ],
        figures=[
            Figure("events published", middle([each.shown.rate for each in ours]), "events/s"),
            Figure(
                "processor, all of the workbench", middle([each.shown.share for each in ours]), "% of a core"
            ),
            Figure(
                "the same without the pane", middle([each.shown.share for each in without]), "% of a core"
            ),
            Figure("a key, median", middle(keys), "ms"),
            Figure("a key, 99th percentile without the pane", _percentile(_keys(without), 0.99), "ms"),
            Figure("keys", len(keys)),
            Figure("dropped for the pane, and read from the log", sum(account.dropped for account in pane)),
            Figure("dropped for a slow reader", sum(account.dropped for account in slow)),
            Figure("memory's growth meanwhile", middle(grown), "MB"),
        ],
    )


async def _peers(amounts: _Amounts, sessions: Sequence[Pair[Session]]) -> Result:
    """Let peers show the same, each in turns with the workbench."""
    seconds = amounts.seconds

    async def ours() -> Shown:
        if amounts.rounds == 1:  # a quick run
            return sessions[0].ours.shown
        return (await asyncio.to_thread(event_live.workbench, seconds)).shown

    async def pairs(label: str, show: Callable[[], Shown]) -> list[Pair[Shown]]:
        return await in_turns(label, ours, lambda: asyncio.to_thread(show), amounts.rounds, repeat=False)

    def log(kind: str) -> Callable[[], Shown]:
        return lambda: event_live.textual_log(kind, seconds)

    names = ("Log.write_line", "RichLog.write", "Log.write_lines")
    found = {name: await pairs(name, log(name)) for name in names}
    notes = []
    try:
        tool = await asyncio.to_thread(toolong)
        found["Toolong"] = await pairs("Toolong", lambda: event_live.tailed(tool, seconds))
    except NotInstalledError as error:
        notes.append(f"Toolong is left out, as it cannot be installed here: {error}")
    made = await asyncio.to_thread(log("nothing"))
    batches = found.pop("Log.write_lines")
    shows = middle([each.cpu for each in _differences(sessions)])
    peer_shows = middle([pair.peer.cpu for pair in batches]) - made.cpu
    return Result(
        claims=[
            *(
                most(f"processor time of an event, all of the workbench over {name}", _ratios(each), 1)
                for name, each in found.items()
            ),
            Claim("processor time of showing an event, over Log.write_lines", shows / peer_shows, 1, "most"),
        ],
        figures=[
            Figure("all of the workbench over Log.write_lines", middle(_ratios(batches))),
            Figure("an event, all of the workbench", _cost([pair.ours for pair in batches]), "µs"),
            Figure("showing an event, workbench", shows * _MICROSECONDS, "µs"),
            Figure("showing an event, Log.write_lines 30 times a second", peer_shows * _MICROSECONDS, "µs"),
            *(
                figure
                for name, each in {**found, "Log.write_lines": batches}.items()
                for figure in _of(name, each)
            ),
        ],
        notes=notes,
    )


def _of(name: str, pairs: Sequence[Pair[Shown]]) -> list[Figure]:
    peers = [pair.peer for pair in pairs]
    return [
        Figure(f"an event, {name}", _cost(peers), "µs"),
        Figure(f"processor, {name}", middle([peer.share for peer in peers]), "% of a core"),
        Figure(f"events that came, {name}", middle([peer.rate for peer in peers]), "events/s"),
    ]


def _cost(shown: Sequence[Shown]) -> float:
    return middle([each.cpu for each in shown]) * _MICROSECONDS


def _ratios(pairs: Sequence[Pair[Shown]]) -> list[float]:
    return ratios([Pair(pair.ours.cpu, pair.peer.cpu) for pair in pairs])


def _differences(sessions: Sequence[Pair[Session]]) -> list[Shown]:
    """Return what the pane makes: the workbench with it less the workbench without."""
    return [
        Shown(ours.shown.cpu - peer.shown.cpu, ours.shown.share - peer.shown.share, 0.0, 0.0)
        for ours, peer in sessions
    ]


def _keys(sessions: Sequence[Session]) -> list[float]:
    return [wait for session in sessions for wait in session.keys]


def _middles(samples: Mapping[str, list[float]]) -> dict[str, float]:
    return {kind: middle(each) for kind, each in samples.items()}


def _high(name: str, samples: Sequence[float], target: float) -> Claim:
    return Claim(f"{name}, 99th percentile", _percentile(samples, 0.99), target, "most", "ms")


def _percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that so many are not greater than."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]
