"""What lies over the last row of a list when rows have come below it."""

from __future__ import annotations

from collections.abc import Iterable


def marker_text(count: int, ends: Iterable[int]) -> str:
    """Return how many rows are new, filled so that no rest of a cell below it is read together with it.

    Args:
        count: how many there are.
        ends: cells after which columns of the list end, counted from where the text begins, the first first.
    """
    text = f"{count:,} new ↓"
    return next((text.ljust(end) for end in ends if len(text) <= end), text)
