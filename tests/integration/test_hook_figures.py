"""What the built-in hooks have counted, as a command tells it."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest

from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import CommandResult, context_of
from workbench.app.errors import CommandError
from workbench.app.workbench import Workbench


async def figures(workbench: Workbench, line: str = "hooks figures") -> CommandResult:
    registry = builtin_registry()
    return await registry.run(registry.parse(line), context_of(workbench, "headless"))


async def test_turns_and_tokens_are_told_and_costs_outlive_the_process(tmp_path: Path) -> None:
    async with Workbench.open(tmp_path, environ={}) as workbench:
        session = await workbench.sessions.create()
        async with aclosing(workbench.chat.send(session.id, "hello")) as turn:
            async for _ in turn:
                pass
        await workbench.hooks.flush()
        told = await figures(workbench)
        assert told.data["metrics"]["counts"]["turns"] == 1
        assert "cost" in told.lines
        assert any("replies" in line for line in told.lines)
    async with Workbench.open(tmp_path, environ={}) as workbench:
        told = await figures(workbench, "hooks figures cost")
        assert told.data["cost"]["total"]["replies"] == 1
        assert told.data["cost"]["models"]["guide"]["written"] > 0
        with pytest.raises(CommandError, match="nothing"):
            await figures(workbench, "hooks figures nothing")
