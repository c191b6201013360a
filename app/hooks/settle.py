"""What the answer of a hook does: the value it changes, the decision it makes, or why it makes no sense."""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.app.errors import HookError
from workbench.app.hooks.entry import Entry
from workbench.app.hooks.hook import HookContext, changed_value
from workbench.app.hooks.results import (
    KINDS,
    Cache,
    Cancel,
    Continue,
    Fork,
    Modified,
    Redirect,
    Replace,
    Result,
    Retry,
    Skipped,
)
from workbench.app.hooks.run import Answer, Decision, Failure, Outcome, Run
from workbench.app.text import one_line

_LONGEST_SHOWN = 80


class Progress:
    """How far the hooks of one run have come.

    Args:
        run: the record that is written.
        context: what the first hook got.
    """

    def __init__(self, run: Run, context: HookContext[Any]) -> None:
        self.run = run
        self.context = context
        """What the next hook gets."""
        self.decision: Decision | None = None
        self.hook = ""
        self.retry: Retry | None = None
        self.cache: Cache | None = None
        self._before = context.value

    def go_on_with(self, value: Any) -> None:
        """Take another value for the hooks that follow."""
        self.context = msgspec.structs.replace(self.context, value=value)

    def note(self, place: int, result: Any, failure: Failure | None, printed: str) -> None:
        """Write into the record what a hook answered."""
        self.run.answers[place] = Answer(result, failure, self._before, self.context.value, printed)
        self._before = self.context.value

    def outcome(self, place: int) -> Outcome[Any]:
        """Return what was decided; `place` is that of the next hook."""
        return Outcome(self.context.value, self.decision, self.hook, self.retry, self.cache, place)


def fresh(context: HookContext[Any]) -> HookContext[Any]:
    """Return the context with dictionaries of its own, so that a hook that changes them changes nothing."""
    value = context.value
    changes = {
        field: msgspec.to_builtins(inner)
        for field in value.__struct_fields__
        if isinstance(inner := getattr(value, field), dict | list)
    }
    return msgspec.structs.replace(context, value=msgspec.structs.replace(value, **changes))


def settle(progress: Progress, entry: Entry, answer: Any) -> Failure | None:
    """Let an answer have its effect on the run.

    Returns:
        What is wrong with it, None when it makes sense.
    """
    point = progress.run.chain.point
    kind = KINDS.get(type(answer))
    if answer is None:
        return None
    if kind is None:
        if hasattr(answer, "close"):
            answer.close()  # a coroutine that nobody will await
        shown = one_line(repr(type(answer).__name__), _LONGEST_SHOWN)
        return Failure(
            "hook.bad_result", f"it answered a {shown}, which is none of {_kinds()}", entry.hook.file
        )
    if kind not in point.answers and not isinstance(answer, Continue | Skipped):
        sensible = ", ".join(["continue", "skipped", *point.answers])
        text = f"it answered {kind}, which makes no sense at {point.name}; there it can be {sensible}"
        return Failure("hook.bad_result", text, entry.hook.file)
    try:
        _apply(progress, entry.hook.id, answer)
    except HookError as error:
        return Failure(error.code, error.message, entry.hook.file)
    return None


def _apply(progress: Progress, hook_id: str, answer: Result) -> None:
    point, value = progress.run.chain.point.name, progress.context.value
    match answer:
        case Modified():
            progress.go_on_with(changed_value(point, value, answer.value))
        case Fork():
            branches = tuple(changed_value(point, value, branch) for branch in answer.values)
            progress.decision, progress.hook = Fork(branches, answer.join), hook_id
        case Cancel() | Redirect() | Replace():
            progress.decision, progress.hook = _checked(point, answer), hook_id
        case Retry():
            progress.retry = answer
        case Cache():
            progress.cache = _checked(point, answer)


def _checked(point: str, answer: Any) -> Any:
    """Return an answer whose fields have the types that they are declared with.

    Raises:
        HookError: `hook.bad_value`; a constructor does not look at types.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(answer), type(answer))
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        kind = KINDS[type(answer)]
        raise HookError("bad_value", f"its {kind} at {point} does not hold together: {error}") from None


def _kinds() -> str:
    return ", ".join(kind.__name__ for kind in KINDS)
