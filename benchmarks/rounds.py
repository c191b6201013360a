"""Takes samples of two things in turns, so that a machine that gets slower meanwhile is unfair to neither."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Final, Generic, NamedTuple, TypeVar

from workbench.benchmarks.machine import Others, cores

Sample = TypeVar("Sample")
Measure = Callable[[], Awaitable[Sample]]

QUIET: Final = max(0.15, cores() - 3.0)
"""Cores that other programs may keep busy during a round that counts as undisturbed."""

_FEWEST: Final = 3


class Pair(NamedTuple, Generic[Sample]):
    """Two samples that were taken one right after the other."""

    ours: Sample
    peer: Sample


async def in_turns(
    label: str, ours: Measure[Sample], peer: Measure[Sample], rounds: int, *, repeat: bool = True
) -> list[Pair[Sample]]:
    """Measure both, `rounds` times, each time in the other order.

    A round during which other programs were busy is repeated, as long as there are fewer than three times as
    many. When at least three rounds were undisturbed, the others do not count; else all do. What is looked at
    is what the others did, never the sample itself.

    Args:
        label: for the progress on stderr.
        ours: measures the workbench.
        peer: measures what it is compared with.
        rounds: at least 1.
        repeat: whether disturbed rounds are repeated at all.
    """
    most = 3 * rounds if repeat and rounds > 1 else rounds
    quiet: list[Pair[Sample]] = []
    disturbed: list[Pair[Sample]] = []
    while len(quiet) < rounds and len(quiet) + len(disturbed) < most:
        others = Others()
        if (len(quiet) + len(disturbed)) % 2 == 0:
            first = await ours()
            pair = Pair(first, await peer())
        else:
            first = await peer()
            pair = Pair(await ours(), first)
        busy = others.cores()
        (quiet if busy <= QUIET else disturbed).append(pair)
        say(f"{label}: {len(quiet)} of {rounds} rounds, {len(disturbed)} disturbed ({busy:.2f} cores)")
    return quiet if len(quiet) >= _FEWEST else quiet + disturbed


def ratios(pairs: Sequence[Pair[float]]) -> list[float]:
    """Return ours over peer for each pair: slow changes of the machine cancel out in it."""
    return [pair.ours / pair.peer for pair in pairs]


def middle(samples: Sequence[float]) -> float:
    """Return the median."""
    return median(samples)


def say(text: str) -> None:
    """Tell a person how far the run is."""
    print(f"  {text}", file=sys.stderr, flush=True)
