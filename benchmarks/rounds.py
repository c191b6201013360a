"""Takes samples of two things in turns, so that a machine that gets slower meanwhile is unfair to neither."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Generic, NamedTuple, TypeVar

Sample = TypeVar("Sample")
Measure = Callable[[], Awaitable[Sample]]


class Pair(NamedTuple, Generic[Sample]):
    """Two samples that were taken one right after the other."""

    ours: Sample
    peer: Sample


async def in_turns(
    label: str, ours: Measure[Sample], peer: Measure[Sample], rounds: int
) -> list[Pair[Sample]]:
    """Measure both, `rounds` times, each time in the other order.

    Args:
        label: for the progress on stderr.
        ours: measures the workbench.
        peer: measures what it is compared with.
        rounds: at least 1.
    """
    pairs = []
    for number in range(rounds):
        if number % 2 == 0:
            first = await ours()
            pairs.append(Pair(first, await peer()))
        else:
            first = await peer()
            pairs.append(Pair(await ours(), first))
        say(f"{label}: round {number + 1} of {rounds}")
    return pairs


def ratios(pairs: Sequence[Pair[float]]) -> list[float]:
    """Return ours over peer for each pair: slow changes of the machine cancel out in it."""
    return [pair.ours / pair.peer for pair in pairs]


def middle(samples: Sequence[float]) -> float:
    """Return the median."""
    return median(samples)


def say(text: str) -> None:
    """Tell a person how far the run is."""
    print(f"  {text}", file=sys.stderr, flush=True)
