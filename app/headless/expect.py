"""Whether the expectations of a script hold."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from workbench.app.errors import ExpectationError
from workbench.app.headless.match import search
from workbench.app.headless.script import Comparison, ExpectEvent, ExpectReply, describe
from workbench.app.text import one_line

if TYPE_CHECKING:
    from workbench.app.workbench import Workbench

EVENT_PATIENCE_S: Final = 2.0
"""How long an event that is still missing is waited for: some come a moment after what they tell of."""

_SHOWN: Final = 300
_COMPARE: Final[dict[Comparison, Callable[[int, int], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


async def check_reply(expected: ExpectReply, reply: str | None) -> None:
    """Check the last reply, without the white space around it.

    Args:
        expected: the expectation.
        reply: the last reply, None when there was none yet.

    Raises:
        ExpectationError: it does not hold.
        UsageError: the regular expression searches for too long.
    """
    if reply is None:
        raise ExpectationError(
            "not_met", f"`{describe(expected)}` does not hold: there was no reply.", "Send a message first."
        )
    text = reply.strip()
    if expected.how == "matches":
        holds = await search(expected.text, text)
    elif expected.how == "contains":
        holds = expected.text in text
    else:
        holds = expected.text.strip() == text
    if not holds:
        raise ExpectationError(
            "not_met",
            f"`{describe(expected)}` does not hold: the reply is {one_line(text, _SHOWN)!r}.",
            reply=text,
        )


async def check_events(expected: ExpectEvent, workbench: Workbench, after_seq: int) -> None:
    """Check how many events there were; wait a moment for those that are missing.

    Args:
        expected: the expectation.
        workbench: whose log is asked.
        after_seq: only events with a greater number count.

    Raises:
        ExpectationError: it does not hold.
    """
    found = 0
    # Subscribed before counting, so that no event falls between the two.
    arriving = workbench.bus.subscribe(expected.pattern, "coalesce", name="expectation")
    with arriving, suppress(TimeoutError):
        async with asyncio.timeout(EVENT_PATIENCE_S):
            found = await _count(expected.pattern, workbench, after_seq)
            while not _holds(expected, found) and _can_hold_later(expected, found):
                await anext(arriving)
                found = await _count(expected.pattern, workbench, after_seq)
    if not _holds(expected, found):
        raise ExpectationError(
            "not_met", f"`{describe(expected)}` does not hold: there were {found}.", count=found
        )


async def _count(pattern: str, workbench: Workbench, after_seq: int) -> int:
    from workbench.app.events.filter.syntax import Name
    from workbench.app.events.reader import EventReader

    await workbench.log.flush()
    return await EventReader(workbench.store).count(Name(pattern), above=after_seq)


def _holds(expected: ExpectEvent, found: int) -> bool:
    return _COMPARE[expected.comparison](found, expected.count)


def _can_hold_later(expected: ExpectEvent, found: int) -> bool:
    """Tell whether more events can make it hold: a count only grows."""
    match expected.comparison:
        case ">" | ">=":
            return True
        case "==":
            return found < expected.count
        case "!=":
            return found == expected.count
        case _:
            return False
