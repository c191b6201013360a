"""Programs on a terminal that show what comes at thousands of events a second: ours, and peers."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from workbench.benchmarks.event_samples import MARKER, line, marker
from workbench.benchmarks.pace import Pace, Signals
from workbench.benchmarks.peers.workbench_live import Live
from workbench.benchmarks.startup import environment
from workbench.benchmarks.terminal import Terminal, run_in_terminal

SIZE = (200, 50)
"""Columns and lines of every terminal: our events pane stands beside the chat then."""
RATE = 5_000
"""Events a second."""

_Told = TypeVar("_Told")
_PEERS = "workbench.benchmarks.peers"
_SETTLED_SECONDS = 0.5
_AFTER_SECONDS = 0.3
_PATIENCE = 60.0
_KEY_SECONDS = 0.18
_LINE_OF_KEYS = 40
_INTERRUPT = b"\x03"  # ctrl+c
_CLEAR = b"\x15"  # ctrl+u
_FIRST_LINES = 200


class Shown(NamedTuple):
    """What a program needed: seconds of the processor for each event, and its share of a core in per cent.

    `rate` is how many events a second it got, and `behind` how many seconds the newest event that was ever on
    the screen is older than the last one.
    """

    cpu: float
    share: float
    rate: float
    behind: float


class Session(NamedTuple):
    """The workbench: what it told, what it needed, and milliseconds until each key was painted."""

    live: Live
    shown: Shown
    keys: list[float]


def workbench(seconds: float, *, pane: bool = True, keys: bool = False) -> Session:
    """Publish events in a workbench on a terminal.

    Args:
        seconds: for so long.
        pane: whether the events pane is there.
        keys: whether somebody types meanwhile.
    """
    with tempfile.TemporaryDirectory() as folder:
        signals = _signals(folder)
        argv = _module("workbench_live", Path(folder, "profile"), signals.folder, RATE, seconds)
        with _waiting((*argv, *([] if pane else ["--without-pane"])), signals) as terminal:
            began = _go(terminal, signals)
            typed = _type(terminal, seconds) if keys else []
            live = _result(terminal, signals, Live)
            behind = _behind(terminal, began, live.pace) if pane else 0.0
            return Session(live, _shown(live.pace, behind), _painted(terminal, typed, began))


def textual_log(kind: str, seconds: float) -> Shown:
    """Write lines to one of Textual's own widgets; see `peers.textual_log.KINDS`."""
    with tempfile.TemporaryDirectory() as folder:
        signals = _signals(folder)
        with _waiting(_module("textual_log", kind, signals.folder, RATE, seconds), signals) as terminal:
            began = _go(terminal, signals)
            pace = _result(terminal, signals, Pace)
            return _shown(pace, _behind(terminal, began, pace) if kind != "nothing" else 0.0)


def tailed(tool: Sequence[str], seconds: float) -> Shown:
    """Append lines to a file that a program shows as it grows.

    Args:
        tool: what runs it, before the file.
        seconds: for so long.
    """
    with tempfile.TemporaryDirectory() as folder:
        signals, file = _signals(folder), Path(folder, "events.jsonl")
        file.write_text("".join(f"{line(number)}\n" for number in range(_FIRST_LINES)), encoding="utf-8")
        argv, home = (*tool, str(file)), Path(folder)
        with run_in_terminal(argv, environment(home), home, SIZE, leave=_INTERRUPT) as terminal:
            terminal.wait_for(str(marker(_FIRST_LINES - 1)))
            terminal.settle(_SETTLED_SECONDS)
            began = terminal.send(b"")
            before = _cpu(terminal)
            with subprocess.Popen(_module("append_lines", file, signals.folder, RATE, seconds)) as appending:
                pace = _result(terminal, signals, Pace)
                needed = _cpu(terminal) - before
                appending.wait(_PATIENCE)
            own = msgspec.structs.replace(pace, cpu=needed)
            return _shown(own, _behind(terminal, began, pace))


def _module(name: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-m", f"{_PEERS}.{name}", *map(str, arguments))


def _signals(folder: str) -> Signals:
    where = Path(folder, "signals")
    where.mkdir()
    return Signals(where)


@contextmanager
def _waiting(argv: Sequence[str], signals: Signals) -> Iterator[Terminal]:
    """Run a program in a terminal, and wait until it is ready and quiet."""
    folder = signals.folder.parent
    with run_in_terminal(argv, environment(folder), folder, SIZE) as terminal:
        _wait(terminal, signals.ready.exists)
        terminal.settle(_SETTLED_SECONDS)
        yield terminal


def _go(terminal: Terminal, signals: Signals) -> float:
    signals.go.touch()
    return terminal.send(b"")


def _result(terminal: Terminal, signals: Signals, kind: type[_Told]) -> _Told:
    """Wait until the program has told what came out; read on a little, for what it painted last."""
    _wait(terminal, signals.result.exists)
    told = msgspec.json.decode(signals.result.read_bytes(), type=kind)
    deadline = time.perf_counter() + _AFTER_SECONDS
    try:
        while (left := deadline - time.perf_counter()) > 0:
            terminal.read(left)
    except EOFError:
        pass  # it may end by itself
    return told


def _wait(terminal: Terminal, condition: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while not condition():
        if time.perf_counter() > deadline:
            raise TimeoutError(f"nothing came out; on the screen: {terminal.screen()}")
        terminal.read(0.05)


def _type(terminal: Terminal, seconds: float) -> list[tuple[float, bytes]]:
    """Press keys evenly, each a letter that was never pressed before; return when, and the letters."""
    letters, typed = _letters(), list[tuple[float, bytes]]()
    ending = time.perf_counter() + seconds
    due = time.perf_counter() + _KEY_SECONDS
    while due < ending:
        _read_until(terminal, due)
        if len(typed) % _LINE_OF_KEYS == _LINE_OF_KEYS - 1:
            terminal.send(_CLEAR)
            due += _KEY_SECONDS
            _read_until(terminal, due)
        letter = next(letters).encode()
        typed.append((terminal.send(letter), letter))
        due += _KEY_SECONDS
    return typed


def _read_until(terminal: Terminal, moment: float) -> None:
    while (left := moment - time.perf_counter()) > 0:
        terminal.read(left)


def _letters() -> Iterator[str]:
    """Yield letters of one cell that no event has, so that each tells when its key was painted."""
    yield from (chr(code) for code in (*range(0x400, 0x482), *range(0x48A, 0x530), *range(0x561, 0x587)))
    yield from (chr(code) for code in (*range(0x1E00, 0x1EFF), *range(0x10D0, 0x10FA)))


def _painted(terminal: Terminal, typed: Sequence[tuple[float, bytes]], since: float) -> list[float]:
    """Return after how many milliseconds each key's letter came from the program.

    Raises:
        RuntimeError: one never came.
    """
    arrivals = terminal.arrivals(since)
    ends, written = [], bytearray()
    for _, data in arrivals:
        written += data
        ends.append(len(written))
    waited = []
    for moment, letter in typed:
        place = written.find(letter)
        if place < 0:
            raise RuntimeError(f"the letter {letter.decode()} was never painted")
        # The whole letter, should it have come in two pieces.
        arrived = arrivals[bisect_right(ends, place + len(letter) - 1)][0]
        waited.append((arrived - moment) * 1e3)
    return waited


def _behind(terminal: Terminal, since: float, pace: Pace) -> float:
    """Return how many seconds lie between the newest event on the screen and the last.

    Raises:
        RuntimeError: the screen did not go with the events at all.
    """
    written = b"".join(data for _, data in terminal.arrivals(since))
    newest = max((int(found) for found in MARKER.findall(written)), default=0)
    missing = marker(pace.count - 1) - newest
    if missing > pace.count / 2:
        raise RuntimeError(f"the program does not follow; on the screen: {terminal.screen()}")
    return max(0, missing) / pace.count * pace.seconds


def _shown(pace: Pace, behind: float) -> Shown:
    return Shown(pace.cpu / pace.count, pace.cpu / pace.seconds * 100, pace.count / pace.seconds, behind)


def _cpu(terminal: Terminal) -> float:
    times = terminal.process.cpu_times()
    return times.user + times.system
