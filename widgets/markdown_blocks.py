"""Markdown as a flat list of blocks, each with what stands before its lines; no widget, no screen.

The parser's nested lists and quotes become prefixes of their paragraphs, so that a message of any depth is
drawn line by line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from workbench.widgets.text_lines import Line, Run, cells

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Kind = Literal["text", "code", "table", "rule"]

# Deeper nesting is no help to a reader, and each level costs the parser a few stack frames.
_MOST_NESTING: Final = 40
# Some inputs (rows of brackets) cost the inline parser the square of their length.
_MOST_INLINE: Final = 4_000
_BULLETS: Final = ("• ", "◦ ", "▪ ")


def load_parser() -> None:
    """Import the parser now, which takes a moment the first time; may run in a thread."""
    _parser()


class Block(NamedTuple):
    """A paragraph, heading, code block, table or rule.

    Args:
        kind: how it is drawn.
        text: inline Markdown of a text, or the code.
        style: style of all its text, as in `h1`.
        first: what stands before its first line.
        rest: what stands before its other lines.
        gap: what stands on the empty line above it; None when there is no such line.
        info: the language of a code block.
        rows: inline Markdown of a table's cells, the header first.
        aligns: left, center or right for each column of a table.
    """

    kind: Kind
    text: str = ""
    style: str = ""
    first: Line = ()
    rest: Line = ()
    gap: Line | None = ()
    info: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    aligns: tuple[str, ...] = ()


class Parsed(NamedTuple):
    """Blocks of a source, and the line at which its last top-level block begins with that block's place."""

    blocks: list[Block]
    last_line: int
    last_block: int


def parse(source: str, env: dict[str, Any]) -> Parsed:
    """Return the blocks of Markdown text.

    Args:
        source: Markdown; text that is none comes out as paragraphs.
        env: what the parser keeps between parts of one text (link references); changed in place.
    """
    try:
        tokens = _parser().parse(source, env)
    except (RecursionError, ValueError, IndexError):
        tokens = []
    if not tokens or any(token.level >= _MOST_NESTING - 1 for token in tokens):
        return Parsed(_as_it_stands(source), 0, 0)
    return _Flattener().run(tokens)


def inline(text: str, style: str, env: dict[str, Any]) -> list[Line]:
    """Return inline Markdown as lines, broken where the text says so.

    Args:
        text: inline Markdown.
        style: style of all of it.
        env: as for `parse`.
    """
    if len(text) > _MOST_INLINE:
        return [(Run(" ".join(text.split()), style),)]
    tokens: list[Token] = []
    parser = _parser()
    try:
        parser.inline.parse(text, parser, env, tokens)
    except (RecursionError, ValueError, IndexError):
        return [(Run(" ".join(text.split()), style),)]
    return _inline_lines(tokens, style)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": _MOST_NESTING})
    parser.enable(["table", "strikethrough"])
    # Paragraphs are parsed one by one and kept, as few of them change while a text grows.
    parser.core.ruler.disable(["inline", "text_join"])
    return parser


def _as_it_stands(source: str) -> list[Block]:
    return [Block("code", source.strip("\n"), info="text")] if source.strip() else []


@dataclass(slots=True, eq=False)
class _Container:
    """A list item or quote around a block: what it puts before its first and its other lines."""

    first: Line
    rest: Line
    used: bool = False


@dataclass(slots=True, eq=False)
class _List:
    """A list that is open: the number of its next item, None for bullets."""

    number: int | None
    delimiter: str = "."
    width: int = 2


@dataclass(slots=True)
class _Table:
    """A table that is being read."""

    rows: list[list[str]] = field(default_factory=list)
    aligns: list[str] = field(default_factory=list)


class _Flattener:
    """Turns the parser's tokens into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._containers: list[_Container] = []
        self._previous: list[_Container] = []
        self._lists: list[_List] = []
        self._previous_list: _List | None = None
        self._table: _Table | None = None
        self._style = ""
        self._hidden = False

    def run(self, tokens: Sequence[Token]) -> Parsed:
        """Return the blocks of a whole text."""
        last_line = last_block = 0
        for index, token in enumerate(tokens):
            if token.level == 0 and token.nesting >= 0 and token.map:
                last_line, last_block = token.map[0], len(self.blocks)
            self._take(token, tokens[index + 1 :] if token.type.endswith("list_open") else ())
        return Parsed(self.blocks, last_line, last_block)

    def _take(self, token: Token, following: Sequence[Token]) -> None:
        match token.type:
            case "paragraph_open":
                self._hidden = token.hidden
            case "heading_open":
                self._style = token.tag
            case "heading_close":
                self._style = ""
            case "inline":
                self._take_inline(token)
            case "fence" | "code_block":
                self._add("code", token.content.removesuffix("\n"), info=token.info.split(" ")[0].strip())
            case "hr":
                self._add("rule")
            case _ if token.type.startswith("t"):
                self._take_table(token)
            case _:
                self._take_container(token, following)

    def _take_inline(self, token: Token) -> None:
        if self._table is not None:
            self._table.rows[-1].append(token.content)
        else:
            self._add("text", token.content, style=self._style)
            self._hidden = False

    def _take_table(self, token: Token) -> None:
        match token.type:
            case "table_open":
                self._table = _Table()
            case "tr_open" if self._table is not None:
                self._table.rows.append([])
            case "th_open" if self._table is not None:
                style = str(token.attrs.get("style", "left"))
                self._table.aligns.append(style.rpartition(":")[2])
            case "table_close":
                self._close_table()

    def _take_container(self, token: Token, following: Sequence[Token]) -> None:
        match token.type:
            case "blockquote_open":
                bar = (Run("▎ ", "quote-bar"),)
                self._containers.append(_Container(bar, bar))
            case "blockquote_close":
                self._containers.pop()
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token, following)
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._open_item()
            case "list_item_close":
                self._close_item()

    def _open_list(self, token: Token, following: Sequence[Token]) -> None:
        if token.type == "bullet_list_open":
            self._lists.append(_List(None))
            return
        start = int(token.attrs.get("start", 1))
        items = 0
        for later in following:
            if later.level == token.level and later.type == "ordered_list_close":
                break
            items += later.type == "list_item_open" and later.level == token.level + 1
        self._lists.append(_List(start, token.markup or ".", len(str(start + items - 1)) + 2))

    def _open_item(self) -> None:
        inner = self._lists[-1]
        if inner.number is None:
            depth = sum(1 for outer in self._lists if outer.number is None) - 1
            marker = _BULLETS[depth % len(_BULLETS)]
        else:
            marker = f"{inner.number}{inner.delimiter} ".rjust(inner.width)
            inner.number += 1
        self._containers.append(_Container((Run(marker, "marker"),), (Run(" " * len(marker)),)))

    def _close_item(self) -> None:
        if not self._containers[-1].used:
            self._hidden = True
            self._add("text")
        self._containers.pop()

    def _close_table(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            rows = tuple(tuple(row) for row in table.rows)
            self._add("table", rows=rows, aligns=tuple(table.aligns))

    def _add(self, kind: Kind, text: str = "", **facts: Any) -> None:
        # Containers compare by identity: these are the ones that the block before stands in too.
        gap: Line | None = _join(box.rest for box in self._containers if box in self._previous)
        outermost = self._lists[0] if self._lists else None
        tight = self._hidden and outermost is not None and outermost is self._previous_list
        if not self.blocks or tight:
            gap = None
        first = _join(box.rest if box.used else box.first for box in self._containers)
        rest = _join(box.rest for box in self._containers)
        for box in self._containers:
            box.used = True
        self.blocks.append(Block(kind, text, first=first, rest=rest, gap=gap, **facts))
        self._previous = list(self._containers)
        self._previous_list = outermost


def _join(parts: Iterable[Line]) -> Line:
    return tuple(run for part in parts for run in part)


def _inline_lines(tokens: Sequence[Token], style: str) -> list[Line]:
    lines: list[Line] = []
    runs: list[Run] = []
    styles: list[str] = [style] if style else []
    links: list[tuple[str, int]] = []
    for token in tokens:
        look, link = " ".join(styles), links[-1][0] if links else ""
        match token.type:
            case "text" | "text_special" | "html_inline":
                runs.append(Run(token.content, look, link))
            case "softbreak":
                runs.append(Run(" ", look, link))
            case "hardbreak":
                lines.append(tuple(runs))
                runs = []
            case "code_inline":
                runs.append(Run(token.content, f"{look} code".strip(), link))
            case "strong_open" | "em_open" | "s_open":
                styles.append(token.type.removesuffix("_open"))
            case "strong_close" | "em_close" | "s_close":
                styles.pop()
            case "link_open":
                links.append((str(token.attrs.get("href", "")), len(runs)))
                styles.append("link")
            case "link_close":
                styles.pop()
                href, begin = links.pop()
                runs += _address(href, "".join(run.text for run in runs[begin:]), " ".join(styles))
            case "image":
                runs.append(Run(f"[image: {token.content or 'no description'}]", look, link))
                runs += _address(str(token.attrs.get("src", "")), "", look)
    lines.append(tuple(runs))
    return lines


def _address(href: str, text: str, style: str) -> list[Run]:
    """Return what shows where a link leads, so that its text cannot pretend: nothing when that says it."""
    if not href or text in (href, href.removeprefix("mailto:")):
        return []
    return [Run(f" ({href})", f"{style} address".strip(), href)]


def widest_prefix(block: Block) -> int:
    """Return how many cells stand before a block's lines."""
    return max(cells(block.first), cells(block.rest))
