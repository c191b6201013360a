"""Upkeep that is ended in the middle leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import warnings
from pathlib import Path

import pytest

from workbench.app import upkeep
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.values import Retention
from workbench.app.workbench import Workbench


async def test_upkeep_that_ends_while_it_forgets_has_begun_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_DELAY", 0)
    begun = asyncio.Event()

    async def waits(_context: HookContext[Retention]) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with Workbench.open(tmp_path, services=("log", "hooks"), environ={}) as workbench:
        await workbench.hooks.add([Hook(id="t.waits", point="store:forget", function=waits, deadline=None)])
        task = asyncio.create_task(
            upkeep.keep_up(workbench.store, workbench.hooks, workbench.settings.events, workbench.notify)
        )
        await asyncio.wait_for(begun.wait(), 10)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            task.cancel()
            await asyncio.wait({task})
            del task
            gc.collect()
    assert [str(each.message) for each in told if "never awaited" in str(each.message)] == []
