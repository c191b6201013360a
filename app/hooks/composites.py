"""Hooks made of hooks: one after the other, at the same time, the first that answers, or a vote.

A composite is itself a hook: `hook("message:received")(Sequential(a, b))`. Its deadline is that of the whole.
Sync members run in threads.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec

from workbench.app.errors import HookError
from workbench.app.hooks.execute import current_guard, current_threads
from workbench.app.hooks.hook import HookContext, HookFunction, changed_value
from workbench.app.hooks.results import Cancel, Continue, Modified, Result, Skipped


class _TriedToLeave(Exception):
    """Stands for what would end the program if a task raised it.

    Args:
        error: what the member raised.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class _Composite:
    """Base: keeps the members and runs one of them."""

    def __init__(self, *members: HookFunction) -> None:
        if not members:
            raise ValueError(f"{type(self).__name__} needs at least one hook")
        self.members = members

    async def __call__(self, context: HookContext[Any]) -> Result | None:
        """Answer for all members."""
        raise NotImplementedError


class Sequential(_Composite):
    """Runs its members in order; each sees what those before it changed. Any other answer ends the row."""

    async def __call__(self, context: HookContext[Any]) -> Result | None:
        """Answer what the row came to."""
        value = context.value
        for member in self.members:
            answer = await _ask(member, msgspec.structs.replace(context, value=value))
            if isinstance(answer, Modified):
                value = changed_value(context.point, value, answer.value)
            elif not _is_nothing(answer):
                return answer
        return None if value == context.value else Modified(value)


class Parallel(_Composite):
    """Runs its members at the same time on the same value and joins what they change.

    The first member (in their order) that cancels, replaces or redirects decides. Members that change the
    same field in different ways are a conflict, `hook.conflict`.
    """

    async def __call__(self, context: HookContext[Any]) -> Result | None:
        """Answer what all members came to."""
        answers = await _ask_all(self.members, context)
        for answer in answers:
            if not _is_nothing(answer) and not isinstance(answer, Modified):
                return answer
        changes: dict[str, Any] = {}
        for answer in answers:
            if isinstance(answer, Modified):
                _join(changes, context, changed_value(context.point, context.value, answer.value))
        return Modified(changes) if changes else None


class FirstMatch(_Composite):
    """Asks its members in order and takes the first answer that is more than continue or skipped."""

    async def __call__(self, context: HookContext[Any]) -> Result | None:
        """Answer what the first with an answer says."""
        for member in self.members:
            answer = await _ask(member, context)
            if not _is_nothing(answer):
                return answer
        return None


class Voting(_Composite):
    """Asks all members at the same time and takes the answer that enough of them gave.

    Cancels count as one answer whatever their reasons (the first one's is told); other answers are the same
    when they are equal. Without a quorum the value goes on as it is.

    Args:
        members: the voters.
        quorum: how many must agree; more than half of them when left out.
    """

    def __init__(self, *members: HookFunction, quorum: int | None = None) -> None:
        super().__init__(*members)
        self.quorum = quorum if quorum is not None else len(members) // 2 + 1
        if not 1 <= self.quorum <= len(members):
            raise ValueError(f"a quorum of {self.quorum} is impossible with {len(members)} voters")

    async def __call__(self, context: HookContext[Any]) -> Result | None:
        """Answer what the vote came to."""
        answers = [answer for answer in await _ask_all(self.members, context) if not _is_nothing(answer)]
        votes = Counter(_ballot(context, answer) for answer in answers)
        # The earliest of equals: Counter keeps the order of first sight.
        for ballot, count in votes.most_common(1):
            if count >= self.quorum:
                return next(answer for answer in answers if _ballot(context, answer) == ballot)
        return None


async def _ask(member: HookFunction, context: HookContext[Any]) -> Result | None:
    call = getattr(member, "__call__", None)  # noqa: B004 - a composite's own call
    answer: Any
    if asyncio.iscoroutinefunction(member) or asyncio.iscoroutinefunction(call):
        answer = await member(context)  # type: ignore[misc]
        return answer  # type: ignore[no-any-return]
    ran = await current_threads.get().run(lambda: member(context), None)
    if ran.error is not None:
        raise ran.error
    answer = ran.result
    return answer  # type: ignore[no-any-return]


async def _ask_all(members: tuple[HookFunction, ...], context: HookContext[Any]) -> list[Result | None]:
    tasks = [asyncio.create_task(_ask_beside(member, context)) for member in members]
    try:
        return await asyncio.gather(*tasks)
    except _TriedToLeave as left:
        raise left.error from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ask_beside(member: HookFunction, context: HookContext[Any]) -> Result | None:
    """Ask a member in a task of its own, where nobody else looks after what it does."""
    try:
        guard, asking = current_guard.get(None), _ask(member, context)
        return await (asking if guard is None else guard.steps(asking))
    except (SystemExit, KeyboardInterrupt) as error:
        raise _TriedToLeave(error) from None


def _is_nothing(answer: Result | None) -> bool:
    return answer is None or isinstance(answer, Continue | Skipped)


def _join(changes: dict[str, Any], context: HookContext[Any], changed: Any) -> None:
    for field in changed.__struct_fields__:
        new = getattr(changed, field)
        if new == getattr(context.value, field):
            continue
        if field in changes and changes[field] != new:
            text = f"Hooks that ran at the same time changed {field} at {context.point} in different ways."
            raise HookError("conflict", text, "Run them one after the other with Sequential.")
        changes[field] = new


def _ballot(context: HookContext[Any], answer: Result | None) -> str:
    """Return what is compared between voters."""
    if isinstance(answer, Cancel):
        return "cancel"
    if isinstance(answer, Modified):
        answer = Modified(changed_value(context.point, context.value, answer.value))
    return msgspec.json.encode(answer, order="sorted").decode()
