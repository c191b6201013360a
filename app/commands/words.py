"""Splits a line into words as a shell does, and keeps where each word stands."""

from __future__ import annotations

from typing import Final, NamedTuple

_SPACE: Final = " \t\r\n"
# Inside double quotes a backslash means something before these only.
_ESCAPED: Final = '"\\'
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-*?~")


class Word(NamedTuple):
    """A word: its text without quotes, where it begins and ends, and the quote that it lacks, if any."""

    text: str
    start: int
    end: int
    open_quote: str = ""


def split(line: str) -> list[Word]:
    """Return the words of a line.

    Quotes and backslashes work as in a POSIX shell; there are no comments and no variables. Only the last
    word can lack its closing quote (or, for a backslash at the very end, the character that it escapes).
    """
    words: list[Word] = []
    place = 0
    while place < len(line):
        if line[place] in _SPACE:
            place += 1
        else:
            word = _word(line, place)
            words.append(word)
            place = word.end
    return words


def _word(line: str, start: int) -> Word:
    text: list[str] = []
    quote = ""
    place = start
    while place < len(line):
        character = line[place]
        following = line[place + 1 : place + 2]
        if quote == "'" or (quote and character not in _ESCAPED):
            quote = _unquoted(character, quote, text)
        elif character == "\\":
            if not following:
                return Word("".join(text), start, len(line), "\\")
            text.append(following if not quote or following in _ESCAPED else character + following)
            place += 1
        elif character == quote:
            quote = ""
        elif character in "'\"":
            quote = character
        elif character in _SPACE:
            break
        else:
            text.append(character)
        place += 1
    return Word("".join(text), start, place, quote)


def _unquoted(character: str, quote: str, text: list[str]) -> str:
    """Take a character that stands inside quotes and return the quote that is open after it."""
    if character == quote:
        return ""
    text.append(character)
    return quote


def quote(text: str) -> str:
    """Return `text` written so that `split` reads it as one word."""
    if text and _SAFE.issuperset(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def unquote(text: str) -> str:
    """Return what `text` says when it is one quoted word, else `text` itself."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        words = split(text)
        if len(words) == 1 and not words[0].open_quote:
            return words[0].text
    return text
