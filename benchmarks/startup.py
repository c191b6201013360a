"""From the start of a process to something to see.

The full-screen program against a Textual app of one `Static`, each in a terminal of its own (120 by 40), from
before the process is made to the moment at which the screen shows the place to write, or the static text. The
profile exists already. Without a screen, against `python -c pass`: `--headless --version` until the process
has ended; `--json -p hello` until the turn's first line, which comes before the model is loaded, and until
the reply's first word, less the time that loading the model took by the event log (starting its worker
included).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from workbench.benchmarks.peers.bare_textual import TEXT
from workbench.benchmarks.result import Figure, Result, most
from workbench.benchmarks.rounds import in_turns, middle, ratios
from workbench.benchmarks.terminal import run_in_terminal

WORKBENCH = (sys.executable, "-m", "workbench")
BARE_TEXTUAL = (sys.executable, "-m", "workbench.benchmarks.peers.bare_textual")
PLACE_TO_WRITE = "Ask something"
"""What the full-screen program shows where a person writes."""

_BARE_PYTHON = (sys.executable, "-c", "pass")
_MILLISECONDS = 1_000
_PATIENCE = 60.0


class _Reply(NamedTuple):
    """Milliseconds from the start of `--json -p hello`, and how many of them were loading the model."""

    turn: float
    word: float
    end: float
    load: float


# With these, Python compiles our modules anew at every start; the peers' were compiled when installed.
_UNUSUAL = {"PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"}


def environment(folder: Path) -> dict[str, str]:
    """Return an environment without settings of the person who measures, with a home of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("WORKBENCH", "TEXTUAL")) and name not in _UNUSUAL
    }
    return {**kept, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    rounds = 1 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        data = ("--data-dir", str(where / "profile"))
        screen = await _measure_screen((*WORKBENCH, *data), where, rounds)
        version = await _measure_version(where, rounds)
        prompt = await _measure_prompt((*WORKBENCH, *data), where, rounds)
    return Result(
        claims=[*screen.claims, *version.claims, *prompt.claims],
        figures=[*screen.figures, *version.figures, *prompt.figures],
    )


async def _measure_screen(ours: Sequence[str], folder: Path, rounds: int) -> Result:
    environ = environment(folder)

    async def first_paint(argv: Sequence[str], text: str) -> float:
        return await asyncio.to_thread(_first_paint, argv, text, environ, folder)

    first_ever = await first_paint(ours, PLACE_TO_WRITE)
    await first_paint(BARE_TEXTUAL, TEXT)
    pairs = await in_turns(
        "startup, screen",
        lambda: first_paint(ours, PLACE_TO_WRITE),
        lambda: first_paint(BARE_TEXTUAL, TEXT),
        rounds,
    )
    return Result(
        claims=[most("first paint over a bare Textual app's", ratios(pairs), 1.35)],
        figures=[
            Figure("first paint", middle([pair.ours for pair in pairs]), "ms"),
            Figure("first paint, bare Textual app", middle([pair.peer for pair in pairs]), "ms"),
            Figure("first paint on a new profile", first_ever, "ms"),
        ],
    )


async def _measure_version(folder: Path, rounds: int) -> Result:
    environ = environment(folder)

    async def run(argv: Sequence[str]) -> float:
        return await asyncio.to_thread(_run, argv, environ, folder)

    argv = (*WORKBENCH, "--headless", "--version")
    await run(argv)
    pairs = await in_turns("startup, --version", lambda: run(argv), lambda: run(_BARE_PYTHON), rounds)
    return Result(
        claims=[most("--headless --version", [pair.ours for pair in pairs], 400, "ms")],
        figures=[Figure("python -c pass", middle([pair.peer for pair in pairs]), "ms")],
    )


async def _measure_prompt(ours: Sequence[str], folder: Path, rounds: int) -> Result:
    environ = environment(folder)
    argv = (*ours, "--json", "-p", "hello")
    replies = [await asyncio.to_thread(_reply, argv, environ, folder) for _ in range(rounds)]
    return Result(
        claims=[
            most("-p, until the turn begins", [reply.turn for reply in replies], 400, "ms"),
            most(
                "-p, until the first word, without loading the model",
                [reply.word - reply.load for reply in replies],
                400,
                "ms",
            ),
        ],
        figures=[
            Figure("loading the model", middle([reply.load for reply in replies]), "ms"),
            Figure("-p, all of it", middle([reply.end for reply in replies]), "ms"),
        ],
    )


def _first_paint(argv: Sequence[str], text: str, environ: Mapping[str, str], folder: Path) -> float:
    with run_in_terminal(argv, environ, folder) as terminal:
        terminal.wait_for(text)
        terminal.settle(0.5)
        return terminal.shown_at(text) * _MILLISECONDS


def _run(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(argv, env=environ, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE)
    return (time.perf_counter() - began) * _MILLISECONDS


def _reply(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> _Reply:
    moments: dict[str, float] = {}
    times: dict[str, datetime] = {}
    began = time.perf_counter()
    with subprocess.Popen(
        argv,
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            moment = (time.perf_counter() - began) * _MILLISECONDS
            said: dict[str, Any] = json.loads(line)
            moments.setdefault(said["type"], moment)
            if said["type"] == "event":
                event = said["event"]
                times[event["name"]] = datetime.fromisoformat(event["time"])
        status = process.wait(_PATIENCE)
    end = (time.perf_counter() - began) * _MILLISECONDS
    if status:
        raise RuntimeError(f"the program ended with {status} after {sorted(moments)}")
    load = (times["core:model:loaded"] - times["core:model:loading"]).total_seconds() * _MILLISECONDS
    return _Reply(moments["turn_started"], moments["text"], end, load)
