"""What a filter is once it is read: a tree of conditions."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Operator = Literal["==", "!=", "<", "<=", ">", ">=", "~", "!~"]
Value: TypeAlias = "str | int | float | bool | None"

FIELDS: Final = {
    "name": "the event's name: core:chat:reply_finished",
    "source": "the part that says so: chat, worker.llm",
    "session": "the session's id",
    "turn": "the id of the turn or job (correlation id)",
    "id": "the event's own id",
    "cause": "the id of the event that caused it",
    "language": "what the source is written in",
    "seq": "its number in the log",
    "time": "when it happened: a time such as 2026-05-01T12:00, or a span back from now such as 10m",
    "text": "its name and payload, searched by words",
    "payload": "a fact of it, by its key: payload.worker, payload.usage.tokens",
}
"""Every field with what it is; `payload` is followed by a dotted path of keys."""


class Everything(msgspec.Struct, frozen=True, tag=True):
    """Fits every event: the empty filter."""


class Name(msgspec.Struct, frozen=True, tag=True):
    """The event's name fits a pattern (see `patterns.name_matcher`)."""

    pattern: str


class Compare(msgspec.Struct, frozen=True, tag=True):
    """A field compared with a value.

    Args:
        field: a key of `FIELDS`; for `payload` the keys follow, as in `("payload", "usage", "tokens")`.
        operator: `~` means contains (case ignored); for `text`: every word of the value begins a word there.
        value: what it is compared with. For `time` it is text: a time, or a span back from now.
    """

    field: tuple[str, ...]
    operator: Operator
    value: Value


class Not(msgspec.Struct, frozen=True, tag=True):
    """The part does not hold."""

    part: Filter


class All(msgspec.Struct, frozen=True, tag=True):
    """All parts hold; there are two or more."""

    parts: tuple[Filter, ...]


class AnyOf(msgspec.Struct, frozen=True, tag=True):
    """At least one part holds; there are two or more."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = "Everything | Name | Compare | Not | All | AnyOf"
