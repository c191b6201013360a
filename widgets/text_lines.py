"""Styled lines of text: wrapping by terminal cells, cutting and joining, without any widget."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, get_character_cell_size

TAB_SIZE: Final = 4
_WIDEST_CHARACTER: Final = 2
_WORD: Final = re.compile(r"[ \t]*[^ \t]+|[ \t]+\Z")


class Run(NamedTuple):
    """Text of one style; `style` holds names joined by spaces, of which the widget knows the looks.

    `link` is where a click leads, empty for plain text.
    """

    text: str
    style: str = ""
    link: str = ""


Line = tuple[Run, ...]


def plain(line: Iterable[Run]) -> str:
    """Return the text of a line."""
    return "".join(run.text for run in line)


def cells(line: Iterable[Run]) -> int:
    """Return how many terminal cells a line takes."""
    return sum(cell_len(run.text) for run in line)


def literal(text: str, style: str = "") -> list[Line]:
    """Return text as it stands, one line for each of its own, tabs as spaces."""
    return [(Run(line.expandtabs(TAB_SIZE), style),) for line in text.split("\n")]


def wrap(line: Sequence[Run], width: int, first: Line = (), rest: Line = ()) -> list[Line]:
    """Break a line between words so that every part fits.

    Args:
        line: the line, without line ends.
        width: cells that a part may take, prefixes included; at least one character is put on each part
            however narrow it is.
        first: what stands before the first part.
        rest: what stands before the others.

    Returns:
        The parts; one empty part for an empty line.
    """
    text = plain(line)
    room = max(1, width - max(cells(first), cells(rest)))
    spans = breaks(text, room)
    if len(spans) == 1:
        return [(*first, *line)]
    parts: list[Line] = []
    for number, (start, end) in enumerate(spans):
        parts.append((first if number == 0 else rest) + tuple(cut(line, start, end)))
    return parts


def breaks(text: str, width: int) -> list[tuple[int, int]]:
    """Return start and end of each part that `text` is broken into, spaces between parts left out.

    Args:
        text: one line.
        width: cells a part may take, at least 1.
    """
    if len(text) <= width and (text.isascii() or cell_len(text) <= width):
        return [(0, len(text))]
    parts: list[tuple[int, int]] = []
    start = end = used = 0
    for match in _WORD.finditer(text):
        size = cell_len(match.group())
        if used + size <= width:
            end, used = match.end(), used + size
            continue
        word = match.start() + len(match.group()) - len(match.group().lstrip(" \t"))
        if match.start() == 0 and word:
            word = 0
        # Wide characters fill the line that has begun, as they may be broken anywhere.
        room = width - used - cell_len(text[end:word])
        if used and _may_break_inside(text[word : match.end()]) and room >= _WIDEST_CHARACTER:
            used, end = width - room, word
        elif used:
            parts.append((start, end))
            start, end, used = word, word, 0
        start, end, used = _chop(text, match.end(), width, parts, (start, end, used))
    parts.append((start, end))
    return parts


def _chop(
    text: str, stop: int, width: int, parts: list[tuple[int, int]], at: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Put text up to `stop` on parts as it comes; return start, end and cells of the part that is open."""
    start, end, used = at
    if text[end:stop].isascii():
        while stop - end > width - used:
            end += width - used
            parts.append((start, end))
            start, used = end, 0
        return start, stop, used + stop - end
    for index in range(end, stop):
        size = get_character_cell_size(text[index])
        if used + size > width and index > start:
            parts.append((start, index))
            start, used = index, 0
        used += size
    return start, stop, used


def _may_break_inside(word: str) -> bool:
    return not word.isascii() and cell_len(word) > len(word)


def cut(line: Sequence[Run], start: int, end: int) -> Iterable[Run]:
    """Yield the runs of a line from one character to another."""
    at = 0
    for run in line:
        low, high = max(start - at, 0), min(end - at, len(run.text))
        if low < high:
            yield run if (low, high) == (0, len(run.text)) else run._replace(text=run.text[low:high])
        at += len(run.text)
        if at >= end:
            return


def fit(text: str, width: int) -> str:
    """Return `text` cut or filled with spaces to exactly `width` cells; what is cut ends with `…`."""
    size = len(text) if text.isascii() else cell_len(text)
    if size <= width:
        return text + " " * (width - size)
    if width <= 0:
        return ""
    if text.isascii():
        return text[: width - 1] + "…"
    used = 0
    for index, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width - 1:
            kept = text[:index]
            return kept + "…" + " " * (width - 1 - cell_len(kept))
    return text
