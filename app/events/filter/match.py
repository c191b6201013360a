"""Asks single events whether they fit a filter."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, assert_never

import msgspec

from workbench.app.events.event import UNENCODABLE, Event, plain
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
from workbench.app.events.filter.times import resolve_time
from workbench.app.events.filter.words import text_finder
from workbench.app.events.patterns import name_matcher

Test = Callable[[Event], bool]

_ATTRIBUTES: Final = {
    "name": "name",
    "source": "source",
    "session": "session_id",
    "turn": "correlation_id",
    "id": "id",
    "cause": "parent_id",
    "language": "language",
}
_ORDERS: Final[dict[Operator, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPPOSITES: Final[dict[Operator, Operator]] = {"!=": "==", "!~": "~"}
_MOST_NAMES: Final = 4_096

_encode = msgspec.json.Encoder().encode


def matcher(filter_: Filter, now: datetime | None = None) -> Test:
    """Return a function that tells whether an event fits a filter.

    Args:
        filter_: the filter.
        now: from when the spans of the filter (`10m`) count back; None for the present moment.

    Raises:
        EventError: `event.bad_pattern`, a name's pattern that no parser gave.
        ValueError: a time that no parser gave.
    """
    return _compiled(filter_, now or datetime.now(UTC))[1]


def payload_json(event: Event) -> str:
    """Return an event's payload as the log keeps it; what JSON cannot carry is described by text."""
    try:
        return _encode(event.payload).decode()
    except UNENCODABLE:
        return _encode(plain(event.payload)).decode()


class _ByName(dict[str, bool]):
    """Which names fit, found out once for each."""

    def __init__(self, fits: Callable[[str], bool]) -> None:
        super().__init__()
        self._fits = fits

    def __missing__(self, name: str) -> bool:
        if len(self) >= _MOST_NAMES:
            self.clear()
        self[name] = fits = self._fits(name)
        return fits


def _compiled(filter_: Filter, now: datetime) -> tuple[int, Test]:
    """Return how dear the test is, from 0, and the test."""
    if (by_name := _name_test(filter_)) is not None:
        known = _ByName(by_name)
        return 0, lambda event: known[event.name]
    match filter_:
        case Not(part):
            cost, test = _compiled(part, now)
            return cost, lambda event: not test(event)
        case All(parts):
            return _conjunction(parts, now)
        case AnyOf(parts):
            return _disjunction(parts, now)
        case Compare():
            return _comparison(filter_, now)
        case Everything() | Name():
            raise AssertionError("decided by the name alone")
        case _:
            assert_never(filter_)


def _name_test(filter_: Filter) -> Callable[[str], bool] | None:
    """Return the filter as a test of the name alone, or None when it asks for more than the name."""
    match filter_:
        case Everything():
            return lambda _name: True
        case Name(pattern):
            return name_matcher(pattern)
        case Compare(("name",), sign, value):
            return _text_test(sign, value)
        case Not(part):
            test = _name_test(part)
            return None if test is None else lambda name: not test(name)
        case All(parts) | AnyOf(parts):
            tests = [_name_test(part) for part in parts]
            if None in tests:
                return None
            join = all if isinstance(filter_, All) else any
            return lambda name: join(test(name) for test in tests if test is not None)
        case _:
            return None


def _ordered(parts: Sequence[Filter], now: datetime) -> tuple[int, list[Test]]:
    """Return the tests of the parts, the cheapest first, and what the dearest costs."""
    compiled = sorted((_compiled(part, now) for part in parts), key=lambda pair: pair[0])
    return max((cost for cost, _ in compiled), default=0), [test for _, test in compiled]


def _conjunction(parts: Sequence[Filter], now: datetime) -> tuple[int, Test]:
    cost, tests = _ordered(parts, now)
    if len(tests) == 2:
        first, second = tests
        return cost, lambda event: first(event) and second(event)
    return cost, lambda event: all(test(event) for test in tests)


def _disjunction(parts: Sequence[Filter], now: datetime) -> tuple[int, Test]:
    cost, tests = _ordered(parts, now)
    if len(tests) == 2:
        first, second = tests
        return cost, lambda event: first(event) or second(event)
    return cost, lambda event: any(test(event) for test in tests)


def _comparison(compare: Compare, now: datetime) -> tuple[int, Test]:
    if compare.operator in _OPPOSITES:
        positive = msgspec.structs.replace(compare, operator=_OPPOSITES[compare.operator])
        cost, test = _comparison(positive, now)
        return cost, lambda event: not test(event)
    match compare.field[0]:
        case "seq":
            return 1, _order_test("seq", compare.operator, compare.value)
        case "time":
            return 1, _order_test("time", compare.operator, resolve_time(str(compare.value), now))
        case "payload":
            return 2, _payload_test(compare)
        case "text":
            finds = text_finder(str(compare.value))
            return 3, lambda event: finds(event.name, payload_json(event))
        case field:
            get, fits = operator.attrgetter(_ATTRIBUTES[field]), _text_test(compare.operator, compare.value)
            return 1, lambda event: fits(get(event))


def _order_test(attribute: str, sign: Operator, value: object) -> Test:
    get, compared = operator.attrgetter(attribute), _ORDERS[sign]
    return lambda event: compared(get(event), value)


def _text_test(sign: Operator, value: Value) -> Callable[[str | None], bool]:
    """Return the test of a field that is a text or missing."""
    if sign == "==":
        return lambda text: text == value
    if sign == "!=":
        return lambda text: text != value
    wanted = str(value).casefold()
    if sign == "~":
        return lambda text: text is not None and wanted in text.casefold()
    return lambda text: text is None or wanted not in text.casefold()


def _payload_test(compare: Compare) -> Test:
    keys, fits = compare.field[1:], _payload_value_test(compare.operator, compare.value)
    if len(keys) == 1:
        (key,) = keys
        return lambda event: fits(event.payload.get(key))
    return lambda event: fits(_at_path(event.payload, keys))


def _at_path(payload: Any, keys: Sequence[str]) -> Any:
    """Return what stands in the payload under the keys, None when there is nothing."""
    for key in keys:
        if not isinstance(payload, dict):
            return None
        payload = payload.get(key)
    return payload


def _payload_value_test(sign: Operator, value: Value) -> Callable[[Any], bool]:
    if sign == "==":
        # In Python true is 1; in JSON it is not.
        is_bool = isinstance(value, bool)
        return lambda found: found == value and isinstance(found, bool) is is_bool
    if sign == "~":
        wanted = str(value).casefold()
        return lambda found: found is not None and wanted in _as_text(found).casefold()
    compared = _ORDERS[sign]
    return lambda found: (
        isinstance(found, int | float) and not isinstance(found, bool) and compared(found, value)
    )


def _as_text(value: Any) -> str:
    """Return a value of a payload as text: texts as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    try:
        return _encode(value).decode()
    except UNENCODABLE:
        return _encode(plain(value)).decode()
