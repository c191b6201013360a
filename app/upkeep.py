"""What is done now and then while the workbench is open: old events are forgotten, backups are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from workbench.app.config.settings import EventSettings
from workbench.app.errors import StoreError, WorkbenchError
from workbench.app.events.log import forget_old_events
from workbench.app.hooks import points
from workbench.app.hooks.around import run_around
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.values import Backup, Retention
from workbench.app.store.store import Store

# Upkeep waits until whoever opened the workbench has had its first answers.
_DELAY: Final = 5.0
_INTERVAL: Final = 3_600.0

Notify = Callable[[str, str, str, str], Awaitable[None]]
"""Says something to the person: level, code, message, hint."""


async def keep_up(store: Store, hooks: Hooks, settings: EventSettings, notify: Notify) -> None:
    """Do all of it every hour, until cancelled.

    Args:
        store: the database.
        hooks: what is asked before.
        settings: how long events are kept.
        notify: says what could not be done.
    """
    await asyncio.sleep(_DELAY)
    while True:
        for work in (partial(forget, store, hooks, settings), partial(back_up, store, hooks)):
            try:
                await work()
            except StoreError as error:
                await notify("warning", error.code, f"Upkeep was not done: {error.message}", error.hint)
            except WorkbenchError as error:
                await notify("info", error.code, f"A hook left upkeep out: {error.message}", error.hint)
        await asyncio.sleep(_INTERVAL)


async def forget(store: Store, hooks: Hooks, settings: EventSettings) -> int:
    """Remove old events and return how many.

    Raises:
        HookError: `hook.cancelled`.
        StoreError: the database cannot be written.
    """
    wanted = Retention(keep_days=settings.keep_days, keep_rows=settings.keep_rows)
    limits = await hooks.apply(points.STORE_FORGET, wanted)
    return await forget_old_events(store, keep_days=limits.keep_days, keep_rows=limits.keep_rows)


async def back_up(store: Store, hooks: Hooks) -> None:
    """Make the daily backup if it is due.

    Raises:
        HookError: `hook.cancelled`.
        StoreError: it could not be made.
    """

    async def write(_backup: Backup) -> None:
        await store.back_up_if_due()

    await run_around(hooks, points.STORE_BACKUP, Backup(reason="daily"), write, replaced=_nothing)


def _nothing(_result: object) -> None:
    """Stand for a result that cannot be."""
