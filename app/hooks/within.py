"""At which points hooks are being run, by whom a matter comes up: so that none calls itself for ever.

A hook at `event:publish` that publishes an event, or one at `system:notice` that tells something, would be
asked about that, too, and so on. So what comes from within such a point passes the workbench's own hooks
only: secrets are masked in it all the same. That holds also for work that a hook puts off.
"""

from __future__ import annotations

from contextvars import Context, ContextVar
from typing import Final

_within: Final[ContextVar[frozenset[str]]] = ContextVar("workbench_within_points", default=frozenset())


def points_within() -> frozenset[str]:
    """Return the names of the points within whose hooks the caller is."""
    return _within.get()


def is_within(point: str) -> bool:
    """Tell whether the caller is called by hooks of a point."""
    return point in _within.get()


class within:
    """Let the block count as called by hooks of these points."""

    __slots__ = ("_points", "_token")

    def __init__(self, points: frozenset[str]) -> None:
        self._points = points

    def __enter__(self) -> None:
        before = _within.get()
        self._token = _within.set(before | self._points if before else self._points)

    def __exit__(self, *_exception: object) -> None:
        _within.reset(self._token)


def context_within(points: frozenset[str]) -> Context:
    """Return an empty context that counts as called by hooks of these points."""
    context = Context()
    context.run(_within.set, points)
    return context
