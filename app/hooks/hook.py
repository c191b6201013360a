"""A hook as plugins write it: a function, marked with its point, that gets a context and answers a result."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from workbench.app.errors import HookError
from workbench.app.hooks.points import find_point
from workbench.app.hooks.results import Modified, Result
from workbench.app.hooks.values import Value

V = TypeVar("V", bound=Value)
Function = TypeVar("Function", bound=Callable[..., Any])

DEFAULT_PRIORITY: Final = 50
DEFAULT_DEADLINE: Final = 0.5
_MARK: Final = "__workbench_hooks__"


class Scope(msgspec.Struct, frozen=True):
    """What a run of hooks belongs to.

    Args:
        session_id: the session.
        correlation_id: the turn or job.
        parent_id: the event that caused it.
    """

    session_id: str | None = None
    correlation_id: str | None = None
    parent_id: str | None = None


NOWHERE: Final = Scope()


class HookContext(msgspec.Struct, Generic[V], frozen=True, gc=False):
    """What a hook gets.

    Args:
        point: the point's name.
        value: what is about to happen, in the point's own type; it cannot be changed in place.
        scope: the session and the turn.
    """

    point: str
    value: V
    scope: Scope = NOWHERE

    @property
    def session_id(self) -> str | None:
        """The session it belongs to."""
        return self.scope.session_id

    @property
    def correlation_id(self) -> str | None:
        """The turn or job it belongs to."""
        return self.scope.correlation_id

    def change(self, **fields: Any) -> Modified:
        """Return the answer that goes on with some fields changed."""
        return Modified(msgspec.structs.replace(self.value, **fields))


HookFunction: TypeAlias = "Callable[[HookContext[Any]], Result | Awaitable[Result | None] | None]"


class Hook(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A hook that can be registered.

    Args:
        id: unique: the plugin's name, a dot, and the function's name; at a second point of the same function
            the point follows after an at sign.
        point: the point's name.
        function: sync or async; gets a `HookContext`, answers a result or None.
        priority: lower numbers run first; equal ones in the order in which they were registered.
        deadline: seconds within which it must answer; None for a hook that waits for a person, whose time
            does not count.
        plugin: the plugin's name.
        version: the plugin's version.
        trusted: it is part of the workbench and known to be quick.
        file: the file it comes from.
    """

    id: str
    point: str
    function: HookFunction
    priority: int = DEFAULT_PRIORITY
    deadline: float | None = DEFAULT_DEADLINE
    plugin: str = "workbench"
    version: str = ""
    trusted: bool = False
    file: str = ""

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function or an object whose call is one."""
        call = getattr(self.function, "__call__", None)  # noqa: B004 - a composite's own call
        return asyncio.iscoroutinefunction(self.function) or asyncio.iscoroutinefunction(call)


class Mark(msgspec.Struct, frozen=True):
    """What `hook` notes on a function."""

    point: str
    priority: int
    deadline: float | None


def hook(
    point: str, *, priority: int = DEFAULT_PRIORITY, deadline: float | None = DEFAULT_DEADLINE
) -> Callable[[Function], Function]:
    """Mark a function as a hook; one function may be marked for several points.

    Args:
        point: the point's name, as `workbench hooks points` lists them.
        priority: lower numbers run first.
        deadline: seconds within which it must answer, at most an hour; None waits for ever.

    Raises:
        HookError: `hook.unknown_point`.
        ValueError: the priority or the deadline cannot be used.
    """
    find_point(point)
    if not isinstance(priority, int) or not 0 <= priority <= 1000:
        raise ValueError(f"the priority of a hook is a whole number from 0 to 1000, not {priority!r}")
    if deadline is not None and not 0 < deadline <= 3600:
        raise ValueError(f"the deadline of a hook is more than 0 and at most 3600 seconds, not {deadline!r}")

    def mark(function: Function) -> Function:
        marks = (*getattr(function, _MARK, ()), Mark(point, priority, deadline))
        setattr(function, _MARK, marks)
        return function

    return mark


def marks_of(function: object) -> tuple[Mark, ...]:
    """Return what `hook` noted on a function, nothing for other objects."""
    marks = inspect.getattr_static(function, _MARK, None) if not inspect.ismethod(function) else None
    if marks is None and inspect.ismethod(function):
        marks = getattr(function.__func__, _MARK, None)
    return marks if isinstance(marks, tuple) else ()


def hooks_in(
    holder: object, plugin: str, version: str = "", *, file: str = "", trusted: bool = False
) -> list[Hook]:
    """Return the hooks among the attributes of a module or object, in the order of their definition.

    Args:
        holder: the module or object.
        plugin: the plugin's name, which the ids begin with.
        version: the plugin's version.
        file: the file they come from.
        trusted: see `Hook`.
    """
    found: list[Hook] = []
    taken: set[str] = set()
    for name in [*vars(type(holder)), *vars(holder)]:
        function = getattr(holder, name, None)
        for mark in marks_of(function):
            if not callable(function):
                continue
            own = f"{plugin}.{name}"
            hook_id = own if own not in taken else f"{own}@{mark.point}"
            taken.add(own)
            found.append(
                Hook(
                    id=hook_id,
                    point=mark.point,
                    function=function,
                    priority=mark.priority,
                    deadline=mark.deadline,
                    plugin=plugin,
                    version=version,
                    trusted=trusted,
                    file=file,
                )
            )
    return found


def changed_value(point: str, value: Value, answer: Any) -> Value:
    """Return the value that a `Modified` (or a branch of a `Fork`) stands for.

    Args:
        point: the point's name, for the error.
        value: the value as the hook got it.
        answer: another value of the same type, or a dictionary of changed fields.

    Raises:
        HookError: `hook.bad_value`.
    """
    try:
        facts = msgspec.to_builtins(value)
        facts |= answer if isinstance(answer, dict) else msgspec.to_builtins(answer)
        # Checked whole: neither the constructor nor `replace` looks at types.
        return msgspec.convert(facts, type(value))
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        expected = type(value).__name__
        raise HookError(
            "bad_value",
            f"The changed value does not fit {point}, which takes a {expected}: {error}.",
            "Answer context.change(field=value).",
            point=point,
        ) from None
