"""Reads a filter: `core:tool:* and payload.name == "files" and text ~ "timeout"`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NoReturn, cast

from workbench.app.errors import EventError
from workbench.app.events.filter.atoms import (
    CONDITION,
    MEANT,
    bare_value,
    check_name_pattern,
    field_of,
    is_field,
)
from workbench.app.events.filter.fields import (
    operator_problem,
    operators_of,
    value_problem,
)
from workbench.app.events.filter.syntax import (
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
from workbench.app.events.filter.tokens import Token, problem, tokens

LONGEST: Final = 4_000
DEEPEST: Final = 32
SPANS: Final[dict[str, Operator]] = {"since": ">=", "until": "<"}
"""The words that stand for a comparison with the time."""
RESERVED: Final = frozenset({"and", "or", "not", *SPANS})
"""Words of the language, which are no names and need quotation marks as values."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK: Final = re.compile(r"[0-9]{2}:[0-9]{2}[0-9:.+\-Z]*")
_HINTS: Final = {
    CONDITION: 'Write a name (core:chat:*), a comparison (payload.worker == "llm") or "some words".',
    ("a value",): 'Write a word, a number, or a text in quotation marks: "…".',
    ("a time",): TIME_HINT,
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
        if self._peek().kind == "end":
            return Everything()
        found = self._any_of()
        if self._peek().kind == ")":
            raise problem(
                "no parenthesis was opened for this one",
                "Take it away, or write ( where its part begins.",
                self._peek().start,
                1,
                ["and", "or", "the end"],
            )
        if self._peek().kind != "end":
            self._refuse(("and", "or", "the end"))
        return found

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _take_keyword(self, word: str) -> bool:
        if self._peek().keyword != word:
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
        kind = self._peek().kind
        return kind in ("string", "(") or (kind == "word" and self._peek().keyword != "or")

    def _not(self) -> Filter:
        if self._peek().keyword != "not":
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
        token = self._peek()
        if token.kind == "(":
            return self._group()
        if token.kind == "string":
            self._take()
            return Compare(("text",), "~", token.value)
        if token.kind != "word" or token.keyword in ("and", "or"):
            self._refuse(CONDITION)
        self._take()
        if token.keyword in SPANS:
            return Compare(("time",), SPANS[token.keyword], self._value("time", SPANS[token.keyword]))
        if self._peek().kind in ("operator", "wrong"):
            return self._comparison(token)
        return self._name(token)

    def _group(self) -> Filter:
        opened = self._take()
        self._enter(opened)
        found = self._any_of()
        if self._peek().kind != ")":
            self._refuse(("and", "or", ")"), f"Write ) for the ( at character {opened.start + 1}.")
        self._take()
        self._depth -= 1
        return found

    def _name(self, token: Token) -> Filter:
        if is_field(token.text):
            field = token.text.partition(".")[0]
            self._refuse(operators_of(field), f"Compare the field {field} with a value: {_example(field)}.")
        check_name_pattern(token)
        return Everything() if token.text == "*" else Name(token.text)

    def _comparison(self, word: Token) -> Filter:
        sign = self._peek()
        if sign.text == "!" and not is_field(word.text):
            self._refuse(("and", "or", "the end"))
        field = field_of(word)
        if sign.kind != "operator":
            self._refuse(operators_of(field[0]), f"Write {sign.text}= instead.")
        self._take()
        operator = cast("Operator", sign.text)
        if wrong := operator_problem(field[0], operator):
            raise problem(*wrong, sign.start, len(sign.text), operators_of(field[0]))
        return Compare(field, operator, self._value(field[0], operator))

    def _value(self, field: str, operator: Operator) -> Value:
        """Read the value that a field is compared with."""
        expected = "a time" if field == "time" else "a value"
        token = self._peek()
        if token.kind not in ("word", "string") or token.keyword in RESERVED:
            self._refuse((expected,))
        self._take()
        value = token.value if token.kind == "string" else bare_value(token.text, field, operator)
        if field == "time" and self._continues_date(token):
            value = f"{value}T{self._take().text}"
        if wrong := value_problem(field, operator, value):
            raise problem(*wrong, token.start, len(token.text), [expected])
        return value

    def _continues_date(self, token: Token) -> bool:
        """Tell whether a date is followed by a time of day, with a space between as people write it."""
        following = self._peek()
        return (
            token.kind == following.kind == "word"
            and _DATE.fullmatch(token.text) is not None
            and _CLOCK.fullmatch(following.text) is not None
        )

    def _refuse(self, expected: tuple[str, ...], hint: str = "") -> NoReturn:
        """Raise for the next token, which is none of what may stand there."""
        token, wanted = self._peek(), _listed(expected)
        found = "it ends" if token.kind == "end" else f"{token.shown()} stands"
        what_to_do = _HINTS.get(expected, f"Write {wanted} here.")
        raise problem(
            f"{found} where {wanted} is expected",
            hint or _other_word(token) or _reserved_word(token) or what_to_do,
            token.start,
            len(token.text),
            expected,
        )


def _other_word(token: Token) -> str:
    """Return what to do about a sign of another language; empty for every other token."""
    return f"Write {MEANT[token.text]} instead." if token.text in MEANT else ""


def _reserved_word(token: Token) -> str:
    """Return what to do about a word of the language where none can stand; empty for every other token."""
    if token.keyword not in RESERVED:
        return ""
    return f'It is a word of the language; as a text it needs quotation marks: "{token.text}".'


def _joined(kind: type[All] | type[AnyOf], parts: list[Filter]) -> Filter:
    """Return the parts as one filter; a part of the same kind gives its own parts."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Filter] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return kind(tuple(flat))


def _listed(expected: tuple[str, ...]) -> str:
    """Return what may stand somewhere as a sentence names it."""
    if expected == CONDITION:
        return "a condition"
    words = [word if " " in word else f"'{word}'" for word in expected]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _example(field: str) -> str:
    examples = {"seq": "seq > 100", "time": "time >= 10m", "text": 'text ~ "timeout"'}
    return examples.get(field, f'{"payload.worker" if field == "payload" else field} == "…"')


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
