"""A Textual app that shows lines in one of Textual's own widgets; ctrl+q ends it.

`python -m workbench.benchmarks.peers.textual_log KIND SIGNALS RATE SECONDS`, with KIND one of `KINDS`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Log, RichLog

from workbench.benchmarks.event_samples import line
from workbench.benchmarks.pace import Signals, at_pace

KINDS = ("Log.write_line", "Log.write_lines", "RichLog.write", "nothing")
"""How lines are shown: one by one, thirty times a second, with Rich; or made and not shown."""

_FRAME_SECONDS = 1 / 30


class LogApp(App[None]):
    """Shows lines at a pace."""

    def __init__(self, kind: str, signals: Signals, rate: int, seconds: float) -> None:
        super().__init__()
        self._kind = kind
        self._signals = signals
        self._rate, self._seconds = rate, seconds
        self._work: asyncio.Task[None] | None = None
        self._lines: list[str] = []
        self._shown_at = 0.0

    def compose(self) -> ComposeResult:
        yield RichLog() if self._kind == "RichLog.write" else Log()

    def on_mount(self) -> None:
        self._work = asyncio.create_task(self._show())

    async def _show(self) -> None:
        await self._signals.wait()
        self._signals.tell(await at_pace(self._rate, self._seconds, self._take))

    async def _take(self, numbers: range) -> None:
        lines = [line(number) for number in numbers]
        if self._kind == "RichLog.write":
            rich_log = self.query_one(RichLog)
            for each in lines:
                rich_log.write(each)
        elif self._kind == "Log.write_line":
            log = self.query_one(Log)
            for each in lines:
                log.write_line(each)
        elif self._kind == "Log.write_lines":
            self._lines += lines
            if time.perf_counter() - self._shown_at >= _FRAME_SECONDS:
                self._shown_at = time.perf_counter()
                self.query_one(Log).write_lines(self._lines)
                self._lines = []


def main() -> None:
    """Run with the arguments that the module names."""
    LogApp(sys.argv[1], Signals(Path(sys.argv[2])), int(sys.argv[3]), float(sys.argv[4])).run()


if __name__ == "__main__":
    main()
