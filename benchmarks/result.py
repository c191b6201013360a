"""What a benchmark finds: claims that hold or not, figures beside them, and how the samples were made."""

from __future__ import annotations

from statistics import median, quantiles

import msgspec

_FEWEST_FOR_QUARTILES = 4


class Figure(msgspec.Struct, frozen=True):
    """One measured value without a target.

    Args:
        name: what it is.
        value: the median, where there were several samples.
        unit: such as `ms` or `tokens/s`; empty for ratios.
    """

    name: str
    value: float
    unit: str = ""


class Claim(msgspec.Struct, frozen=True):
    """One measured value with a target.

    Args:
        name: what it is.
        value: the median, where there were several samples.
        target: the least or the most that it may be.
        kind: whether the target is the least or the most.
        unit: such as `ms`; empty for ratios.
        spread: first and third quartile of the samples, where there were enough.
    """

    name: str
    value: float
    target: float
    kind: str
    unit: str = ""
    spread: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        """Whether the value is on the right side of the target."""
        return self.value >= self.target if self.kind == "least" else self.value <= self.target


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark found.

    Args:
        claims: values with targets.
        figures: values without.
        notes: sentences that a reader of the values needs.
    """

    claims: list[Claim]
    figures: list[Figure] = []
    notes: list[str] = []


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A result with the circumstances of its run.

    Args:
        name: of the benchmark.
        result: what it found.
        day: of the run, as 2025-01-31.
        seconds: that the run took.
        others: cores that other programs kept busy meanwhile, on average.
        quick: whether it was a short run, whose values say little.
        machine: hardware and versions.
    """

    name: str
    result: Result
    day: str
    seconds: float
    others: float
    quick: bool
    machine: dict[str, str]


def least(name: str, samples: list[float], target: float, unit: str = "") -> Claim:
    """Return the claim that the median of the samples is at least the target."""
    return Claim(name, median(samples), target, "least", unit, quartiles(samples))


def most(name: str, samples: list[float], target: float, unit: str = "") -> Claim:
    """Return the claim that the median of the samples is at most the target."""
    return Claim(name, median(samples), target, "most", unit, quartiles(samples))


def quartiles(samples: list[float]) -> tuple[float, float] | None:
    """Return the first and the third quartile; None when there are too few samples."""
    if len(samples) < _FEWEST_FOR_QUARTILES:
        return None
    first, _, third = quantiles(samples, n=4, method="inclusive")
    return first, third
