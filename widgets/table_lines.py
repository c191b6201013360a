"""Tables as lines: columns as wide as they need, narrower where the screen ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workbench.widgets.text_lines import Line, Run, cells, wrap

_GUTTER: Final = 2
_NARROWEST: Final = 6

Cell = list[Line]


def table_lines(rows: Sequence[Sequence[Cell]], aligns: Sequence[str], width: int) -> list[Line]:
    """Return a table's lines.

    Args:
        rows: the cells, each as its lines; the first row is the header.
        aligns: left, center or right for each column.
        width: cells there are.

    Returns:
        Columns below each other, or, where they would be too narrow, one line for each cell with its header.
    """
    count = max((len(row) for row in rows), default=0)
    if count == 0:
        return []
    natural = [max((_width(row[at]) for row in rows if at < len(row)), default=0) for at in range(count)]
    widths = share(natural, width - _GUTTER * (count - 1))
    if widths is None:
        return _stacked(rows, width)
    lines: list[Line] = []
    for number, row in enumerate(rows):
        lines += _row(row, widths, aligns)
        if number == 0:
            rule = (" " * _GUTTER).join("─" * size for size in widths)
            lines.append((Run(rule, "rule"),))
    return lines


def share(natural: Sequence[int], room: int) -> list[int] | None:
    """Return a width for each column: its natural one when all fit, else the wide ones give.

    Args:
        natural: cells that each column would like.
        room: cells there are for all.

    Returns:
        The widths, or None when even the narrowest columns do not fit.
    """
    if sum(natural) <= room:
        return [max(1, size) for size in natural]
    if sum(min(size, _NARROWEST) for size in natural) > room:
        return None
    # The narrow columns keep what they need; what is left is shared evenly by the others.
    widths = [0] * len(natural)
    order = sorted(range(len(natural)), key=lambda at: natural[at])
    for done, at in enumerate(order):
        even = room // (len(order) - done)
        widths[at] = max(1, min(natural[at], max(even, min(natural[at], _NARROWEST))))
        room -= widths[at]
    return widths


def _width(cell: Cell) -> int:
    return max((cells(line) for line in cell), default=0)


def _row(row: Sequence[Cell], widths: Sequence[int], aligns: Sequence[str]) -> list[Line]:
    columns = [
        [part for line in (row[at] if at < len(row) else []) for part in wrap(line, size)]
        for at, size in enumerate(widths)
    ]
    lines: list[Line] = []
    for level in range(max((len(column) for column in columns), default=0)):
        line: list[Run] = []
        for at, column in enumerate(columns):
            part = column[level] if level < len(column) else ()
            last = at == len(columns) - 1
            line += _aligned(part, widths[at], aligns[at] if at < len(aligns) else "left", last=last)
        lines.append(tuple(line))
    return lines


def _aligned(part: Line, width: int, align: str, *, last: bool) -> list[Run]:
    space = max(0, width - cells(part))
    before = {"right": space, "center": space // 2}.get(align, 0)
    after = 0 if last else space - before + _GUTTER
    return [*([Run(" " * before)] if before else []), *part, *([Run(" " * after)] if after else [])]


def _stacked(rows: Sequence[Sequence[Cell]], width: int) -> list[Line]:
    header, *others = rows
    lines: list[Line] = []
    for row in others:
        if lines:
            lines.append(())
        for at, cell in enumerate(row):
            name = header[at][0] if at < len(header) and header[at] else ()
            for line in cell or [()]:
                lines += wrap((*name, Run(": "), *line), width, rest=(Run("  "),))
    return lines
