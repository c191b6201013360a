"""Writes filters in the one form that `parse_filter` reads back as the same filter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, assert_never

from workbench.app.events.filter.parse import RESERVED
from workbench.app.events.filter.syntax import (
    FIELDS,
    All,
    AnyOf,
    Compare,
    Everything,
    Filter,
    Name,
    Not,
    Value,
)

_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_\-]+")
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def format_filter(filter_: Filter) -> str:
    """Return a filter as text.

    `parse_filter` gives the same filter for it, where it could have given the filter at all: conjunctions
    within conjunctions come back as one, and a name pattern that is a word of the language (`and`,
    `session`) as a comparison of the name.
    """
    match filter_:
        case Everything():
            return "*"
        case Name(pattern):
            return f'name == "{pattern}"' if pattern in RESERVED or pattern in FIELDS else pattern
        case Compare():
            return _comparison(filter_)
        case Not(part):
            return f"not {_grouped(part)}" if isinstance(part, All | AnyOf) else f"not {format_filter(part)}"
        case All(parts):
            return " and ".join(
                _grouped(part) if isinstance(part, AnyOf) else format_filter(part) for part in parts
            )
        case AnyOf(parts):
            return " or ".join(format_filter(part) for part in parts)
        case _:
            assert_never(filter_)


def quoted(text: str) -> str:
    """Return a text in quotation marks, with escapes for what no terminal shows."""
    return f'"{"".join(map(_character, text))}"'


def format_field(field: Sequence[str]) -> str:
    """Return a field with the keys that follow it, in quotation marks where they need them."""
    keys = [key if _PLAIN_KEY.fullmatch(key) else quoted(key) for key in field[1:]]
    return ".".join([field[0], *keys])


def _grouped(filter_: Filter) -> str:
    return f"({format_filter(filter_)})"


def _comparison(compare: Compare) -> str:
    return f"{format_field(compare.field)} {compare.operator} {_value(compare.value)}"


def _value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


def _character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
