"""Name patterns: `*` for everything, `core:chat:*` for a whole area, `core:*:failed` across areas."""

from __future__ import annotations

import re
from collections.abc import Callable

from workbench.app.errors import EventError

_NAME = re.compile(r"[a-z0-9_.\-]+(:[a-z0-9_.\-]+)*")
_PATTERN = re.compile(r"(\*|[a-z0-9_.\-]+)(:(\*|[a-z0-9_.\-]+))*")


def is_event_name(text: str) -> bool:
    """Tell whether `text` has the form of an event name: lower-case segments joined by colons."""
    return _NAME.fullmatch(text) is not None


def name_matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether an event name fits `pattern`.

    A `*` at the end stands for one or more segments, anywhere else for exactly one; `*` alone fits all names.

    Raises:
        EventError: the pattern is not made of segments and stars.
    """
    check_pattern(pattern)
    if pattern == "*":
        return lambda _name: True
    if "*" not in pattern:
        return pattern.__eq__
    head, star = (pattern[:-1], ".+") if pattern.endswith("*") else (pattern, "")
    expression = re.compile(re.escape(head).replace(r"\*", "[^:]+") + star)
    return lambda name: expression.fullmatch(name) is not None


def check_pattern(pattern: str) -> None:
    """Raise `EventError` (`event.bad_pattern`) unless `pattern` can be used by `name_matcher`."""
    if _PATTERN.fullmatch(pattern) is None:
        raise EventError(
            "bad_pattern",
            f"The event pattern {pattern!r} cannot be read.",
            "Write segments joined by colons, with * for any: core:chat:* or core:*:failed.",
            pattern=pattern,
        )
