"""A Markdown text that grows, as styled lines; only what changed is worked out again."""

from __future__ import annotations

from typing import Any, Final

from workbench.widgets.code_lines import code_lines
from workbench.widgets.markdown_blocks import Block, inline, parse
from workbench.widgets.table_lines import table_lines
from workbench.widgets.text_lines import Line, Run, cells, wrap

# Text beyond this is not drawn: nobody reads it here, and every line costs memory.
MOST_CHARACTERS: Final = 200_000
_MOST_TABLE_ROWS: Final = 500


class MarkdownDocument:
    """Markdown text and its lines at one width.

    Args:
        text: what it begins with, safe to show (see `app.text.printable`).

    Appending costs in proportion to the last top-level block, not to the text.
    """

    def __init__(self, text: str = "") -> None:
        self._source = ""
        self._final = False
        self._env: dict[str, Any] = {}
        self._stable_until = 0
        self._stable: list[Block] = []
        self._tail: list[Block] = []
        self._texts: dict[Block, list[Line]] = {}
        self._wrapped: dict[Block, list[Line]] = {}
        self._stable_lines: list[Line] | None = None
        self._lines: list[Line] | None = None
        self._width = 0
        self._hidden = 0
        if text:
            self.append(text)

    @property
    def hidden_characters(self) -> int:
        """How many characters at the end are not drawn, as the text is too long."""
        return self._hidden

    def append(self, text: str) -> None:
        """Add text at the end."""
        kept = text[: max(0, MOST_CHARACTERS - len(self._source))]
        self._hidden += len(text) - len(kept)
        if not kept:
            return
        self._source += kept
        self._final = False
        self._read_tail()

    def finish(self) -> None:
        """Read the whole text once more: what came late may change what stands before it."""
        links = self._env.get("references")
        self._final = True
        self._env = {}
        self._stable, self._stable_until = parse(self._source, self._env).blocks, len(self._source)
        self._tail = []
        self._stable_lines = self._lines = None
        if links or self._env.get("references"):
            # What was drawn before a link was defined does not show it.
            self._texts.clear()
            self._wrapped.clear()
        self._forget({block for block in self._wrapped if block.kind == "code"})
        self._forget(set(self._wrapped) - set(self._stable))

    def lines(self, width: int) -> list[Line]:
        """Return the lines at a width in cells; the list belongs to the document."""
        if width != self._width:
            self._width = width
            self._wrapped.clear()
            self._stable_lines = self._lines = None
        if self._stable_lines is None:
            self._stable_lines = [line for block in self._stable for line in self._block_lines(block)]
        if self._lines is None:
            tail = [line for block in self._tail for line in self._block_lines(block)]
            self._lines = self._stable_lines + tail
        return self._lines

    def _read_tail(self) -> None:
        """Parse from the last top-level block on; all but the new last one are then done with."""
        parsed = parse(self._source[self._stable_until :], self._env)
        blocks = parsed.blocks
        if blocks and self._stable and blocks[0].gap is None:
            blocks[0] = blocks[0]._replace(gap=())
        outdated = set(self._tail) - set(blocks)
        done, self._tail = blocks[: parsed.last_block], blocks[parsed.last_block :]
        if parsed.last_line:
            self._stable += done
            if self._stable_lines is not None and self._width:
                self._stable_lines += [line for block in done for line in self._block_lines(block)]
            self._stable_until = self._line_start(parsed.last_line)
        else:
            self._tail = done + self._tail
        self._forget(outdated)
        self._lines = None

    def _line_start(self, number: int) -> int:
        """Return where the `number`th line after the stable part begins."""
        at = self._stable_until
        for _ in range(number):
            at = self._source.index("\n", at) + 1
        return at

    def _forget(self, blocks: set[Block]) -> None:
        for block in blocks:
            self._wrapped.pop(block, None)
            self._texts.pop(block, None)

    def _block_lines(self, block: Block) -> list[Line]:
        found = self._wrapped.get(block)
        if found is None:
            found = self._wrapped[block] = self._draw(block)
        return found

    def _draw(self, block: Block) -> list[Line]:
        width = self._width
        first, rest = block.first, block.rest
        if max(cells(first), cells(rest)) > width // 2:
            # Nested deeper than the screen is wide: the text matters more than its place.
            first = rest = ()
        room = max(1, width - cells(rest))
        lines: list[Line] = [] if block.gap is None else [block.gap]
        if block.kind == "text":
            for number, line in enumerate(self._text(block)):
                lines += wrap(line, width, rest if number else first, rest)
            return lines
        if block.kind == "code":
            drawn = self._code(block, room)
        elif block.kind == "table":
            drawn = self._table(block, room)
        else:
            drawn = [(Run("─" * room, "rule"),)]
        return lines + [(rest if number else first) + line for number, line in enumerate(drawn)]

    def _table(self, block: Block, room: int) -> list[Line]:
        rows = [
            [inline(cell, "" if number else "header", self._env) for cell in row]
            for number, row in enumerate(block.rows[:_MOST_TABLE_ROWS])
        ]
        left = len(block.rows) - _MOST_TABLE_ROWS
        note: list[Line] = [(Run(f"… {left:,} more rows", "note"),)] if left > 0 else []
        return table_lines(rows, block.aligns, room) + note

    def _text(self, block: Block) -> list[Line]:
        found = self._texts.get(block)
        if found is None:
            found = self._texts[block] = inline(block.text, block.style, self._env)
        return found

    def _code(self, block: Block, room: int) -> list[Line]:
        edge = Run(" ", "codeblock")
        final = self._final or block not in self._tail
        drawn: list[Line] = []
        for line in code_lines(block.text, block.info, final=final):
            for part in wrap(line, max(1, room - 2)):
                space = max(0, room - 1 - cells(part))
                drawn.append((edge, *part, Run(" " * space, "codeblock")))
        return drawn
