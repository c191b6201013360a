"""The smallest parts of a filter: what one word of it stands for as a field, a name pattern or a value."""

from __future__ import annotations

import difflib
import re
from typing import Final

from workbench.app.errors import EventError
from workbench.app.events.filter.fields import CONTAINS, WORDED
from workbench.app.events.filter.syntax import FIELDS, Operator, Value
from workbench.app.events.filter.tokens import Token, problem, string_at

CONDITION: Final = ("an event name", "a field", "a quoted text", "since", "until", "not", "(")
"""What a condition can begin with."""
MEANT: Final = {"&": "and", "&&": "and", "|": "or", "||": "or", "!": "not", "=": "=="}
"""Signs of other languages, with what stands for them here."""

_SEGMENT: Final = re.compile(r"\*|[a-z0-9_.\-]+")
_SEGMENT_START: Final = re.compile(r"[a-z0-9_.\-]*")
_KEY: Final = re.compile(r'[^."]+')
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LITERALS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None}


def bare_value(text: str, field: str, operator: Operator) -> Value:
    """Return what a word without quotation marks stands for as a value of a field."""
    if operator in CONTAINS or field == "time":
        return text
    if text == "null":
        return None
    if field in WORDED:
        return text
    if text in _LITERALS:
        return _LITERALS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    return float(text) if number.group(2) or number.group(3) else int(text)


def is_field(word: str) -> bool:
    """Tell whether a word is a field, or begins like a path in the payload."""
    return word in FIELDS or word.startswith("payload.")


def field_of(word: Token) -> tuple[str, ...]:
    """Return the field that a word names, with the keys of a payload path.

    Raises:
        EventError: `event.bad_filter`, there is no such field.
    """
    if word.text in FIELDS and word.text != "payload":
        return (word.text,)
    head, _, keys = word.text.partition(".")
    if head == "payload":
        return ("payload", *_keys(word, len("payload.")))
    raise problem(
        f"there is no field {word.shown()}",
        f"{_nearest(head, keys)}The fields are {', '.join(FIELDS)}; what a payload holds is payload.KEY.",
        word.start,
        len(word.text),
        [*FIELDS],
    )


def check_name_pattern(word: Token) -> None:
    """Raise `EventError` (`event.bad_filter`) at the first character that no name pattern can have there."""
    if word.text in MEANT:
        hint = f"Write {MEANT[word.text]} instead."
        raise problem(f"{word.shown()} is no event name", hint, word.start, len(word.text), CONDITION)
    at = word.start
    for segment in word.text.split(":"):
        if _SEGMENT.fullmatch(segment) is None:
            raise _bad_segment(word, segment, at)
        at += len(segment) + 1


def _nearest(head: str, keys: str) -> str:
    """Return a sentence that offers what may have been meant by an unknown field; empty when nothing is."""
    if ":" in head or "*" in head:
        return "The pattern of a name stands by itself: core:chat:* and source == chat. "
    near = difflib.get_close_matches(head.lower(), FIELDS, n=1)
    if near and not (keys and near[0] != "payload"):
        return f"Did you mean {near[0]}{'.' if keys else ''}{keys}? "
    return f"Did you mean payload.{head}? " if _IDENTIFIER.fullmatch(head) and not keys else ""


def _keys(word: Token, at: int) -> list[str]:
    """Return the keys of a payload path; a key in quotation marks may hold anything.

    Args:
        word: the whole path.
        at: where in the word the first key begins.
    """
    keys = []
    while True:
        key, at = _key(word, at)
        keys.append(key)
        if at == len(word.text):
            return keys
        if word.text[at] != ".":
            raise _no_key(word.start + at)
        at += 1


def _key(word: Token, at: int) -> tuple[str, int]:
    """Read the key at a place in a payload path; return it and where it has ended."""
    if word.text.startswith('"', at):
        token = string_at(word.text, at)
        return token.value, token.end
    match = _KEY.match(word.text, at)
    if match is None:
        raise _no_key(word.start + min(at, len(word.text)))
    return match.group(), match.end()


def _no_key(at: int) -> EventError:
    return problem(
        "a key of the payload is missing here",
        'Write keys joined by points: payload.usage.tokens or payload."a key".',
        at,
        0,
        ["a key"],
    )


def _bad_segment(word: Token, segment: str, at: int) -> EventError:
    good = _SEGMENT_START.match(segment)
    return problem(
        f"{word.shown()} is no event name" if segment else "a part of the event name is missing here",
        'Write small letters joined by colons, as core:chat:*, or a text in quotation marks: "…".',
        at + (good.end() if good else 0),
        1 if segment else 0,
        ["a part of an event name", "*"],
    )
