"""Stops at hook points for a person, who looks at what is about to happen and says how it goes on."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from workbench.plugins import Hook, Plugin

# Before the hooks of others, so that they get what the person changed.
_FIRST: Final = 0


class DebuggingPlugin(Plugin):
    """Has a hook at a point only while a breakpoint stands there, so that none costs nothing."""

    name = "debugging"
    description = "Stops at hook points: look, continue, change or cancel."

    async def start(self) -> None:
        """Begin to follow the breakpoints."""
        self._points: set[str] = set()
        self.host.breakpoints.wait_s = lambda: self.host.settings.debugging.wait_s
        self.host.breakpoints.on_change = partial(self.host.soon, self.follow)
        self.host.breakpoints.applied = self.host.settled
        await self.follow()

    async def stop(self) -> None:
        """Let everything that waits go on."""
        self.host.breakpoints.on_change = _nothing
        self.host.breakpoints.clear()

    def snapshot(self) -> dict[str, Any]:
        """Return where breakpoints stand and how many wait."""
        breakpoints = self.host.breakpoints
        return {
            "breakpoints": [stop.point for stop in breakpoints.list()],
            "waiting": len(breakpoints.pending()),
        }

    async def follow(self) -> None:
        """Have hooks at exactly the points where breakpoints stand."""
        wanted = {stop.point for stop in self.host.breakpoints.list()}
        gone, new = self._points - wanted, wanted - self._points
        self._points = wanted
        await self.host.remove_hooks([_hook_id(point) for point in gone])
        await self.host.add_hooks([self._hook(point) for point in sorted(new)])

    def _hook(self, point: str) -> Hook:
        return Hook(
            id=_hook_id(point),
            point=point,
            function=self.host.breakpoints.pause,
            priority=_FIRST,
            # A person's time is not the hook's.
            deadline=None,
            version=self.version,
            trusted=True,
            file=__file__,
        )


def _hook_id(point: str) -> str:
    return f"debugging.pause@{point}"


def _nothing() -> None:
    """Do nothing."""
