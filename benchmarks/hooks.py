"""Hooks: an empty point, ten hooks against pluggy's ten, bad hooks, and a turn with all built-in hooks.

An empty point: one `await Hooks.run` where no hook is registered. Ten hooks: the same with ten hooks that do
nothing, all proved quick, against ten pluggy implementations that do nothing; what is timed is what the
caller waits for. The times of single hooks are summed and judged a moment later; the processor's time with
that is the figure beside it. Bad hooks: turns of 50 ms follow each other while a hook sleeps, one spins (both
20 ms a run) and one raises; their share is the time of all hooks over the time of all turns. Then they
behave, and the time until they run again is taken. Built-in hooks: the guide model answers the same question
in two workbenches, one with the bundled plugins and one without, in turns.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pluggy

from workbench.app.events.bus import EventBus
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.points import MESSAGE_RECEIVED, TOKEN_BATCH
from workbench.app.hooks.values import MessageText, TokenBatch
from workbench.app.plugin_host.plugins import Plugins
from workbench.app.services import Service
from workbench.app.workbench import Workbench
from workbench.benchmarks.result import Claim, Figure, Result, most
from workbench.benchmarks.rounds import in_turns, middle, ratios, say

_HOOKS = 10
_BATCH = TokenBatch(text="word", tokens=1)
_MESSAGE = MessageText(text="hello")
_TURN_SECONDS = 0.05
_BAD_SECONDS = 0.02
_QUESTION = "what is workbench?"


async def measure(quick: bool) -> Result:
    """Run the benchmark."""
    calls, rounds, seconds, turns = (2_000, 1, 2.0, 4) if quick else (50_000, 9, 60.0, 400)
    empty = [await empty_point(calls) for _ in range(rounds)]
    pairs = await in_turns("ten hooks", lambda: ten_hooks(calls), lambda: ten_of_pluggy(calls), rounds)
    processor = [await ten_hooks_in_all(calls) for _ in range(rounds)]
    share, recovered = await bad_hooks(seconds)
    claims = [
        most("a point without hooks", empty, 0.3, "µs"),
        most("ten hooks over pluggy's ten", ratios(pairs), 1.0),
        Claim(
            "share of the turns' time that a sleeping, a spinning and a raising hook take",
            share,
            5,
            "most",
            "%",
        ),
    ]
    turn_pairs = await _turns(turns)
    claims.append(most("a turn with all built-in hooks over one without", ratios(turn_pairs), 1.02))
    return Result(
        claims=claims,
        figures=[
            Figure("ten hooks", middle([pair.ours for pair in pairs]), "µs"),
            Figure("pluggy's ten", middle([pair.peer for pair in pairs]), "µs"),
            Figure("ten hooks with the summing of their times", middle(processor), "µs of processor time"),
            Figure("until hooks that behave again run again", recovered, "s"),
            Figure("a turn with all built-in hooks", middle([pair.ours for pair in turn_pairs]), "ms"),
            Figure("a turn without", middle([pair.peer for pair in turn_pairs]), "ms"),
        ],
    )


def _nothing(_context: HookContext[Any]) -> None:
    """Do nothing."""


async def empty_point(calls: int) -> float:
    """Return the microseconds of one passing of a point without hooks."""
    hooks = Hooks(EventBus())
    began = time.perf_counter()
    for _ in range(calls):
        await hooks.run(TOKEN_BATCH, _BATCH)
    return (time.perf_counter() - began) / calls * 1e6


async def ten_hooks(calls: int) -> float:
    """Return the microseconds that a caller waits for ten hooks that do nothing."""
    spent = 0.0
    async with _ten() as hooks:
        for _ in range(calls // 1_000 or 1):
            began = time.perf_counter()
            for _ in range(1_000):
                await hooks.run(TOKEN_BATCH, _BATCH)
            spent += time.perf_counter() - began
            # As between the parts of a reply: here the times are summed.
            await hooks.flush()
    return spent / (calls // 1_000 or 1) / 1_000 * 1e6


async def ten_hooks_in_all(calls: int) -> float:
    """Return the microseconds of processor time of a passing, with the summing of the hooks' times."""
    async with _ten() as hooks:
        began = time.process_time()
        for _ in range(calls // 1_000 or 1):
            for _ in range(1_000):
                await hooks.run(TOKEN_BATCH, _BATCH)
            await hooks.flush()
        return (time.process_time() - began) / (calls // 1_000 or 1) / 1_000 * 1e6


@asynccontextmanager
async def _ten() -> AsyncIterator[Hooks]:
    hooks = Hooks(EventBus())
    await hooks.add(
        Hook(id=f"bench.{number}", point=TOKEN_BATCH.name, function=_nothing, trusted=True)
        for number in range(_HOOKS)
    )
    try:
        yield hooks
    finally:
        await hooks.close()


async def ten_of_pluggy(calls: int) -> float:
    """Return the microseconds of one call of ten pluggy implementations that do nothing."""
    specification, implementation = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Specification:
        @specification
        def token_batch(self, context: HookContext[Any]) -> None:
            """See the point of this name."""

    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Specification)
    for _ in range(_HOOKS):

        class Implementation:
            @implementation
            def token_batch(self, context: HookContext[Any]) -> None:
                """Do nothing."""

        manager.register(Implementation())
    context = HookContext(TOKEN_BATCH.name, _BATCH)
    began = time.perf_counter()
    for _ in range(calls):
        manager.hook.token_batch(context=context)
    return (time.perf_counter() - began) / calls * 1e6


async def bad_hooks(seconds: float) -> tuple[float, float]:
    """Return the share of bad hooks in per cent, and the seconds until they run again once they behave."""
    misbehave = True

    def sleeps(_context: HookContext[Any]) -> None:
        if misbehave:
            time.sleep(_BAD_SECONDS)

    def spins(_context: HookContext[Any]) -> None:
        until = time.perf_counter() + _BAD_SECONDS
        while misbehave and time.perf_counter() < until:
            pass

    def raises(_context: HookContext[Any]) -> None:
        if misbehave:
            raise ValueError

    hooks = Hooks(EventBus())
    functions: list[Callable[[HookContext[Any]], None]] = [sleeps, spins, raises]
    await hooks.add(
        Hook(id=f"bench.{function.__name__}", point=MESSAGE_RECEIVED.name, function=function)
        for function in functions
    )
    wrapped = 0.0

    async def turn() -> None:
        nonlocal wrapped
        began = time.perf_counter()
        with hooks.operation("turn"):
            await hooks.run(MESSAGE_RECEIVED, _MESSAGE)
            await asyncio.sleep(_TURN_SECONDS)
        wrapped += time.perf_counter() - began

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await turn()
    await hooks.flush()
    spent = sum(status.total_ms for status in hooks.statuses()) / 1_000
    share = spent / wrapped * 100
    say(f"bad hooks: {spent:.3f} s of {wrapped:.1f} s")
    misbehave = False
    began = time.monotonic()
    while (
        any(status.state != "enabled" for status in hooks.statuses()) and time.monotonic() < began + seconds
    ):
        await turn()
        await hooks.flush()
    recovered = time.monotonic() - began
    await hooks.close()
    return share, recovered


async def _turns(count: int) -> list[Any]:
    """Return the milliseconds of turns with and without the built-in hooks, in pairs."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            ours = await stack.enter_async_context(_guide(Path(folder, "with")))
            peer = await stack.enter_async_context(_guide(Path(folder, "without"), plugins=False))
            for workbench in (ours, peer):
                for _ in range(3):
                    await _turn(workbench)
            return await in_turns("turns", lambda: _turn(ours), lambda: _turn(peer), count, repeat=False)


@asynccontextmanager
async def _guide(folder: Path, *, plugins: bool = True) -> AsyncIterator[Workbench]:
    @asynccontextmanager
    async def none(workbench: Workbench) -> AsyncIterator[Plugins]:
        yield Plugins(Breakpoints(workbench.bus))

    replace = {} if plugins else {"plugins": Service(("store", "log", "hooks"), none)}
    async with Workbench.open(folder, environ={}, replace=replace) as workbench:
        yield workbench


async def _turn(workbench: Workbench) -> float:
    session = await workbench.sessions.create()
    began = time.perf_counter()
    async with aclosing(workbench.chat.send(session.id, _QUESTION)) as parts:
        async for _ in parts:
            pass
    return (time.perf_counter() - began) * 1e3
