"""Writes one readable line for what passes the hook points that the settings name."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from workbench.app.events.json_lines import RotatingFile
from workbench.plugins import Hook, HookContext, Plugin, PluginHost, points
from workbench.plugins.logging.lines import LEVELS, level_of, log_line
from workbench.plugins.security.masker import Masker, Rules

FILE: Final = "workbench.log"
_GATHER_SECONDS: Final = 0.25
_MEGABYTE: Final = 1_000_000
_MOST_WAITING: Final = 4_096
_BLOCK: Final = 1_000
# After all others: what is logged is what happens.
_LAST: Final = 1_000


def _now() -> datetime:
    return datetime.now(UTC)


class LoggingPlugin(Plugin):
    """Notes what passes in its hooks, and makes and writes the lines in a thread. Secrets are masked.

    When lines come faster than they are written, the oldest that wait are dropped.

    Args:
        host: the workbench.
        now: the present time.
    """

    name = "logging"
    description = "Writes a readable log of what passes hook points, logs/workbench.log."

    def __init__(self, host: PluginHost, now: Callable[[], datetime] = _now) -> None:
        super().__init__(host)
        settings = host.settings.logging
        self._now = now
        self._file = RotatingFile(host.logs_dir / FILE, settings.max_mb * _MEGABYTE, settings.keep)
        self._masker = Masker(Rules())
        self._waiting: deque[tuple[datetime, HookContext[Any]]] = deque(maxlen=_MOST_WAITING)
        self._asked = False
        self._arrived = asyncio.Event()
        self._points: frozenset[str] = frozenset()
        self._lines = self._failed = 0

    async def start(self) -> None:
        """Have hooks at the points that the settings name, now and when they change."""
        changes = self.host.subscribe("core:settings:changed")

        async def follow() -> None:
            async for _ in changes:
                await self._follow_points()

        await self._follow_points()
        self.host.begin(follow, "settings")
        self.host.begin(self._write_regularly, "lines")

    async def stop(self) -> None:
        """Write what waits."""
        await self.write()
        await asyncio.to_thread(self._file.close)

    def snapshot(self) -> dict[str, Any]:
        """Return the file, and how many lines were written and lost."""
        return {"file": str(self.host.logs_dir / FILE), "lines": self._lines, "failed": self._failed}

    def log(self, context: HookContext[Any]) -> None:
        """Take what passes; the hook of all points."""
        settings = self.host.settings.logging
        if LEVELS.index(level_of(context)) < LEVELS.index(settings.level):
            return
        # The line is made in the thread that writes it: a context never changes.
        self._waiting.append((self._now(), context))
        if not self._asked:
            self._asked = True
            self.host.soon(self._wake)

    async def _wake(self) -> None:
        self._arrived.set()

    async def _write_regularly(self) -> None:
        """Write what waits a few times a second: going to a thread for each line would disturb the turn."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            self._arrived.clear()
            await self.write()

    async def write(self) -> None:
        """Write the lines that wait."""
        self._asked = False
        while self._waiting:
            block = [self._waiting.popleft() for _ in range(min(_BLOCK, len(self._waiting)))]
            await asyncio.to_thread(self._write_block, block)

    def _write_block(self, block: list[tuple[datetime, HookContext[Any]]]) -> None:
        texts = self.host.settings.logging.texts
        lines = [self._masker.text(log_line(context, time, texts=texts)) for time, context in block]
        try:
            self._file.write([line.encode("utf-8", "replace") for line in lines])
            self._lines += len(block)
        except OSError:
            # A full disk costs this log its lines and nothing else; the event log is the one that counts.
            self._failed += len(block)
            with contextlib.suppress(OSError):
                self._file.close()

    async def _follow_points(self) -> None:
        settings = self.host.settings.logging
        named = frozenset(settings.points) if settings.enabled else frozenset()
        unknown = named - points.POINTS.keys()
        wanted = named & points.POINTS.keys()
        gone, new = self._points - wanted, wanted - self._points
        self._points = wanted
        await self.host.remove_hooks([_hook_id(point) for point in sorted(gone)])
        await self.host.add_hooks([self._hook(point) for point in sorted(new)])
        for point in sorted(unknown):
            text = f"logging.points names {point!r}, which is no hook point."
            await self.host.notify(
                "warning", "hook.unknown_point", text, "`workbench hooks points` lists them."
            )

    def _hook(self, point: str) -> Hook:
        return Hook(
            id=_hook_id(point),
            point=point,
            function=self.log,
            priority=_LAST,
            version=self.version,
            trusted=True,
            file=__file__,
        )


def _hook_id(point: str) -> str:
    return f"logging.log@{point}"
