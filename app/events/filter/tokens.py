"""The words of a filter's text: where each begins, what kind it is, and what it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NoReturn

import msgspec

from workbench.app.errors import EventError
from workbench.app.text import one_line

Kind = Literal["word", "string", "operator", "(", ")", "wrong", "end"]

OPERATORS: Final = ("==", "!=", "<=", ">=", "!~", "<", ">", "~")
"""Every operator; one that begins with another comes before it."""

_QUOTES: Final = "\"'"
_SPECIAL: Final = frozenset("()=!<>~" + _QUOTES)
_ESCAPES: Final = {'"': '"', "'": "'", "\\": "\\", "/": "/", "n": "\n", "r": "\r", "t": "\t"}
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_HEX_DIGITS: Final = 4
_SHOWN: Final = 30
_QUOTED_PATH: Final = "payload."


class Token(msgspec.Struct, frozen=True):
    """One word, quoted text or sign.

    Args:
        kind: `wrong` is a sign that the language does not have: a lone `=` or `!`; `end` is the text's end.
        text: as it is written.
        start: where in the filter it begins.
        value: what a quoted text stands for.
    """

    kind: Kind
    text: str
    start: int
    value: str = ""

    @property
    def end(self) -> int:
        """Where in the filter it has ended."""
        return self.start + len(self.text)

    @property
    def keyword(self) -> str:
        """The word in small letters; empty for everything that is no word."""
        return self.text.lower() if self.kind == "word" else ""

    def shown(self) -> str:
        """Return it as an error message names it."""
        return "the end" if self.kind == "end" else f"'{one_line(self.text, _SHOWN)}'"


def problem(what: str, hint: str, start: int, length: int, expected: Sequence[str] = ()) -> EventError:
    """Return the error of a filter that cannot be read.

    Args:
        what: what is wrong, as the end of a sentence.
        hint: one sentence that says what to do.
        start: the character at which it is wrong, from 0 to the length of the text.
        length: how many characters are wrong; 0 at the text's end.
        expected: what may stand there.
    """
    return EventError(
        "bad_filter",
        f"The filter cannot be read at character {start + 1}: {what}.",
        hint,
        position=start,
        length=length,
        expected=list(expected),
    )


def tokens(text: str) -> list[Token]:
    """Return all tokens of a filter; the last one is its end.

    Raises:
        EventError: `event.bad_filter`: a quoted text that has no end or a wrong escape, or half a character.
    """
    found: list[Token] = []
    at = _after_space(text, 0)
    while at < len(text):
        found.append(_token(text, at))
        at = _after_space(text, found[-1].end)
    found.append(Token("end", "", len(text)))
    return found


def is_word(text: str) -> bool:
    """Tell whether a text can stand in a filter as one word, without quotes."""
    return bool(text) and not any(_ends_word(character) for character in text)


def _word_end(text: str, at: int) -> int:
    """Return where the word that begins at `at` ends; the keys of a payload path may be quoted."""
    end = at
    while end < len(text):
        if text[end] == '"' and text[end - 1] == "." and text.startswith(_QUOTED_PATH, at):
            end = string_at(text, end).end
        elif _ends_word(text[end]):
            break
        else:
            end += 1
    return end


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _ends_word(character: str) -> bool:
    return character in _SPECIAL or character.isspace() or _is_half(character)


def _is_half(character: str) -> bool:
    """Tell whether it is a lone surrogate, which is no text and which no encoding takes."""
    return "\ud800" <= character <= "\udfff"


def _token(text: str, at: int) -> Token:
    character = text[at]
    if character in _QUOTES:
        return string_at(text, at)
    if character == "(":
        return Token("(", "(", at)
    if character == ")":
        return Token(")", ")", at)
    if _is_half(character):
        raise _half(at, 1)
    for operator in OPERATORS:
        if text.startswith(operator, at):
            return Token("operator", operator, at)
    if character in _SPECIAL:
        return Token("wrong", character, at)
    return Token("word", text[at : _word_end(text, at)], at)


def string_at(text: str, start: int) -> Token:
    """Read a quoted text; `start` is its first quotation mark."""
    quote, at, parts = text[start], start + 1, list[str]()
    while at < len(text) and text[at] != quote:
        part, at = _escape(text, at) if text[at] == "\\" else (text[at], at + 1)
        if _is_half(part):
            raise _half(at - 1, 1)
        parts.append(part)
    if at >= len(text):
        raise problem(
            "the quoted text that begins here has no end",
            f"Write {quote} at its end.",
            start,
            len(text) - start,
            [quote],
        )
    return Token("string", text[start : at + 1], start, "".join(parts))


def _escape(text: str, at: int) -> tuple[str, int]:
    """Read what begins with the backslash at `at`; return what it stands for and where it has ended."""
    letter = text[at + 1 : at + 2]
    if letter == "u":
        return _code_point(text, at)
    if letter not in _ESCAPES or not letter:
        _refuse_escape(text, at, at + 2)
    return _ESCAPES[letter], at + 2


def _code_point(text: str, at: int) -> tuple[str, int]:
    """Read an escape such as `u00e9`, or two of them that make one character as in JSON."""
    code, end = _hex(text, at)
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code), end
    if code < 0xDC00 and text.startswith("\\u", end):
        second, second_end = _hex(text, end)
        if 0xDC00 <= second <= 0xDFFF:
            return chr(0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)), second_end
    raise _half(at, end - at)


def _hex(text: str, at: int) -> tuple[int, int]:
    start, end = at + 2, at + 2 + _HEX_DIGITS
    digits = text[start:end]
    if len(digits) < _HEX_DIGITS or not _HEX.issuperset(digits):
        _refuse_escape(text, at, end)
    return int(digits, 16), end


def _refuse_escape(text: str, start: int, end: int) -> NoReturn:
    raise problem(
        "this backslash begins nothing that is known",
        r"Write \\ for a backslash, or one of \" \n \t \r \u00e9.",
        start,
        min(end, len(text)) - start,
        ["\\\\", '\\"', "\\n", "\\t", "\\r", "\\u"],
    )


def _half(start: int, length: int) -> EventError:
    return problem("this is half a character", "Write it as text, or leave it out.", start, length)
