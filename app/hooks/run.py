"""One passing of a point: which hooks ran, when, and what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any, Final, Generic, TypeVar

import msgspec

from workbench.app.hooks.entry import Entry
from workbench.app.hooks.hook import HookContext
from workbench.app.hooks.point import Point
from workbench.app.hooks.results import KINDS, Cache, Cancel, Fork, Redirect, Replace, Retry
from workbench.app.hooks.values import Value

V = TypeVar("V", bound=Value)

Decision = Cancel | Redirect | Replace | Fork
_NOWHERE: Final[Mapping[int, float]] = {}


class Outcome(msgspec.Struct, Generic[V], frozen=True, gc=False):
    """What the hooks of a point decided.

    Args:
        value: the value to go on with.
        decision: what ends the matter, None to go on.
        hook: the id of the hook that decided.
        retry: how to try again on failure.
        cache: where a result is kept.
        position: the place of the hook after the one that decided; a fork goes on there.
    """

    value: V
    decision: Decision | None = None
    hook: str = ""
    retry: Retry | None = None
    cache: Cache | None = None
    position: int = 0


class Failure(msgspec.Struct, frozen=True):
    """A run that went wrong: the code, a sentence, and where in the hook's file."""

    code: str
    message: str
    file: str = ""
    line: int = 0
    traceback: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What one hook answered, when that is more than nothing.

    Args:
        result: its result, None for a failure.
        failure: what went wrong.
        before: the value that it got.
        after: the value after it.
        printed: what it printed.
    """

    result: Any
    failure: Failure | None
    before: Value
    after: Value
    printed: str = ""

    @property
    def kind(self) -> str:
        """The result in a word: one of `results.KINDS`, or `failed`."""
        return "failed" if self.failure is not None else KINDS.get(type(self.result), "continue")


class Chain(msgspec.Struct, frozen=True, eq=False):
    """The active hooks of a point in their order.

    Args:
        point: the point.
        entries: the hooks.
        copies: whether each hook gets a copy of the value, as it could change it in place; those that come
            with the program do without where it happens often.
    """

    point: Point[Any]
    entries: tuple[Entry, ...]
    copies: bool

    @property
    def trusted(self) -> Chain:
        """The chain of those of them that are part of the workbench."""
        own = tuple(entry for entry in self.entries if entry.trusted)
        return self if len(own) == len(self.entries) else Chain(self.point, own, self.copies)


class Run:
    """The record of one passing; short-lived and made often, hence the slots."""

    __slots__ = ("answers", "away", "began", "chain", "context", "marks", "start")

    def __init__(self, chain: Chain, context: HookContext[Any], start: int) -> None:
        self.chain = chain
        self.context = context
        """What the first hook got."""
        self.start = start
        """The place of the first hook that ran; not 0 in the branches of a fork."""
        self.began = perf_counter()
        self.marks: list[float] = []
        """The `perf_counter` time at which each hook, in order, had ended."""
        self.answers: dict[int, Answer] = {}
        """By place in the chain."""
        self.away: Mapping[int, float] = _NOWHERE
        """By place in the chain: the seconds that hooks took in their threads and tasks, without those that
        passed until the event loop, which may be busy, heard of it."""

    def took_away(self, seconds: float) -> None:
        """Note what the hook whose turn it is took in its thread or task."""
        self.away = {**self.away, self.start + len(self.marks): seconds}

    @property
    def is_trusted_at_work(self) -> bool:
        """Whether the hook whose turn it is is part of the workbench."""
        place = self.start + len(self.marks)
        return place < len(self.chain.entries) and self.chain.entries[place].trusted

    @property
    def seconds(self) -> float:
        """How long all of it took."""
        return self.marks[-1] - self.began if self.marks else 0.0
