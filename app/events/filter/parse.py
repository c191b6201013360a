"""Reads a filter: `core:tool:* and payload.name == "files" and text ~ "timeout"`."""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Final, NoReturn, cast

from workbench.app.errors import EventError
from workbench.app.events.filter.fields import (
    CONTAINS,
    WORDED,
    operator_problem,
    operators_of,
    value_problem,
)
from workbench.app.events.filter.syntax import (
    FIELDS,
    All,
    AnyOf,
    Compare,
    Everything,
    Filter,
    Name,
    Not,
    Operator,
    Value,
)
from workbench.app.events.filter.times import TIME_HINT
from workbench.app.events.filter.tokens import Token, problem, string_at, tokens

LONGEST: Final = 4_000
DEEPEST: Final = 32
SPANS: Final[dict[str, Operator]] = {"since": ">=", "until": "<"}
"""The words that stand for a comparison with the time."""
RESERVED: Final = frozenset({"and", "or", "not", *SPANS})
"""Words of the language, which are no names and need quotation marks as values."""

_SEGMENT: Final = re.compile(r"\*|[a-z0-9_.\-]+")
_SEGMENT_START: Final = re.compile(r"[a-z0-9_.\-]*")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_LITERALS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}[0-9:.+\-Z]*")
_ATOM: Final = ("an event name", "a field", "a quoted text", "since", "until", "not", "(")
_OTHER_WORDS: Final = {
    "&": "and",
    "&&": "and",
    "|": "or",
    "||": "or",
    "!": "not",
    "=": "==",
}


def parse_filter(text: str) -> Filter:
    """Read a filter.

    Args:
        text: what a person wrote; nothing at all fits every event.

    Returns:
        The filter, with nested conjunctions and disjunctions of a kind made one.

    Raises:
        EventError: `event.bad_filter`, with `position`, `length` and `expected` in its details.
    """
    if len(text) > LONGEST:
        raise problem(
            f"it has {len(text):,} characters, and {LONGEST:,} are the most",
            "Write a shorter filter.",
            LONGEST,
            len(text) - LONGEST,
        )
    return _Parser(text).whole()


class _Parser:
    """One reading of one text: the tokens, the next one's place, and how deep the reading has gone."""

    def __init__(self, text: str) -> None:
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Filter:
        if self._token.kind == "end":
            return Everything()
        found = self._any_of()
        if self._token.kind == ")":
            raise problem(
                "no parenthesis was opened for this one",
                "Take it away, or write ( where its part begins.",
                self._token.start,
                1,
                ["and", "or", "the end"],
            )
        if self._token.kind != "end":
            self._refuse(("and", "or", "the end"))
        return found

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _take_keyword(self, word: str) -> bool:
        if self._token.keyword != word:
            return False
        self._next += 1
        return True

    def _any_of(self) -> Filter:
        parts = [self._all()]
        while self._take_keyword("or"):
            parts.append(self._all())
        return _joined(AnyOf, parts)

    def _all(self) -> Filter:
        parts = [self._not()]
        while self._take_keyword("and") or self._begins_atom():
            parts.append(self._not())
        return _joined(All, parts)

    def _begins_atom(self) -> bool:
        kind = self._token.kind
        return kind in ("string", "(") or (kind == "word" and self._token.keyword != "or")

    def _not(self) -> Filter:
        if self._token.keyword != "not":
            return self._atom()
        self._enter(self._take())
        found = Not(self._not())
        self._depth -= 1
        return found

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise problem(
                f"more than {DEEPEST} parts stand one within the other",
                "Write it with fewer parentheses and nots.",
                token.start,
                len(token.text),
            )

    def _atom(self) -> Filter:
        token = self._token
        if token.kind == "(":
            return self._group()
        if token.kind == "string":
            self._take()
            return Compare(("text",), "~", token.value)
        if token.kind != "word" or token.keyword in ("and", "or"):
            self._refuse(_ATOM)
        self._take()
        if token.keyword in SPANS:
            return Compare(("time",), SPANS[token.keyword], self._value("time", SPANS[token.keyword]))
        if self._token.kind in ("operator", "wrong"):
            return self._comparison(token)
        return self._name(token)

    def _group(self) -> Filter:
        opened = self._take()
        self._enter(opened)
        found = self._any_of()
        if self._token.kind != ")":
            self._refuse(("and", "or", ")"), f"Write ) for the ( at character {opened.start + 1}.")
        self._take()
        self._depth -= 1
        return found

    def _name(self, token: Token) -> Filter:
        if token.text in FIELDS or token.text.startswith("payload."):
            field = token.text.partition(".")[0]
            self._refuse(operators_of(field), f"Compare the field {field} with a value: {_example(field)}.")
        _check_pattern(token)
        return Everything() if token.text == "*" else Name(token.text)

    def _comparison(self, word: Token) -> Filter:
        field = _field(word)
        sign = self._token
        if sign.kind != "operator":
            self._refuse(operators_of(field[0]))
        self._take()
        operator = cast("Operator", sign.text)
        if wrong := operator_problem(field[0], operator):
            raise problem(*wrong, sign.start, len(sign.text), operators_of(field[0]))
        return Compare(field, operator, self._value(field[0], operator))

    def _value(self, field: str, operator: Operator) -> Value:
        """Read the value that a field is compared with."""
        expected = "a time" if field == "time" else "a value"
        token = self._token
        if token.kind not in ("word", "string") or token.keyword in RESERVED:
            self._refuse((expected,), TIME_HINT if field == "time" else "")
        self._take()
        value = token.value if token.kind == "string" else _bare_value(token.text, field, operator)
        if field == "time" and self._continues_date(token):
            value = f"{value}T{self._take().text}"
        if wrong := value_problem(field, operator, value):
            raise problem(*wrong, token.start, len(token.text), [expected])
        return value

    def _continues_date(self, token: Token) -> bool:
        """Tell whether a date is followed by a time of day, with a space between as people write it."""
        following = self._token
        return (
            token.kind == following.kind == "word"
            and _DATE.fullmatch(token.text) is not None
            and _CLOCK.fullmatch(following.text) is not None
        )

    def _refuse(self, expected: tuple[str, ...], hint: str = "") -> NoReturn:
        token = self._token
        listed = _listed(expected)
        found = "it ends" if token.kind == "end" else f"{token.shown()} stands"
        meant = _OTHER_WORDS.get(token.text)
        if meant and token.kind in ("word", "wrong"):
            hint = f"Write {meant} instead."
        elif token.keyword in RESERVED and not hint:
            hint = f'It is a word of the language; as a text it needs quotation marks: "{token.text}".'
        raise problem(
            f"{found} where {listed} is expected",
            hint or f"Write {listed} here.",
            token.start,
            len(token.text),
            expected,
        )


def _joined(kind: type[All] | type[AnyOf], parts: list[Filter]) -> Filter:
    """Return the parts as one filter; a part of the same kind gives its own parts."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Filter] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return kind(tuple(flat))


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _example(field: str) -> str:
    examples = {"seq": "seq > 100", "time": "time >= 10m", "text": 'text ~ "timeout"'}
    return examples.get(field, f'{"payload.worker" if field == "payload" else field} == "…"')


def _bare_value(text: str, field: str, operator: Operator) -> Value:
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


def _field(word: Token) -> tuple[str, ...]:
    """Return the field that a word names, with the keys of a payload path."""
    if word.text in FIELDS and word.text != "payload":
        return (word.text,)
    head, dot, _ = word.text.partition(".")
    if head == "payload":
        return _path(word, word.start + len(head) + len(dot))
    near = difflib.get_close_matches(word.text.lower(), [*FIELDS], n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise problem(
        f"there is no field {word.shown()}",
        f"{hint}The fields are {', '.join(FIELDS)}; what a payload holds is payload.KEY.",
        word.start,
        len(word.text),
        [*FIELDS],
    )


def _path(word: Token, at: int) -> tuple[str, ...]:
    """Return the keys after `payload.`; a key in quotation marks may hold anything.

    Args:
        word: the whole path as a token.
        at: where in the filter the first key begins.
    """
    keys, rest = ["payload"], at - word.start
    while True:
        if word.text[rest : rest + 1] == '"':
            token = string_at(word.text, rest)
            key, rest = token.value, token.end
        else:
            key = re.compile(r'[^."]*').match(word.text, rest).group()  # type: ignore[union-attr]
            rest += len(key)
            if not key:
                raise _no_key(word.start + min(rest, len(word.text)))
        keys.append(key)
        if rest == len(word.text):
            return tuple(keys)
        if word.text[rest] != ".":
            raise _no_key(word.start + rest)
        rest += 1


def _no_key(at: int) -> EventError:
    return problem(
        "a key of the payload is missing here",
        'Write keys joined by points: payload.usage.tokens or payload."a key".',
        at,
        0,
        ["a key"],
    )


def _check_pattern(token: Token) -> None:
    """Raise at the first character that no name pattern can have there."""
    at = token.start
    if token.text in _OTHER_WORDS:
        raise problem(
            f"{token.shown()} is no event name",
            f"Write {_OTHER_WORDS[token.text]} instead.",
            at,
            len(token.text),
            _ATOM,
        )
    for segment in token.text.split(":"):
        if _SEGMENT.fullmatch(segment) is None:
            good = _SEGMENT_START.match(segment)
            wrong = good.end() if good else 0
            raise problem(
                f"{token.shown()} is no event name"
                if segment
                else "a part of the event name is missing here",
                'Write small letters joined by colons, as core:chat:*, or a text in quotation marks: "…".',
                at + wrong,
                1 if segment else 0,
                ["a part of an event name", "*"],
            )
        at += len(segment) + 1


def point_at(text: str, error: EventError, width: int = 76) -> list[str]:
    """Return the filter and, below it, carets under what is wrong with it.

    Args:
        text: the filter.
        error: what `parse_filter` raised for it.
        width: terminal cells that both lines may take; what is cut shows as `…`.
    """
    position, length = int(error.details.get("position", 0)), int(error.details.get("length", 0))
    cells = [_visible(character) for character in text]
    first, last = _window([_cells(cell) for cell in cells], position, width)
    before = "…" if first else ""
    shown = before + "".join(cells[first:last]) + ("…" if last < len(cells) else "")
    indent = len(before) + sum(map(_cells, cells[first:position]))
    marked = sum(map(_cells, cells[position : min(position + length, last)]))
    return [shown, " " * indent + "^" * max(1, marked)]


def _window(cells: list[int], position: int, width: int) -> tuple[int, int]:
    """Return the first and the end of the characters that are shown, `position` within.

    Args:
        cells: how many cells each character takes.
        position: the character that must be seen.
        width: cells that there are, the marks of what is cut included.
    """
    room = max(width, 8) - 3
    if sum(cells) <= room:
        return 0, len(cells)
    first = position
    while first > 0 and sum(cells[first - 1 : position]) <= room * 2 // 3:
        first -= 1
    last = first
    while last < len(cells) and sum(cells[first : last + 1]) <= room:
        last += 1
    return first, last


def _visible(character: str) -> str:
    """Return one character that a terminal shows and does not act on."""
    if character.isprintable() or unicodedata.combining(character):
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
