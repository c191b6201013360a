"""Filters as SQL: conditions that every event that fits fulfils, and what an index can find first.

No text of a filter becomes SQL: values are parameters. Where SQL cannot say exactly what a filter means, its
condition lets more events through, and `Plan.exact` is False: `filter.match.matcher` then decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from workbench.app.events.event import Event
from workbench.app.events.filter.match import matcher
from workbench.app.events.filter.syntax import (
    All,
    AnyOf,
    Compare,
    Filter,
    Name,
    Not,
    Operator,
    Value,
)
from workbench.app.events.filter.times import resolve_time
from workbench.app.events.filter.words import search_words
from workbench.app.events.rows import microseconds

ODD: Final = "\ue000"
"""The word in the text index of every event whose words it may see otherwise than the filters do."""
WIDE: Final = "\ue001"
"""The word in the text index of every event with other characters than ASCII."""

NAME_IS_ONE_OF: Final = "name IN (SELECT value FROM json_each(?))"
"""The condition that an event has one of the names in a JSON list."""

_LAST: Final = 2**63 - 1
# SQLite bounds how deep a condition is, and each further part of a long one is a level.
_MOST_PARTS: Final = 200
_MOST_WORDS: Final = 16
_TINY: Final = 1e-300
_HUGE: Final = 1e300
_SOMEWHERE: Final = "(payload LIKE ? ESCAPE '\\' OR name LIKE ? ESCAPE '\\')"
# What is contained in a text with other characters than ASCII is not for SQL to decide: it knows the case of
# ASCII letters only.
_WIDE: Final = "length({0}) <> length(CAST({0} AS BLOB))"
_WIDE_NAME: Final = _WIDE.format("name")
_WIDE_PAYLOAD: Final = _WIDE.format("payload")
# SQLite ends a text at an escaped NUL.
_HAS_NUL: Final = "instr(payload, '\\u0000')"
_COLUMNS: Final = {
    "name": "name",
    "source": "source",
    "session": "session_id",
    "turn": "correlation_id",
    "id": "id",
    "cause": "parent_id",
    "language": "language",
}
_ORDERS: Final[dict[Operator, str]] = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "="}
_OPPOSITES: Final[dict[Operator, Operator]] = {"!=": "==", "!~": "~"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the database finds what a filter wants.

    Args:
        where: an SQL condition that holds for every event that fits.
        values: its parameters.
        exact: whether it holds for no other event.
        index: the index of `events` to go through, None to go through the table.
        covered: whether that index alone decides, so that no row is read.
        names: the names that may fit, as a JSON list, where only some may.
        words: what the text index finds first (an FTS5 query), None when it is of no use.
        first: smallest number that may fit.
        last: greatest number that may fit.
    """

    where: str
    values: tuple[Any, ...]
    exact: bool
    index: str | None = None
    covered: bool = False
    names: str | None = None
    words: str | None = None
    first: int = 0
    last: int = _LAST


class _Part(msgspec.Struct, frozen=True):
    sql: str
    values: tuple[Any, ...] = ()
    exact: bool = True


_ANY: Final = _Part("1", (), exact=False)
_TRUE: Final = _Part("1")
_FALSE: Final = _Part("0")


def plan_of(filter_: Filter, names: Sequence[str], now: datetime) -> Plan:
    """Return how to find what fits a filter.

    Args:
        filter_: what is wanted.
        names: every name in the log.
        now: from when spans of time count back.

    Raises:
        EventError: `event.bad_pattern`, a name's pattern that no parser gave.
        ValueError: a time that no parser gave.
    """
    needed = filter_.parts if isinstance(filter_, All) else (filter_,)
    part = _ANY if _size(filter_) > _MOST_PARTS else _condition(filter_, True, names, now)
    first, last = _bounds(needed)
    return Plan(
        where=part.sql,
        values=part.values,
        exact=part.exact,
        index=_index(needed) if part is not _ANY else None,
        covered=_by_name(filter_),
        names=_names(needed, names),
        words=_words(filter_),
        first=first,
        last=last,
    )


def _size(filter_: Filter) -> int:
    match filter_:
        case All(parts) | AnyOf(parts):
            return sum(map(_size, parts))
        case Not(part):
            return _size(part)
        case _:
            return 1


def _by_name(filter_: Filter) -> bool:
    """Tell whether an event's name alone decides, and does not fit always."""
    match filter_:
        case All(parts) | AnyOf(parts):
            return all(map(_by_name, parts))
        case Not(part):
            return _by_name(part)
        case Compare(field):
            return field == ("name",)
        case _:
            return isinstance(filter_, Name) and filter_.pattern != "*"


def _index(needed: Sequence[Filter]) -> str | None:
    """Return the index that finds the fewest events of those that the parts, which all must hold, allow."""
    for field, index in (("turn", "events_correlation"), ("session", "events_session")):
        if any(
            isinstance(part, Compare)
            and (part.field, part.operator) == ((field,), "==")
            and isinstance(part.value, str)
            and _is_storable(part.value)
            for part in needed
        ):
            return index
    return "events_name" if any(map(_by_name, needed)) else None


def _bounds(needed: Sequence[Filter]) -> tuple[int, int]:
    first, last = 0, _LAST
    for part in needed:
        if not isinstance(part, Compare) or part.field != ("seq",) or not _is_seq(part.value):
            continue
        value = int(part.value or 0)
        match part.operator:
            case "==":
                first, last = max(first, value), min(last, value)
            case ">" | ">=":
                first = max(first, value)
            case "<" | "<=":
                last = min(last, value)
    return first, last


# --- conditions ---------------------------------------------------------------------------------------


def _condition(filter_: Filter, wanted: bool, names: Sequence[str], now: datetime) -> _Part:
    """Return the condition that a filter holds, or that it does not."""
    if _by_name(filter_):
        return _of_names(filter_, wanted, names)
    match filter_:
        case Not(part):
            return _condition(part, not wanted, names, now)
        case All(parts) | AnyOf(parts):
            both = isinstance(filter_, All) is wanted
            return _joined([_condition(part, wanted, names, now) for part in parts], both=both)
        case Compare(field, operator, value) if operator in _OPPOSITES:
            return _condition(Compare(field, _OPPOSITES[operator], value), not wanted, names, now)
        case Compare():
            return _compared(filter_, now) if wanted else _negated(_compared(filter_, now))
        case _:
            return _TRUE if wanted else _FALSE


def _of_names(filter_: Filter, wanted: bool, names: Sequence[str]) -> _Part:
    """Return the condition on names, of which the log has few and an index."""
    fits = matcher(filter_)
    chosen = [name for name in names if fits(Event(name=name, source="", id="")) is wanted]
    return _Part(NAME_IS_ONE_OF, (msgspec.json.encode(chosen).decode(),))


def _names(needed: Sequence[Filter], names: Sequence[str]) -> str | None:
    parts = tuple(part for part in needed if _by_name(part))
    return str(_of_names(All(parts), True, names).values[0]) if parts else None


def _joined(parts: Sequence[_Part], *, both: bool) -> _Part:
    return _Part(
        f"({(' AND ' if both else ' OR ').join(part.sql for part in parts)})",
        tuple(value for part in parts for value in part.values),
        all(part.exact for part in parts),
    )


def _negated(part: _Part) -> _Part:
    # A condition that lets more through would, turned round, let too few through. NULL counts as no.
    return _Part(f"NOT coalesce({part.sql}, 0)", part.values) if part.exact else _ANY


def _compared(compare: Compare, now: datetime) -> _Part:
    """Return the condition of a comparison whose operator is no negation."""
    field, value = compare.field[0], compare.value
    if isinstance(value, str) and not _is_storable(value):
        return _ANY
    match field:
        case "seq":
            return _Part(f"seq {_ORDERS[compare.operator]} ?", (value,)) if _is_seq(value) else _ANY
        case "time":
            moment = microseconds(resolve_time(str(value), now))
            return _Part(f"time {_ORDERS[compare.operator]} ?", (moment,))
        case "text":
            return _text(str(value))
        case "payload":
            return _payload(compare.field[1:], compare.operator, value)
        case _:
            return _column(_COLUMNS[field], compare.operator, value)


def _column(column: str, operator: Operator, value: Value) -> _Part:
    if operator == "==":
        if value is None:
            return _Part(f"{column} IS NULL")
        return _Part(f"{column} = ?", (value,)) if isinstance(value, str) else _ANY
    wide = _WIDE.format(column)
    wanted = str(value).casefold()
    if not wanted.isascii():
        return _Part(wide, (), exact=False)
    return _Part(f"({column} LIKE ? ESCAPE '\\' OR {wide})", (_containing(wanted),), exact=False)


def _text(value: str) -> _Part:
    words = search_words(value)
    if words is not None:
        # Words are of ASCII letters, and no case but theirs counts.
        patterns = tuple(_containing(word) for word in words[:_MOST_WORDS] for _ in range(2))
        return _Part(f"({' AND '.join([_SOMEWHERE] * (len(patterns) // 2))})", patterns, exact=False)
    wanted = msgspec.json.encode(value).decode()[1:-1].casefold()
    wide = f"{_WIDE_PAYLOAD} OR {_WIDE_NAME}"
    if not wanted.isascii():
        return _Part(f"({wide})", (), exact=False)
    return _Part(f"({_SOMEWHERE} OR {wide})", (_containing(wanted),) * 2, exact=False)


def _payload(keys: Sequence[str], operator: Operator, value: Value) -> _Part:
    path = _path(keys)
    if path is None:
        return _ANY
    found = "json_extract(payload, ?)"
    if operator == "~":
        return _payload_contains(path, str(value).casefold())
    if value is None:
        # What is missing is null.
        return _Part(f"{found} IS NULL", (path,))
    if isinstance(value, str):
        return _Part(f"{found} = ?", (path, value), exact=False) if "\0" not in value else _ANY
    # SQLite reads numbers less exactly than Python, and true as 1.
    near = abs(value) * 1e-9 + _TINY
    if abs(value) > _HUGE:
        return _ANY
    low, high = float(value) - near, float(value) + near
    match operator:
        case "==":
            return _Part(f"{found} BETWEEN ? AND ?", (path, low, high), exact=False)
        case ">" | ">=":
            return _Part(f"{found} >= ?", (path, low), exact=False)
        case _:
            return _Part(f"{found} <= ?", (path, high), exact=False)


def _payload_contains(path: str, wanted: str) -> _Part:
    if not wanted.isascii():
        return _Part(_WIDE_PAYLOAD, (), exact=False)
    pattern = _containing(wanted)
    other = "json_type(payload, ?) NOT IN ('text', 'null')"
    sql = f"(json_extract(payload, ?) LIKE ? ESCAPE '\\' OR {other} OR {_HAS_NUL})"
    values: tuple[str, ...] = (path, pattern, path)
    if _is_plain(wanted):
        # As the payload stands, it is looked through sooner than its parts are found.
        sql, values = f"payload LIKE ? ESCAPE '\\' AND {sql}", (pattern, *values)
    return _Part(f"({sql} OR {_WIDE_PAYLOAD})", values, exact=False)


def _path(keys: Sequence[str]) -> str | None:
    """Return keys as a path of SQLite's; None for those that JSON escapes, which it does not find."""
    for key in keys:
        if not key or not _is_plain(key) or not _is_storable(key):
            return None
    return "$" + "".join(f'."{key}"' for key in keys)


def _is_plain(text: str) -> bool:
    """Tell whether JSON has the text as it stands."""
    return '"' not in text and "\\" not in text and all(each >= " " for each in text)


def _is_seq(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LAST


def _is_storable(text: str) -> bool:
    """Tell whether SQLite takes a text: it takes no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _containing(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


# --- the text index -----------------------------------------------------------------------------------


def _words(filter_: Filter) -> str | None:
    """Return what the text index must find for a filter to hold; None when it need not find anything."""
    match filter_:
        case All(parts):
            found = [words for words in map(_words, parts) if words is not None]
            return _all_of(found)
        case AnyOf(parts):
            each = [_words(part) for part in parts]
            known = [words for words in each if words is not None]
            return f"({' OR '.join(known)})" if len(known) == len(each) <= _MOST_WORDS else None
        case Compare(("text",), "~", value):
            return _searched(str(value))
        case Compare(("payload", *_), "==", str(value)) if value.isascii() and _is_plain(value):
            # It stands in the payload between quotation marks, so that its words are words there.
            return _all_of([f'"{word}"' for word in search_words(value) or ()])
        case _:
            return None


def _searched(value: str) -> str | None:
    words = search_words(value)
    if words is not None:
        return _all_of([f'("{word}"* OR "{ODD}")' for word in words])
    return None if value.casefold().isascii() else f'"{WIDE}"'


def _all_of(parts: Sequence[str]) -> str | None:
    return f"({' AND '.join(parts[:_MOST_WORDS])})" if parts else None
