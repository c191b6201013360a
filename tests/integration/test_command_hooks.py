"""Hooks around commands of the real registry: sent elsewhere with what the other command takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from workbench.app.commands.builtin import builtin_registry
from workbench.app.commands.command import CommandResult, context_of
from workbench.app.errors import CommandError
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Redirect
from workbench.app.workbench import Workbench

Context = HookContext[Any]


@pytest.fixture
async def workbench(tmp_path: Path) -> AsyncIterator[Workbench]:
    async with Workbench.open(tmp_path, environ={}) as opened:
        yield opened


async def sent(workbench: Workbench, line: str, to: str) -> CommandResult:
    def send(_context: Context) -> Redirect:
        return Redirect(to)

    await workbench.hooks.add([Hook(id="t.send", point="command:before", function=send)])
    registry = builtin_registry()
    return await registry.run(registry.parse(line), context_of(workbench, "headless"))


async def test_a_command_goes_to_another_with_the_arguments_that_both_take(workbench: Workbench) -> None:
    for title in ("one", "two"):
        await workbench.sessions.create(title)
    shown = await sent(workbench, "sessions list --limit 1", "sessions list")
    assert len(shown.data) == 1
    models = await sent(workbench, "sessions list", "models list")
    assert any(model["name"] == "guide" for model in models.data)


async def test_what_the_other_command_does_not_take_or_needs_is_told(workbench: Workbench) -> None:
    with pytest.raises(CommandError, match="does not take limit") as unknown:
        await sent(workbench, "sessions list --limit 1", "models list")
    assert unknown.value.code == "command.bad_argument"
    with pytest.raises(CommandError, match="is missing"):
        await sent(workbench, "models list", "sessions delete")
