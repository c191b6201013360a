"""Lines of code with their parts named for colouring."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from workbench.widgets.text_lines import TAB_SIZE, Line, Run

if TYPE_CHECKING:
    from pygments.lexer import Lexer  # type: ignore[import-untyped]

# Longer code is coloured line by line, and lines beyond this not at all: a lexer may need long for them.
_MOST_AT_ONCE: Final = 8_000
_LONGEST_LINE: Final = 400
_STYLE: Final = "codeblock"


def code_lines(code: str, language: str, *, final: bool) -> list[Line]:
    """Return code as lines.

    Args:
        code: the code.
        language: what the text calls its language; unknown names leave it plain.
        final: the code is complete, so that strings over several lines can be told.
    """
    lines = code.split("\n")
    if lexer_name(language) is None:
        return [_plain(line) for line in lines]
    if final and len(code) <= _MOST_AT_ONCE and max(map(len, lines)) <= _LONGEST_LINE:
        coloured = _lex(code, language)
        if len(coloured) == len(lines):
            return coloured
    return [_one_line(line, language) for line in lines]


@lru_cache(maxsize=2_048)
def _one_line(line: str, language: str) -> Line:
    if len(line) > _LONGEST_LINE:
        return _plain(line)
    return _lex(line, language)[0]


def _plain(line: str) -> Line:
    return (Run(line.expandtabs(TAB_SIZE), _STYLE),)


def lexer_name(language: str) -> str | None:
    """Return the lexer for a language as models name it, None when there is none."""
    return _names().get(language.lower())


@cache
def _names() -> dict[str, str]:
    # Only the library's own table: a search beyond it would import other packages' code.
    from pygments.lexers._mapping import LEXERS  # type: ignore[import-untyped]

    names: dict[str, str] = {}
    for _module, _name, aliases, _files, _types in LEXERS.values():
        for alias in aliases:
            names.setdefault(alias, aliases[0])
    del names["text"]
    return names


@lru_cache(maxsize=32)
def _lexer(name: str) -> Lexer:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]

    lexer: Lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    return lexer


def _lex(code: str, language: str) -> list[Line]:
    name = lexer_name(language) or ""
    try:
        tokens: Iterable[tuple[Any, str]] = list(_lexer(name).get_tokens(code))
    except Exception:
        return [_plain(line) for line in code.split("\n")]
    lines: list[list[Run]] = [[]]
    for kind, text in tokens:
        style = _style(kind)
        for number, piece in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append(Run(piece.expandtabs(TAB_SIZE), style))
    return [tuple(line) for line in lines]


@cache
def _style(kind: Any) -> str:
    """Return the style of a token; few kinds, as many colours tell nothing."""
    from pygments.token import Token  # type: ignore[import-untyped]

    for parent, name in (
        (Token.Comment, "comment"),
        (Token.Literal.String, "string"),
        (Token.Literal.Number, "number"),
        (Token.Keyword, "keyword"),
        (Token.Operator.Word, "keyword"),
        (Token.Name.Function, "function"),
        (Token.Name.Class, "function"),
        (Token.Name.Tag, "keyword"),
        (Token.Generic.Inserted, "string"),
        (Token.Generic.Deleted, "number"),
    ):
        if kind in parent:
            return f"{_STYLE} {name}"
    return _STYLE
