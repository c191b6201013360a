"""Runs an operation as the hooks before it decide: not at all, elsewhere, again, several times, or cached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeVar

import msgspec

from workbench.app.errors import HookError, WorkbenchError
from workbench.app.hooks.backoff import wait_before
from workbench.app.hooks.hook import NOWHERE, Scope
from workbench.app.hooks.hooks import Hooks, cancelled
from workbench.app.hooks.point import Point
from workbench.app.hooks.results import Cancel, Fork, Redirect, Replace
from workbench.app.hooks.run import Outcome
from workbench.app.hooks.values import Value

V = TypeVar("V", bound=Value)
T = TypeVar("T")

Operation = Callable[[V, str], AsyncGenerator[T]]
"""Does it: gets the value and the branch (empty, or as `.1` within a fork), yields what comes of it."""


def _never(_to: str) -> bool:
    return False


class Redirected(Exception):
    """A hook sends the operation elsewhere; whoever runs it knows how.

    Args:
        to: the name or id.
        hook: the hook's id.
    """

    def __init__(self, to: str, hook: str) -> None:
        super().__init__(to)
        self.to = to
        self.hook = hook


class Around(msgspec.Struct, Generic[V, T], frozen=True, kw_only=True):
    """An operation that hooks surround.

    Args:
        hooks: the hooks.
        point: the point before it.
        scope: what it belongs to.
        operation: what is done.
        replaced: makes the items of a `Replace`'s result; raises `HookError` when it cannot be a result.
        joined: makes one row of items of those of a fork's branches, in their order.
        length: tells how long a result is, for `longest`.
        kept: makes of a result what it is when the cache gives it again.
        here: tells whether a redirect leads to where the operation is done anyway; it goes on then.
    """

    hooks: Hooks
    point: Point[V]
    operation: Operation[V, T]
    replaced: Callable[[Any], Sequence[T]]
    joined: Callable[[list[list[T]]], Sequence[T]]
    length: Callable[[Sequence[T]], int]
    kept: Callable[[Sequence[T]], Sequence[T]] = tuple
    here: Callable[[str], bool] = _never
    scope: Scope = NOWHERE


async def stream_around(
    around: Around[V, T],
    value: V,
    *,
    start: int = 0,
    branch: str = "",
    earlier: Outcome[V] | None = None,
) -> AsyncGenerator[T]:
    """Run the hooks and then, as they decide, the operation; pass on its items as they come.

    Args:
        around: the operation.
        value: what the hooks and then the operation get.
        start: the place of the first hook.
        branch: the branch of a fork that this is.
        earlier: what the hooks before that place decided.

    Raises:
        HookError: `hook.cancelled`.
        Redirected: a hook sends it elsewhere.
        WorkbenchError: what the operation raised, after the tries that hooks asked for.
    """
    outcome = _after(earlier, await around.hooks.run(around.point, value, around.scope, start=start))
    match outcome.decision:
        case Cancel():
            raise cancelled(outcome)
        case Redirect(to) if not around.here(to):
            raise Redirected(to, outcome.hook)
        case Redirect():
            # The hooks that follow have not run yet.
            rest = stream_around(
                around, outcome.value, start=outcome.position, branch=branch, earlier=outcome
            )
        case Replace(result):
            rest = _each(around.replaced(result))
        case Fork():
            rest = _kept_or(around, outcome, _forked(around, outcome, branch))
        case _:
            rest = _kept_or(around, outcome, _perform(around, outcome, branch))
    async with aclosing(rest) as stream:
        async for item in stream:
            yield item


async def run_around(
    hooks: Hooks,
    point: Point[V],
    value: V,
    operation: Callable[[V], Awaitable[T]],
    *,
    replaced: Callable[[Any], T],
    here: Callable[[str], bool] = _never,
    scope: Scope = NOWHERE,
) -> T:
    """Run an operation with one result as the hooks before it decide; see `stream_around`."""

    async def once(changed: V, _branch: str) -> AsyncGenerator[T]:
        yield await operation(changed)

    around = Around(
        hooks=hooks,
        point=point,
        operation=once,
        replaced=lambda result: [replaced(result)],
        joined=lambda branches: branches[0],
        length=len,
        here=here,
        scope=scope,
    )
    async with aclosing(stream_around(around, value)) as items:
        async for item in items:
            return item
    raise AssertionError("an operation with one result gave none")


def _after(earlier: Outcome[V] | None, outcome: Outcome[V]) -> Outcome[V]:
    """Return what hooks decided together with what those before them did."""
    if earlier is None:
        return outcome
    return msgspec.structs.replace(
        outcome, retry=outcome.retry or earlier.retry, cache=outcome.cache or earlier.cache
    )


async def _each(items: Sequence[T]) -> AsyncGenerator[T]:
    for item in items:
        yield item


async def _kept_or(around: Around[V, T], outcome: Outcome[V], doing: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Take the result from the cache, or do it and keep the result, where hooks asked for that."""
    cache, point = outcome.cache, around.point.name
    known = around.hooks.cache.get(point, cache.key) if cache is not None else None
    if known is not None:
        await doing.aclose()
        doing = _each(around.kept(known))
    items: list[T] = []
    async with aclosing(doing) as stream:
        async for item in stream:
            if cache is not None:
                items.append(item)
            yield item
    if cache is not None and known is None:
        around.hooks.cache.put(point, cache.key, items, cache.ttl)


async def _perform(around: Around[V, T], outcome: Outcome[V], branch: str) -> AsyncGenerator[T]:
    """Do it, again where hooks asked for that."""
    point = around.point.name
    attempt = 1
    while True:
        begun = False
        try:
            async with aclosing(around.operation(outcome.value, branch)) as stream:
                async for item in stream:
                    begun = True
                    yield item
            return
        except WorkbenchError as error:
            retry = outcome.retry
            if begun or retry is None or attempt >= retry.attempts or error.code == "hook.cancelled":
                raise
            wait = wait_before(retry, attempt)
            await around.hooks.tell_of_retry(point, attempt, wait, error.code, around.scope)
            await asyncio.sleep(wait)
            attempt += 1


async def _forked(around: Around[V, T], outcome: Outcome[V], branch: str) -> AsyncGenerator[T]:
    for item in await _fork(around, outcome, branch):
        yield item


async def _fork(around: Around[V, T], outcome: Outcome[V], branch: str) -> Sequence[T]:
    """Do the rest once for each value, at the same time, and join what comes of it."""
    fork = outcome.decision
    assert isinstance(fork, Fork)
    # What is kept is the result of the whole; each branch is tried again by itself.
    earlier = Outcome(outcome.value, retry=outcome.retry)
    branches = [
        stream_around(around, value, start=outcome.position, branch=f"{branch}.{number}", earlier=earlier)
        for number, value in enumerate(fork.values, 1)
    ]
    tasks = [
        asyncio.create_task(_collect(each), name=f"fork-{around.point.name}-{number}")
        for number, each in enumerate(branches, 1)
    ]
    try:
        if fork.join == "first":
            return await _first(tasks)
        results = await asyncio.gather(*tasks, return_exceptions=fork.join == "longest")
        good = [result for result in results if not isinstance(result, BaseException)]
        if not good:
            raise next(result for result in results if isinstance(result, BaseException))
        return max(good, key=around.length) if fork.join == "longest" else around.joined(good)
    except Redirected as redirected:
        text = f"The hook {redirected.hook} redirects inside of a fork, which cannot be done."
        raise HookError("bad_result", text) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(tasks: list[asyncio.Task[list[T]]]) -> list[T]:
    """Return the result of the task that succeeds first; the error of the last when none does."""
    waiting = set(tasks)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        # In the order of the values: a set has none.
        ended = [task for task in tasks if task in done]
        good = next((task for task in ended if task.exception() is None), None)
        if good is not None:
            return good.result()
        if not waiting:
            return ended[-1].result()


async def _collect(stream: AsyncGenerator[T]) -> list[T]:
    async with aclosing(stream):
        return [item async for item in stream]
