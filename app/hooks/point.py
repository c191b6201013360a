"""What a hook point is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec

from workbench.app.hooks.values import Value

V = TypeVar("V", bound=Value)

Wraps = Literal["turn", "command", "time"]


class Point(msgspec.Struct, Generic[V], frozen=True, kw_only=True, eq=False):
    """A place where hooks run.

    Args:
        name: `area:what`, as hooks name it.
        when: one line: what is about to happen, or has happened.
        value: the type of what hooks are given.
        answers: each result that makes sense here beside `continue` and `skipped`, with what it does.
        wraps: what the hooks' time is measured against: the turn, the command, or the time that passes.
        hot: it is passed so often that runs in which nothing happens leave no trace.
        private: traces name what changed and never show it.
        later: the system that will pass it; empty when something passes it today.
    """

    name: str
    when: str
    value: type[V]
    answers: Mapping[str, str]
    wraps: Wraps = "time"
    hot: bool = False
    private: bool = False
    later: str = ""

    @property
    def mutable(self) -> bool:
        """Whether the value holds dictionaries, so that each hook gets a copy of its own."""
        return any(
            "dict" in str(field.type) or field.type is Any for field in msgspec.structs.fields(self.value)
        )
