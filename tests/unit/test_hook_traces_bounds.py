"""Traces are bounded, whatever hooks answer, and a trace without its answer is not replayed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workbench.app.errors import HookError
from workbench.app.hooks.hook import HookContext
from workbench.app.hooks.points import MESSAGE_RECEIVED, MODEL_BEFORE
from workbench.app.hooks.recorder import MOST_ANSWER, MOST_CONTEXT
from workbench.app.hooks.replay import replay_run
from workbench.app.hooks.results import Fork, Replace
from workbench.app.hooks.values import MessageText, ModelCall
from workbench.tests.unit.hook_kit import bench

Context = HookContext[Any]
LONG = "word " * (MOST_ANSWER // 4)


def grows(context: Context) -> Any:
    return context.change(text=LONG)


def replaces(_context: Context) -> Any:
    return Replace(LONG)


@pytest.mark.parametrize("function", [grows, replaces])
async def test_a_long_answer_is_left_out_of_its_trace_which_is_not_replayed(function: Any) -> None:
    async with bench() as it:
        await it.add("message:received", function)
        await it.hooks.run(MESSAGE_RECEIVED, MessageText(text="hello"))
        (event,) = await it.told(":ran")
        assert len(msgspec.json.encode(event.payload)) < 2_000
        (run,) = event.payload["runs"]
        assert run["shortened"]
        assert run.get("changes", {"text": []}) == {"text": []}
        with pytest.raises(HookError, match="too large"):
            await replay_run(it.hooks, it.bus, event, 0)


async def test_an_answer_to_the_longest_context_that_is_kept_is_kept() -> None:
    def shouts(context: Context) -> Any:
        return context.change(text=context.value.text.upper())

    async with bench() as it:
        await it.add("message:received", shouts)
        await it.hooks.run(MESSAGE_RECEIVED, MessageText(text="a" * (MOST_CONTEXT - 100)))
        (event,) = await it.told(":ran")
        assert (await replay_run(it.hooks, it.bus, event, 0)).same


async def test_a_fork_is_joined_in_one_of_three_ways() -> None:
    def forks(_context: Context) -> Any:
        return Fork(({"seed": 1},), "fastest")  # type: ignore[arg-type]

    async with bench() as it:
        await it.add("model:before", forks)
        outcome = await it.hooks.run(MODEL_BEFORE, ModelCall(model="guide", messages=()))
        (run,) = await it.runs()
    assert outcome.decision is None
    assert "fastest" in run["error"]["message"]
