"""Ways to go on with a filter that is being written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Final, Literal

import msgspec

from workbench.app.errors import EventError
from workbench.app.events.filter.fields import OPERATOR_HELP, ORDER, operators_of
from workbench.app.events.filter.format import format_field, quoted
from workbench.app.events.filter.parse import RESERVED, SPANS
from workbench.app.events.filter.syntax import FIELDS
from workbench.app.events.filter.tokens import Token, is_word, tokens
from workbench.app.events.names import CORE_EVENTS
from workbench.app.events.patterns import name_matcher

Role = Literal["condition", "operator", "value", "time", "join"]
Choices = Iterable[tuple[str, str]]

_JOINS: Final = {"and": "both must hold", "or": "one of both must hold"}
_BEGINNINGS: Final = {
    "not": "what follows must not hold",
    "since": "at or after a time: since 10m",
    "until": "before a time: until 2026-05-01T12:00",
    "(": "begins parts that belong together",
}
_TIMES: Final = {
    "5m": "five minutes ago",
    "30m": "half an hour ago",
    "1h": "an hour ago",
    "1d": "a day ago",
    "7d": "a week ago",
}
_LANGUAGES: Final = {"python": "", "lua": "", "js": ""}
_TRUTHS: Final = {"true": "", "false": ""}
# One letter stands within too many names.
_SHORTEST_WITHIN: Final = 2


class FilterCompletion(msgspec.Struct, frozen=True):
    """One way to go on.

    Args:
        text: what stands there afterwards.
        help: what it means.
        start: where in the filter it begins; everything from there to the cursor is replaced.
    """

    text: str
    help: str
    start: int


class _Known(msgspec.Struct, frozen=True):
    """What is known of the events that there are: names, sources, and paths in payloads by name."""

    names: Sequence[str]
    sources: Sequence[str]
    paths: Mapping[str, Sequence[str]]


class _Place(msgspec.Struct, frozen=True):
    """Where the cursor is.

    Args:
        before: the tokens before the word at the cursor.
        word: that word up to the cursor; empty between words.
        start: where it begins.
    """

    before: Sequence[Token]
    word: str
    start: int


def complete_filter(
    text: str,
    cursor: int,
    *,
    names: Sequence[str] = tuple(CORE_EVENTS),
    sources: Sequence[str] = (),
    keys: Mapping[str, Sequence[str]] | None = None,
) -> list[FilterCompletion]:
    """Return what can stand at the cursor, the likeliest first.

    Args:
        text: the filter as far as it is written.
        cursor: where the cursor is, from 0 to the text's length.
        names: the names of events to offer.
        sources: the sources of events to offer.
        keys: keys of payloads by the event's name, besides those of the core events; points part the keys of
            what stands within another: `usage.tokens`.

    Returns:
        The ways; none within a quoted text.
    """
    cursor = max(0, min(cursor, len(text)))
    place = _place(text, cursor)
    if place is None:
        return []
    known = _Known(names, sources, _all_paths(keys or {}))
    found = _fitting(place.word, dict(_choices(place, text, known)))
    if not found and _role(place.before) in ("condition", "join") and _is_field(place.word):
        # The field is written; what is missing is its operator.
        return [FilterCompletion(sign, meaning, cursor) for sign, meaning in _operators(place.word)]
    return [FilterCompletion(choice, meaning, place.start) for choice, meaning in found.items()]


def _place(text: str, cursor: int) -> _Place | None:
    """Return where the cursor is; None within a quoted text."""
    try:
        before = tokens(text[:cursor])[:-1]
    except EventError:
        return None
    last = before[-1] if before else None
    if last is None or last.end < cursor or last.kind in ("(", ")", "string"):
        return _Place(before, "", cursor)
    if last.kind == "operator" and last.text not in ("<", ">"):
        return _Place(before, "", cursor)
    return _Place(before[:-1], last.text, last.start)


def _role(before: Iterable[Token]) -> Role:
    """Return what can follow the tokens."""
    role: Role = "condition"
    for token in before:
        role = _role_after(role, token)
    return role


def _role_after(role: Role, token: Token) -> Role:
    if token.kind == "operator":
        return "value"
    if token.kind == "(" or token.keyword in ("and", "or", "not"):
        return "condition"
    if role in ("condition", "join") and token.keyword in SPANS:
        return "time"
    if role in ("condition", "join") and _is_field(token.text):
        return "operator"
    return "join"


def _is_field(word: str) -> bool:
    return (word in FIELDS and word != "payload") or (word.startswith("payload.") and not word.endswith("."))


def _choices(place: _Place, text: str, known: _Known) -> Choices:
    """Yield what can stand at the cursor, whatever has been written of it, and what it means."""
    match _role(place.before):
        case "condition":
            yield from _conditions(text, known)
        case "operator":
            yield from _operators(place.before[-1].text)
        case "value":
            yield from _values([token.text for token in place.before[-2:]], known)
        case "time":
            yield from _TIMES.items()
        case "join":
            yield from _JOINS.items()
            if _is_open(place.before):
                yield ")", "ends the parts that belong together"
            if place.word:
                yield from _conditions(text, known)


def _conditions(text: str, known: _Known) -> Choices:
    yield from ((f"{field}." if field == "payload" else field, about) for field, about in FIELDS.items())
    yield from _BEGINNINGS.items()
    areas = sorted({f"{name.rpartition(':')[0]}:*" for name in known.names if ":" in name})
    yield from ((area, "every event of the area") for area in areas)
    yield from ((name, _about(name)) for name in known.names)
    for path, holders in _paths(text, known).items():
        more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
        yield format_field(("payload", *path.split("."))), f"of {holders[0]}{more}"


def _operators(field: str) -> Choices:
    return ((sign, OPERATOR_HELP[sign]) for sign in operators_of(field.partition(".")[0]))


def _values(comparison: Sequence[str], known: _Known) -> Choices:
    """Yield the values for a field and its operator."""
    match comparison:
        case ["name", _]:
            yield from ((name, _about(name)) for name in known.names)
        case ["source", _]:
            yield from ((_as_value(source), "") for source in known.sources)
        case ["language", _]:
            yield from _LANGUAGES.items()
        case ["time", _]:
            yield from _TIMES.items()
        case [field, sign] if sign not in ORDER and field.removeprefix("payload.") in _truths():
            yield from _TRUTHS.items()


def _paths(text: str, known: _Known) -> dict[str, list[str]]:
    """Return every path in payloads with the names of the events that hold it.

    Only events count whose names the filter asks for, unless it asks for none that is known.
    """
    patterns = _patterns(text)
    wanted = [name for name in known.paths if any(fits(name) for fits in patterns)]
    found: dict[str, list[str]] = {}
    for name in wanted or known.paths:
        for path in known.paths[name]:
            found.setdefault(path, []).append(name)
    return found


def _patterns(text: str) -> list[Callable[[str], bool]]:
    """Return tests of the names that the filter asks for; what stands after `not` is none."""
    try:
        found = tokens(text)
    except EventError:
        return []
    words = [
        token.text
        for previous, token in zip([None, *found], found, strict=False)
        if ":" in token.keyword and (previous is None or previous.keyword not in ("not", *SPANS))
    ]
    tests = []
    for word in words:
        # A name that is still being written may be none yet.
        with suppress(EventError):
            tests.append(name_matcher(word))
    return tests


def _as_value(text: str) -> str:
    return text if is_word(text) and text.lower() not in RESERVED | {"null"} else quoted(text)


def _is_open(before: Sequence[Token]) -> bool:
    return sum((token.kind == "(") - (token.kind == ")") for token in before) > 0


def _fitting(word: str, choices: Mapping[str, str]) -> dict[str, str]:
    """Return the choices that begin with a word, or else those that hold it; never the word itself."""
    wanted = word.lower()
    others = {choice: about for choice, about in choices.items() if choice != word}
    found = {choice: about for choice, about in others.items() if choice.lower().startswith(wanted)}
    if found or word in choices or len(word) < _SHORTEST_WITHIN:
        return found
    return {choice: about for choice, about in others.items() if wanted in choice.lower()}


def _all_paths(others: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """Return the paths in payloads by the event's name: those of core events, and others."""
    core = _core_paths()
    return {
        name: [*dict.fromkeys([*core.get(name, ()), *others.get(name, ())])] for name in {**core, **others}
    }


@cache
def _core_paths() -> dict[str, list[str]]:
    fields = msgspec.structs.fields
    return {name: [field.name for field in fields(kind)] for name, kind in CORE_EVENTS.items()}


@cache
def _truths() -> frozenset[str]:
    """Return the keys of payloads that are true or false."""
    fields = (field for kind in CORE_EVENTS.values() for field in msgspec.structs.fields(kind))
    return frozenset(field.name for field in fields if field.type is bool)


def _about(name: str) -> str:
    """Return when an event happens, in one sentence; empty for those of plugins."""
    declared = CORE_EVENTS.get(name)
    return " ".join((declared.__doc__ or "").split()).partition(". ")[0] if declared else ""
