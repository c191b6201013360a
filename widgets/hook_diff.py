"""Differences as lines: before and after below each other, or then and now side by side; no widget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec

from workbench.widgets.chat_entry import safe
from workbench.widgets.text_lines import Line, Run, cells, fit, literal, wrap

_MOST_LINES: Final = 2_000
_LONGEST_COMPARED: Final = 2_000
_LONGEST_TEXT: Final = 100_000
_CONTEXT: Final = 2
_BETWEEN: Final = " │ "
_MARK: Final = 2


def value_lines(value: Any) -> list[str]:
    """Return a value as lines that are safe to show: a text as it is, all else as JSON."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
            text = repr(value)
    cut = text[:_LONGEST_TEXT]
    lines = [line.expandtabs(4) for line in safe(cut).split("\n")]
    return lines if cut == text else [*lines, f"… {len(text) - len(cut):,} more characters"]


def change_lines(before: Any, after: Any, width: int) -> list[Line]:
    """Return what a value was and is, as lines that begin with − and +, wrapped to `width` cells.

    Lines that are the same stand between them with two spaces, and of long stretches only the ends.
    """
    old, new = value_lines(before), value_lines(after)
    lines: list[Line] = []
    for tag, (first, last), (low, high) in _blocks(old, new):
        if tag == "equal":
            lines += _same_lines(old[first:last], width, first == 0, last == len(old))
            continue
        removed, added = old[first:last], new[low:high]
        pairs = len(removed) == len(added)
        for place, text in enumerate(removed):
            marked = _parts(text, added[place], "removed") if pairs else (Run(text, "removed"),)
            lines += wrap(marked, width, (Run("− ", "removed"),), (Run("− ", "removed"),))
        for place, text in enumerate(added):
            marked = _parts(text, removed[place], "added") if pairs else (Run(text, "added"),)
            lines += wrap(marked, width, (Run("+ ", "added"),), (Run("+ ", "added"),))
    return lines


def beside(then: Sequence[str], now: Sequence[str], width: int) -> list[Line]:
    """Return two texts side by side in `width` cells; a ≠ stands between lines that differ."""
    half = max(1, (width - len(_BETWEEN)) // 2)
    lines: list[Line] = []
    for tag, (first, last), (low, high) in _blocks(then, now):
        left, right = list(then[first:last]), list(now[low:high])
        rows = max(len(left), len(right))
        for place in range(rows):
            one = left[place] if place < len(left) else None
            two = right[place] if place < len(right) else None
            lines += _row(one, two, half, differs=tag != "equal")
    return lines


def below(then: Sequence[str], now: Sequence[str], width: int) -> list[Line]:
    """Return two texts one below the other, for narrow screens; lines that differ begin with ≠."""
    marks: tuple[list[bool], list[bool]] = ([False] * len(then), [False] * len(now))
    for tag, (first, last), (low, high) in _blocks(then, now):
        if tag != "equal":
            marks[0][first:last] = [True] * (last - first)
            marks[1][low:high] = [True] * (high - low)
    lines: list[Line] = []
    for title, texts, differs in (("then", then, marks[0]), ("now", now, marks[1])):
        lines += [()] if lines else []
        lines.append((Run(title, "key"),))
        for text, marked in zip(texts, differs, strict=True):
            look = ("removed" if title == "then" else "added") if marked else "value"
            lines += wrap((Run(text, look),), width, (Run("≠ " if marked else "  ", look),), (Run("  "),))
    return lines


def _row(left: str | None, right: str | None, half: int, *, differs: bool) -> Iterator[Line]:
    """Yield the lines of a pair of lines, each wrapped to its half."""
    one = _half(left, right, "removed" if differs else "value", half)
    two = _half(right, left, "added" if differs else "value", half)
    middle = Run(" ≠ ", "mark") if differs else Run(_BETWEEN, "rule")
    for place in range(max(len(one), len(two))):
        first = one[place] if place < len(one) else ()
        second = two[place] if place < len(two) else ()
        yield (*first, Run(" " * max(0, half - cells(first))), middle, *second)


def _half(text: str | None, other: str | None, look: str, half: int) -> list[Line]:
    if text is None:
        return [()]
    line = (Run(text, look),) if look == "value" or other is None else _parts(text, other, look)
    return wrap(line, half)


def _blocks(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Yield equal and different stretches of two texts: the kind, and first and last line in each."""
    if len(old) > _MOST_LINES or len(new) > _MOST_LINES:
        # Comparing takes time with the square of their length.
        yield ("equal" if list(old) == list(new) else "replace"), (0, len(old)), (0, len(new))
        return
    for tag, first, last, low, high in SequenceMatcher(None, old, new).get_opcodes():
        yield tag, (first, last), (low, high)


def _same_lines(texts: Sequence[str], width: int, first: bool, last: bool) -> list[Line]:
    """Return lines that did not change; of many only those next to a change."""
    head = 0 if first else _CONTEXT
    tail = 0 if last else _CONTEXT
    hidden = len(texts) - head - tail
    if hidden <= 1:
        return [line for text in texts for line in _same(text, width)]
    shown = [line for text in texts[:head] for line in _same(text, width)]
    note = fit(f"  ⋯ {hidden:,} lines that are the same", max(0, width)).rstrip()
    shown.append((Run(note, "mark"),))
    return shown + [line for text in texts[len(texts) - tail :] for line in _same(text, width)]


def _same(text: str, width: int) -> list[Line]:
    return wrap((Run(text, "value"),), width, (Run(" " * _MARK),), (Run(" " * _MARK),))


def _parts(text: str, other: str, look: str) -> Line:
    """Return a line with what the other has not marked; plain where nearly all of it differs."""
    if len(text) > _LONGEST_COMPARED or len(other) > _LONGEST_COMPARED:
        return (Run(text, look),)
    head, tail = _common(text, other)
    if head + tail < max(1, len(text) // 8) or head + tail >= len(text):
        return (Run(text, look),)
    return tuple(
        run
        for run in (
            Run(text[:head], look),
            Run(text[head : len(text) - tail], f"{look} part"),
            Run(text[len(text) - tail :], look),
        )
        if run.text
    )


def _common(text: str, other: str) -> tuple[int, int]:
    """Return how many characters two texts share at their beginning and at their end."""
    limit = min(len(text), len(other))
    head = next((place for place in range(limit) if text[place] != other[place]), limit)
    rest = limit - head
    tail = next((place for place in range(rest) if text[-1 - place] != other[-1 - place]), rest)
    return head, tail


def plain_lines(text: str, style: str, width: int, indent: str = "  ") -> list[Line]:
    """Return a text that is safe to show, wrapped and indented."""
    return [
        part
        for line in literal(safe(text[:_LONGEST_TEXT].rstrip()), style)
        for part in wrap(line, width, (Run(indent),), (Run(indent),))
    ]
