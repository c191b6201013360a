"""The benchmarks' command: `python -m workbench.benchmarks [NAME...] [--json FILE] [--quick]`.

Each benchmark runs in a process of its own. A full run is kept in benchmarks/results.json, and the table in
docs/benchmarks.md is made of what is kept there; a quick run only prints. Exit code 1: a target was missed or
a benchmark failed (a quick run misses targets without that).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from workbench.benchmarks import machine, report
from workbench.benchmarks.result import Entry, Result

NAMES = ("speed", "switching", "startup", "bus", "persistence", "idle", "hooks", "event_stream")
KEPT = Path(__file__).with_name("results.json")
_PATIENCE = 1_800.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks, print and keep what they find; return an exit code."""
    chosen = _parse(arguments)
    entries, failed = [], []
    for name in chosen.names or NAMES:
        entry = run(name, quick=chosen.quick)
        if entry is None:
            failed.append(name)
            continue
        entries.append(entry)
        print("\n".join(report.lines(entry)), flush=True)
    if chosen.json:
        chosen.json.write_bytes(_to_json(entries))
    if not chosen.quick:
        _keep(entries)
    missed = [claim.name for entry in entries for claim in entry.result.claims if not claim.holds]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed or (missed and not chosen.quick) else 0


def run(name: str, *, quick: bool) -> Entry | None:
    """Run one benchmark in a process of its own; None when it fails, with its words on stderr."""
    others, began = machine.Others(), time.monotonic()
    argv = [sys.executable, "-m", "workbench.benchmarks.one", name, *(["--quick"] if quick else [])]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=_PATIENCE)
        result = msgspec.json.decode(done.stdout, type=Result)
    except (subprocess.SubprocessError, msgspec.MsgspecError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None
    return Entry(
        name=name,
        result=result,
        day=datetime.now(UTC).date().isoformat(),
        seconds=round(time.monotonic() - began, 1),
        others=round(others.cores(), 2),
        quick=quick,
        machine=machine.describe(),
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m workbench.benchmarks",
        description="Measure the workbench against peers and floors in the same run.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all when left out: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write this run's results to a file")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs; keep nothing")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark called {' or '.join(unknown)}; there are {', '.join(NAMES)}")
    return chosen


def _keep(entries: Sequence[Entry]) -> None:
    """Put results in the place of older ones of the same benchmarks, and write the table anew."""
    by_name = {entry.name: entry for entry in [*_kept(), *entries]}
    ordered = [by_name[name] for name in NAMES if name in by_name]
    KEPT.write_bytes(_to_json(ordered))
    text = report.DOCUMENT.read_text(encoding="utf-8")
    report.DOCUMENT.write_text(report.document(text, ordered), encoding="utf-8")


def _kept() -> list[Entry]:
    """Return the results of earlier runs; none when there are none in today's form."""
    try:
        return msgspec.json.decode(KEPT.read_bytes(), type=list[Entry])
    except (FileNotFoundError, msgspec.MsgspecError):
        return []


def _to_json(entries: Sequence[Entry]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(entries), indent=1) + b"\n"


if __name__ == "__main__":
    sys.exit(main())
