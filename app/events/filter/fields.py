"""What may be asked of each field: its operators, and the values that they take."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

from workbench.app.events.filter.syntax import FIELDS, Operator, Value
from workbench.app.events.filter.times import TIME_HINT, resolve_time

EQUALITY: Final[tuple[Operator, ...]] = ("==", "!=")
ORDER: Final[tuple[Operator, ...]] = ("<", "<=", ">", ">=")
CONTAINS: Final[tuple[Operator, ...]] = ("~", "!~")
OPERATOR_HELP: Final[dict[Operator, str]] = {
    "==": "is",
    "!=": "is not",
    "<": "is less or earlier than",
    "<=": "is at most, or not later than",
    ">": "is more or later than",
    ">=": "is at least, or not earlier than",
    "~": "contains",
    "!~": "does not contain",
}
"""Every operator with what it means."""

_OPERATORS: Final[dict[str, tuple[Operator, ...]]] = {
    "seq": EQUALITY + ORDER,
    "time": ORDER + EQUALITY,
    "text": CONTAINS,
    "payload": EQUALITY + CONTAINS + ORDER,
}
_TEXTS: Final[tuple[Operator, ...]] = EQUALITY + CONTAINS
_LARGEST_SEQ: Final = 2**63 - 1
_SMALLEST_WHOLE: Final = -(2**63)
_LARGEST_WHOLE: Final = 2**64 - 1

WORDED: Final = frozenset(FIELDS) - {"seq", "payload"}
"""Fields whose values are texts: what is written for them is taken as text, also where it is a number."""


def operators_of(field: str) -> tuple[Operator, ...]:
    """Return the operators that a field can be asked with, the likeliest first."""
    return _OPERATORS.get(field, _TEXTS)


def operator_problem(field: str, operator: Operator) -> tuple[str, str] | None:
    """Return what is wrong with asking a field by an operator, and what to do; None when it can be asked."""
    allowed = operators_of(field)
    if operator in allowed:
        return None
    if field == "text":
        return "the text is searched by its words only", 'Write text ~ "words" or text !~ "words".'
    if operator in ORDER:
        return (
            f"{field} has no order",
            f"Compare {field} by {' '.join(allowed)}; numbers and times have an order.",
        )
    return f"{field} is no text to search in", f"Compare {field} by {' '.join(allowed)}."


def value_problem(field: str, operator: Operator, value: Value) -> tuple[str, str] | None:
    """Return what is wrong with a value, and what to do; None when the field can be compared with it."""
    if field == "time":
        return _time_problem(value)
    if field == "seq":
        return _seq_problem(value)
    if operator in CONTAINS and not isinstance(value, str):
        return f"{operator} looks for a text", 'Write a text: "404".'
    if field == "payload":
        return _payload_problem(operator, value)
    if field == "name" and operator in EQUALITY and isinstance(value, str) and "*" in value:
        return "no event's name has a star", "Write a pattern by itself: core:chat:* or not core:chat:*."
    return None


def _time_problem(value: Value) -> tuple[str, str] | None:
    try:
        resolve_time(str(value), datetime.now(UTC))
    except ValueError:
        return "this is no time", TIME_HINT
    return None


def _seq_problem(value: Value) -> tuple[str, str] | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_SEQ:
        return "this is no number of an event", "Write a whole number: seq >= 1000."
    return None


def _payload_problem(operator: Operator, value: Value) -> tuple[str, str] | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if operator in ORDER and not is_number:
        return f"{operator} compares numbers", "Write a number, or compare by == != ~ !~."
    if isinstance(value, float) and not math.isfinite(value):
        return "this number is too large", "Write a number with fewer digits."
    if isinstance(value, int) and not _SMALLEST_WHOLE <= value <= _LARGEST_WHOLE:
        return "this number is too large", "Write it with a point, as 1e30, or as text in quotation marks."
    return None
