"""Draws a timeline in characters: columns, an axis, bars in eighths of a cell. Pieces name their styles."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from workbench.app.events.timeline import Row, Timeline
from workbench.app.text import one_line

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_RIGHT_HALF: Final = "▐"
# In the first or the last cell of a bar that lies outside of what is shown.
_OUTSIDE: Final = ("‹", "›")
_GRID: Final = "┊"
_MARK: Final = "◆"
_TICK: Final = "╵"
_DURATION: Final = 9
_TOKENS: Final = 7
_GAP: Final = 2
_INDENT: Final = 2
_TICK_LABEL: Final = 9
# Rows of how the work was done, next to those of what was done.
_QUIET: Final = frozenset({"mark", "worker"})
_SMALL: Final = 0.0995
_MILLION: Final = 1_000_000
_SECOND, _MINUTE, _HOUR = 1_000.0, 60_000.0, 3_600_000.0


class Piece(NamedTuple):
    """Text of one style: a row's kind or level, or label, quiet-label, detail, figure, grid, axis, whole.

    `bars` tells whether it stands in the column of the bars.
    """

    text: str
    style: str = ""
    bars: bool = False


class Columns(NamedTuple):
    """Width of each column in cells; 0 leaves it out."""

    label: int
    bars: int
    duration: int
    tokens: int
    detail: int


class Scale(NamedTuple):
    """Which part of the time is drawn how wide: from `start_ms`, `span_ms` long, on `width` cells."""

    start_ms: float
    span_ms: float
    width: int

    def cell(self, ms: float) -> float:
        """Return where a moment lies, in cells from the left edge; it may be outside."""
        return (ms - self.start_ms) / self.span_ms * self.width if self.span_ms > 0 else 0.0


def columns_for(width: int) -> Columns:
    """Return the columns that fit into `width` cells."""
    label = max(8, min(36, width // 4 if width < 100 else width // 5))
    duration = _DURATION if width >= 40 else 0
    tokens = _TOKENS if width >= 60 else 0
    detail = 0 if width < 110 else min(60, width // 5)
    used = label + sum(column + _GAP for column in (duration, detail) if column) + tokens + _GAP
    return Columns(label, max(4, width - used), duration, tokens, detail)


def axis_pieces(columns: Columns, scale: Scale) -> list[Piece]:
    """Return the line above the rows that says what time is where."""
    cells = [" "] * columns.bars
    end = -_GAP
    for tick in ticks(scale):
        text = moment_text(tick, scale)
        # The last label ends at the edge where it would stick out.
        at = min(round(scale.cell(tick)), columns.bars - len(text))
        if at >= end + _GAP:
            end = at + len(text)
            cells[at:end] = text
    pieces = [Piece(" " * (columns.label + _GAP)), Piece("".join(cells), "axis")]
    if columns.duration:
        pieces.append(Piece(" " * _GAP + f"{'took':>{columns.duration}}", "axis"))
    if columns.tokens:
        pieces.append(Piece(f"{'tokens':>{columns.tokens}}", "axis"))
    return pieces


def row_pieces(row: Row, columns: Columns, scale: Scale) -> list[Piece]:
    """Return a row as one line, at most as wide as its columns."""
    label = " " * (_INDENT * max(0, row.depth - 1)) + one_line(row.label, 200)
    named = row.level or ("quiet-label" if row.kind in _QUIET else "label")
    pieces = [Piece(_fit(label, columns.label), named), Piece(" " * _GAP)]
    pieces += _lane(row, scale)
    if columns.duration:
        taken = "" if row.kind == "mark" else duration_text(row.duration_ms) + ("…" if row.running else "")
        pieces.append(Piece(" " * _GAP + f"{taken:>{columns.duration}}", "figure"))
    if columns.tokens:
        tokens = count_text(row.tokens) if row.tokens is not None else ""
        pieces.append(Piece(f"{tokens:>{columns.tokens}}", "figure"))
    if columns.detail:
        detail = one_line(row.detail, 200)
        pieces.append(Piece(" " * _GAP + _fit(detail, columns.detail), row.level or "detail"))
    return pieces


def waterfall_lines(timeline: Timeline, width: int) -> Iterator[str]:
    """Yield the whole timeline as plain lines: the axis, then the rows; nothing for an empty one."""
    if not timeline.rows:
        return
    columns = columns_for(width)
    scale = Scale(0.0, timeline.total_ms, columns.bars)
    for pieces in (axis_pieces(columns, scale), *(row_pieces(row, columns, scale) for row in timeline.rows)):
        yield "".join(piece.text for piece in pieces).rstrip()


def figures_text(timeline: Timeline) -> str:
    """Return one line about the whole: tokens, speed, the wait for the first text, the time, how it ended."""
    parts: list[str] = []
    if timeline.prompt_tokens is not None:
        kept = f" ({timeline.cached_tokens:,} kept from before)" if timeline.cached_tokens else ""
        parts.append(f"read {timeline.prompt_tokens:,}{kept}")
    if timeline.reply_tokens is not None:
        parts.append(f"wrote {timeline.reply_tokens:,} {'token' if timeline.reply_tokens == 1 else 'tokens'}")
    if timeline.tokens_per_second:
        parts.append(f"{timeline.tokens_per_second:,.0f} tokens/s")
    if timeline.first_token_ms is not None:
        parts.append(f"first token {duration_text(timeline.first_token_ms)}")
    parts.append(duration_text(timeline.total_ms) + (" so far" if timeline.running else ""))
    if timeline.outcome and timeline.outcome != "stop":
        parts.append(timeline.outcome)
    return " · ".join(parts)


def duration_text(ms: float) -> str:
    """Return a time with two or three digits, nine cells at most: `42 µs`, `184 ms`, `1.42 s`, `2m 5s`."""
    if 0 < ms < _SMALL:
        return f"{ms * 1000:.{1 if ms < _SMALL / 10 else 0}f} µs"
    for limit, unit, size in ((999.5, "ms", 1.0), (59_995.0, "s", _SECOND)):
        if ms < limit:
            value = ms / size
            digits = 0 if value == 0 else 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {unit}"
    minutes, seconds = divmod(round(ms / _SECOND), 60)
    if minutes < 60:
        return f"{minutes}m {seconds}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if hours < 1_000 else f"{hours // 24}d"


def count_text(count: int) -> str:
    """Return a number in seven cells at most: `83`, `12,345`, `1.25M`."""
    if count < _MILLION:
        return f"{count:,}"
    size, unit = next(pair for pair in ((10**12, "T"), (10**9, "G"), (10**6, "M")) if count >= pair[0])
    digits = 2 if count < 10 * size else 1 if count < 100 * size else 0
    return f"{count / size:.{digits}f}{unit}"


def ticks(scale: Scale) -> list[float]:
    """Return round moments within the scale, far enough from each other for their labels."""
    most = max(1, scale.width // _TICK_LABEL)
    step = _nice_step(scale.span_ms / most)
    if step <= 0 or not math.isfinite(step):
        return [scale.start_ms]
    first = math.ceil(scale.start_ms / step - 1e-9)
    last = math.floor((scale.start_ms + scale.span_ms) / step + 1e-9)
    return [number * step for number in range(first, min(last, first + 2 * most) + 1)]


def moment_text(ms: float, scale: Scale) -> str:
    """Return the label of a moment, as exact as the scale needs it."""
    step = _nice_step(scale.span_ms / max(1, scale.width // _TICK_LABEL))
    if ms <= 0:
        return "0"
    size, unit = next(
        (size, unit)
        for size, unit in ((_HOUR, "h"), (_MINUTE, "min"), (_SECOND, "s"), (1.0, "ms"), (1e-3, "µs"))
        if step >= size or (ms >= size and step >= size / 100) or size < 1.0
    )
    return f"{round(ms / size, 3):,g} {unit}"


def _fit(text: str, width: int) -> str:
    """Return a text cut or filled to exactly `width` cells; what is cut ends with `…`."""
    return set_cell_size(text, width) if cell_len(text) <= width else f"{set_cell_size(text, width - 1)}…"


def _nice_step(least: float) -> float:
    """Return the smallest round step of time that is at least so long."""
    if least <= 0 or not math.isfinite(least):
        return 0.0
    if least > _SECOND:
        for step in (2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600):
            if step * _SECOND >= least:
                return step * _SECOND
    unit = _HOUR if least > _HOUR else 1.0
    power = 10.0 ** math.floor(math.log10(least / unit))
    return next(factor * power * unit for factor in (1, 2, 5, 10, 20) if factor * power * unit >= least)


def _lane(row: Row, scale: Scale) -> Iterator[Piece]:
    """Yield the row's part of the bar column, with the grid behind it."""
    cells = [(" ", "")] * scale.width
    for tick in ticks(scale):
        at = round(scale.cell(tick))
        if 0 <= at < scale.width:
            cells[at] = (_GRID, "grid")
    if row.kind == "mark":
        style = row.level or "mark"
        for moment in row.ticks or (row.start_ms,):
            at = math.floor(scale.cell(moment) + 1e-9)
            # What happens at the very end stands in the last cell.
            at -= at == scale.width and scale.width > 0
            if 0 <= at < scale.width:
                cells[at] = (_TICK if row.ticks else _MARK, style)
    else:
        offset, text = _bar(row, scale)
        style = row.level or ("whole" if row.depth == 0 else row.kind)
        style = "axis" if text in _OUTSIDE else style
        cells[offset : offset + len(text)] = [(letter, style) for letter in text]
    return _joined(cells)


def _joined(cells: Sequence[tuple[str, str]]) -> Iterator[Piece]:
    start = 0
    for at in range(1, len(cells) + 1):
        if at == len(cells) or cells[at][1] != cells[start][1]:
            yield Piece("".join(letter for letter, _ in cells[start:at]), cells[start][1], bars=True)
            start = at


def _bar(row: Row, scale: Scale) -> tuple[int, str]:
    """Return where a bar begins and its characters; it is never less than an eighth of a cell if in sight."""
    left, right = scale.cell(row.start_ms), scale.cell(row.start_ms + row.duration_ms)
    if right < 0 or left > scale.width:
        return (0, _OUTSIDE[0]) if right < 0 else (scale.width - 1, _OUTSIDE[1])
    if row.depth == 0:
        return _whole(left, right, scale.width)
    left, right = max(0.0, left), min(float(scale.width), right)
    first = min(math.floor(left), scale.width - 1)
    if row.kind in _QUIET:
        return _line(min(left, scale.width - 0.5), right)
    if right - first <= 1:
        return first, _EIGHTHS[max(1, min(8, round((right - left) * 8)))]
    into = left - first
    head = "█" if into < 0.25 else _RIGHT_HALF if into < 0.75 else ""
    first, begun = (first, 1) if head else (first + 1, 0)
    full, rest = divmod(round((right - first - begun) * 8), 8)
    text = head + "█" * full + _EIGHTHS[rest].strip()
    return first, text or _EIGHTHS[1]


def _whole(left: float, right: float, width: int) -> tuple[int, str]:
    """Return the bar of the whole: a line, with its ends where they are in sight."""
    first = max(0, min(math.floor(left), width - 1))
    size = max(1, min(width, math.ceil(right - 1e-9)) - first)
    if size == 1:
        return first, "│"
    return first, f"{'├' if left >= 0 else '─'}{'─' * (size - 2)}{'┤' if right <= width + 1e-9 else '─'}"


def _line(left: float, right: float) -> tuple[int, str]:
    """Return where the bar of a quiet row begins and its characters: a heavy line, exact to half a cell."""
    first, last = math.floor(left * 2), max(math.floor(left * 2) + 1, round(right * 2))
    head = "╺" if first % 2 else ""
    rest = last - first - len(head)
    return first // 2, head + "━" * (rest // 2) + "╸" * (rest % 2)
