"""Hands a reply's text to the screen at a pace that drawing can bear."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

# At most so often, as nobody reads faster, and at most so much of the time.
FRAME_SECONDS: Final = 1 / 15
_MOST_SHARE: Final = 0.2


class ReplyFeed:
    """Collects text and draws it, the first piece at once, then a few times a second.

    Args:
        draw: draws more text at the end.
        after: calls a function after some seconds.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        draw: Callable[[str], None],
        after: Callable[[float, Callable[[], None]], object],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._draw = draw
        self._after = after
        self._clock = clock
        self._pieces: list[str] = []
        self._waiting = False
        self._held = False
        self._last = float("-inf")
        self._pause = FRAME_SECONDS

    @property
    def pending(self) -> bool:
        """Whether there is text that has not been drawn."""
        return bool(self._pieces)

    def add(self, text: str) -> None:
        """Take more text; cheap, so that it may be called for every token."""
        self._pieces.append(text)
        if self._waiting or self._held:
            return
        left = self._last + self._pause - self._clock()
        if left <= 0:
            self.flush()
        else:
            self._waiting = True
            self._after(left, self._wake)

    def hold(self, held: bool) -> None:
        """Stop drawing while nobody looks, or go on with it."""
        self._held = held
        if not held:
            self.flush()

    def flush(self) -> None:
        """Draw what has arrived, now."""
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        began = self._clock()
        self._draw(text)
        self._last = self._clock()
        self._pause = max(FRAME_SECONDS, (self._last - began) / _MOST_SHARE)

    def _wake(self) -> None:
        self._waiting = False
        if not self._held:
            self.flush()
