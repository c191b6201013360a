"""Stop strings: found across any token boundaries, and never shown, not even in part."""

from __future__ import annotations

from collections.abc import Sequence


class StopFinder:
    """Holds back what may be the beginning of a stop string, until it is one or is not.

    Works on bytes, since UTF-8 matches byte for byte wherever its characters match. The stop string that is
    complete first wins; of several that are complete at once, the longest. So the result does not depend on
    how the text was cut into pieces.

    Args:
        stops: the stop strings, none of them empty.

    Attributes:
        found: whether a stop string has come; nothing more is to be fed then.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop.encode("utf-8", "replace") for stop in stops]
        self._held = b""
        self.found = False

    def feed(self, piece: bytes) -> bytes:
        """Return what can be shown now that this piece has come."""
        data = self._held + piece
        end = self._first_end(data)
        if end is not None:
            self.found = True
            self._held = b""
            return data[:end]
        hold = self._possible_beginning(data)
        self._held = data[len(data) - hold :]
        return data[: len(data) - hold]

    def finish(self) -> bytes:
        """Return what was held back, when the text ends without a stop string."""
        held, self._held = self._held, b""
        return held

    def _first_end(self, data: bytes) -> int | None:
        """Where the text ends, if a stop string is complete."""
        starts = [(start + len(stop), start) for stop in self._stops if (start := data.find(stop)) >= 0]
        return min(starts)[1] if starts else None

    def _possible_beginning(self, data: bytes) -> int:
        """How many bytes at the end could be the beginning of a stop string."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(data)), longest, -1):
                if data.endswith(stop[:length]):
                    longest = length
                    break
        return longest
