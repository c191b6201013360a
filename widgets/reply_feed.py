"""Has a growing reply drawn at a pace that drawing can bear."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

# At most so often, as nobody reads faster, and at most so much of the time.
FRAME_SECONDS: Final = 1 / 15
_MOST_SHARE: Final = 0.2


class ReplyFeed:
    """Calls for drawing when text has come: at once for the first, then a few times a second.

    Args:
        draw: draws what has come since it was last called.
        after: calls a function after some seconds.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        draw: Callable[[], None],
        after: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._draw = draw
        self._after = after
        self._clock = clock
        self._stale = False
        self._waiting = False
        self._held = False
        self._last = float("-inf")
        self._pause = FRAME_SECONDS

    def touch(self) -> None:
        """Say that text has come; cheap, as it may be called for every token."""
        self._stale = True
        if self._waiting or self._held:
            return
        left = self._last + self._pause - self._clock()
        if left <= 0:
            self._flush()
        else:
            self._waiting = True
            self._after(left, self._wake)

    def hold(self, held: bool) -> None:
        """Stop drawing while nobody looks, or go on with it."""
        self._held = held
        if not held:
            self._flush()

    def reset(self) -> None:
        """Forget what has come: it was drawn in another way."""
        self._stale = False

    def _flush(self) -> None:
        if not self._stale:
            return
        self._stale = False
        began = self._clock()
        self._draw()
        self._last = self._clock()
        self._pause = max(FRAME_SECONDS, (self._last - began) / _MOST_SHARE)

    def _wake(self) -> None:
        self._waiting = False
        if not self._held:
            self._flush()
