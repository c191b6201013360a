"""The nine things that a hook may answer."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

Join = Literal["all", "first", "longest"]


class Continue(msgspec.Struct, frozen=True, tag="continue"):
    """Go on with the value as it is; answering `None` means the same."""


class Modified(msgspec.Struct, frozen=True, tag="modified"):
    """Go on with another value.

    Args:
        value: the point's value type, or a dictionary of the fields that change.
    """

    value: Any


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Do not do it.

    Args:
        reason: one sentence for the person.
    """

    reason: str


class Redirect(msgspec.Struct, frozen=True, tag="redirect"):
    """Do it elsewhere.

    Args:
        to: the name of another model or tool, or the id of another session; the point says which.
    """

    to: str


class Replace(msgspec.Struct, frozen=True, tag="replace"):
    """Do not do it, and take this as its result.

    Args:
        result: what the point says a result is; mostly a text.
    """

    result: Any


class Retry(msgspec.Struct, frozen=True, tag="retry"):
    """When it fails, do it again, with waits that double and are spread at random.

    Args:
        delay: seconds before the second try.
        attempts: most tries in all, the first included.
        cap: longest wait in seconds.
    """

    delay: float = 0.5
    attempts: int = 3
    cap: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.delay <= self.cap <= _LONGEST_WAIT or not 1 <= self.attempts <= _MOST_ATTEMPTS:
            limits = f"{_LONGEST_WAIT:.0f} seconds and 1 to {_MOST_ATTEMPTS} attempts"
            raise ValueError(f"Retry needs 0 <= delay <= cap <= {limits}")


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Do it once for each value, at the same time: the hooks that follow, and the operation itself.

    Args:
        values: one value (or dictionary of changed fields) for each branch, 1 to 8.
        join: `all` joins the results in the order of the values, `first` takes the first that succeeds and
            stops the others, `longest` takes the longest.
    """

    values: tuple[Any, ...]
    join: Join = "all"

    def __post_init__(self) -> None:
        if not 1 <= len(self.values) <= _MOST_BRANCHES:
            raise ValueError(f"Fork needs 1 to {_MOST_BRANCHES} values")
        if self.join not in get_args(Join):
            raise ValueError(f"a Fork is joined by {', '.join(get_args(Join))}, not by {self.join!r}")


class Cache(msgspec.Struct, frozen=True, tag="cache"):
    """Take the result from the cache, or do it and keep its result there.

    Args:
        key: equal keys at the same point mean equal results.
        ttl: seconds for which the result is kept.
    """

    key: str
    ttl: float = 300.0


class Skipped(msgspec.Struct, frozen=True, tag="skipped"):
    """This hook has nothing to do with the matter; the trace says why.

    Args:
        reason: in a few words.
    """

    reason: str = ""


Result: TypeAlias = Continue | Modified | Cancel | Redirect | Replace | Retry | Fork | Cache | Skipped

KINDS: Final[dict[type, str]] = {
    Continue: "continue",
    Modified: "modified",
    Cancel: "cancel",
    Redirect: "redirect",
    Replace: "replace",
    Retry: "retry",
    Fork: "fork",
    Cache: "cache",
    Skipped: "skipped",
}
"""Each kind of result with its word in traces and tables."""

_LONGEST_WAIT: Final = 300.0
_MOST_ATTEMPTS: Final = 20
_MOST_BRANCHES: Final = 8
