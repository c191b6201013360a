"""Results as lines for a terminal, and as the table in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from workbench.benchmarks.result import Claim, Entry, Figure

DOCUMENT: Final = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
"""The document that holds the table."""

BEGIN: Final = "<!-- results: written by `make bench` -->"
END: Final = "<!-- end of the results -->"

_LARGE: Final = 100


def lines(entry: Entry) -> Iterable[str]:
    """Yield a result as lines for a terminal."""
    quick = ", quick: too short to judge" if entry.quick else ""
    yield f"{entry.name} ({entry.seconds:.0f} s, others {entry.others:.2f} cores{quick})"
    for claim in entry.result.claims:
        holds = "     " if entry.quick else "ok   " if claim.holds else "MISS "
        yield f"  {holds}{claim.name}: {_value(claim)}{_spread(claim)}, target {_target(claim)}"
    for figure in entry.result.figures:
        yield f"       {figure.name}: {_value(figure)}"
    for note in entry.result.notes:
        yield f"       {note}"


def document(text: str, entries: Sequence[Entry]) -> str:
    """Return the document with the results between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document needs the lines {BEGIN!r} and {END!r}")
    return "".join((before, BEGIN, "\n", _results(entries), END, after))


def title_and_method(name: str) -> tuple[str, str]:
    """Return a benchmark's title and method: its module's docstring, in two."""
    text = import_module(f"workbench.benchmarks.{name}").__doc__ or name
    title, _, method = text.strip().partition("\n\n")
    return title.rstrip("."), method.strip()


def _results(entries: Sequence[Entry]) -> str:
    rows = ["| | measured | quartiles | target | |", "|---|---:|---:|---:|---|"]
    for entry in entries:
        rows.append(f"| **{title_and_method(entry.name)[0]}** | | | | |")
        for claim in entry.result.claims:
            holds = "holds" if claim.holds else "**missed**"
            spread = _spread(claim).strip(" ()")
            rows.append(f"| {claim.name} | {_value(claim)} | {spread} | {_target(claim)} | {holds} |")
        rows += [f"| {figure.name} | {_value(figure)} | | | |" for figure in entry.result.figures]
    days = sorted({entry.day for entry in entries})
    others = [f"{entry.name} {entry.others:.2f}" for entry in entries]
    facts = _machines(entries)
    return (
        "\n".join(rows)
        + f"\n\nMeasured on {' and '.join(days)}. {facts}\n"
        + f"\nCores that other programs kept busy meanwhile: {', '.join(others)}.\n"
        + "".join(f"\n### {title}\n\n{method}\n" for title, method in _methods(entries))
        + "\n"
    )


def _methods(entries: Sequence[Entry]) -> Iterable[tuple[str, str]]:
    return [title_and_method(entry.name) for entry in entries]


def _machines(entries: Sequence[Entry]) -> str:
    """Describe the machine in words; each fact with all values that it had."""
    values: dict[str, list[str]] = {}
    for entry in entries:
        for name, value in entry.machine.items():
            if value not in values.setdefault(name, []):
                values[name].append(value)
    return "; ".join(f"{name}: {' and '.join(found)}" for name, found in values.items()) + "."


def _value(value: Figure | Claim) -> str:
    return f"{_number(value.value)} {value.unit}".strip()


def _target(claim: Claim) -> str:
    sign = "≥" if claim.kind == "least" else "≤"
    return f"{sign} {_number(claim.target)} {claim.unit}".strip()


def _spread(claim: Claim) -> str:
    if claim.spread is None:
        return ""
    return f" ({_number(claim.spread[0])} to {_number(claim.spread[1])})"


def _number(value: float) -> str:
    if value == int(value) and abs(value) >= 1:
        return f"{value:,.0f}"
    if abs(value) >= _LARGE:
        return f"{value:,.0f}"
    return f"{value:.3g}"
