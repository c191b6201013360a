"""The words of an event: what a search in its text looks at.

A word is a run of letters and digits; everything else parts words, underscores and the escapes of JSON too
(in the payload as it is stored, the n that stands for a line end would be a letter of the word after it). So
SQLite's full-text search with its tokenizer `unicode61` finds in `searchable(name, payload)` at least every
event that `text_finder` finds. It may find more, so what an index gives is checked with `text_finder`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

import msgspec

_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SIGN: Final = re.compile(r"[^\w\x00-\x7f]")
_WORD: Final = re.compile(r"[0-9a-z]+")
# All else makes words: letters, digits, accents, and what has no meaning yet or a private one.
_PARTS_WORDS: Final = frozenset({"P", "S", "Z"})
_CONTROLS: Final = frozenset({"Cc", "Cf"})


def searchable(name: str, payload: str) -> str:
    """Return the text whose words are searched.

    Args:
        name: the event's name.
        payload: the event's payload as JSON.
    """
    text = f"{name}\n{_ESCAPE.sub(' ', payload) if chr(92) in payload else payload}"
    return text if text.isascii() else _SIGN.sub(_spaced, text)


def search_words(value: str) -> tuple[str, ...] | None:
    """Return the words, in small letters, that must all begin a word of a text for it to fit a search.

    Args:
        value: what is searched.

    Returns:
        None where words do not do: there are none, or there are letters other than ASCII ones; then the value
        as a whole must be contained, and no index of words helps.
    """
    if not value.isascii() and any(ord(each) > 127 and _is_of_word(each) for each in value):
        return None
    return tuple(dict.fromkeys(_WORD.findall(value.lower()))) or None


def text_finder(value: str) -> Callable[[str, str], bool]:
    """Return a function that tells whether an event fits a search.

    Args:
        value: what is searched.

    Returns:
        A function of the event's name and its payload as JSON.
    """
    words = search_words(value)
    if words is None:
        return _whole_finder(value)
    expressions = [re.compile(f"(?<![0-9A-Za-z]){word}", re.ASCII | re.IGNORECASE) for word in words]

    def finds(name: str, payload: str) -> bool:
        text = searchable(name, payload)
        return all(_begins_word(expression, text) for expression in expressions)

    return finds


def _begins_word(expression: re.Pattern[str], text: str) -> bool:
    if text.isascii():
        return expression.search(text) is not None
    for match in expression.finditer(text):
        if match.start() == 0 or not _is_of_word(text[match.start() - 1]):
            return True
    return False


def _spaced(sign: re.Match[str]) -> str:
    """Return a space for a sign: SQLite takes those younger than its tables, as most emoji, for letters."""
    return sign.group() if _is_of_word(sign.group()) else " "


def _is_of_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] not in _PARTS_WORDS and category not in _CONTROLS


def _whole_finder(value: str) -> Callable[[str, str], bool]:
    # As JSON writes it: what is searched is the payload as JSON.
    wanted = msgspec.json.encode(value).decode()[1:-1].casefold()
    return lambda name, payload: wanted in name.casefold() or wanted in payload.casefold()
