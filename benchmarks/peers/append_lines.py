"""Appends lines of JSON to a file: `python -m … FILE SIGNALS RATE SECONDS`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from workbench.benchmarks.event_samples import line
from workbench.benchmarks.pace import Signals, at_pace


async def _append(path: Path, signals: Signals, rate: int, seconds: float) -> None:
    with path.open("ab", buffering=0) as file:

        async def write(numbers: range) -> None:
            if numbers:
                file.write("".join(f"{line(number)}\n" for number in numbers).encode())

        signals.tell(await at_pace(rate, seconds, write))


if __name__ == "__main__":
    asyncio.run(_append(Path(sys.argv[1]), Signals(Path(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])))
