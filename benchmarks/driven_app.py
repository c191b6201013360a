"""The full-screen program in this process, with something that works on it from within."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from workbench.app.cli_options import TuiOptions
from workbench.app.config.load import load_settings
from workbench.app.events.filter.parse import parse_filter
from workbench.app.events.reader import EventReader
from workbench.app.paths import paths_for
from workbench.app.tui import WorkbenchApp
from workbench.app.workbench import Workbench
from workbench.screens.main import MainScreen

Work = Callable[[WorkbenchApp, Workbench], Awaitable[None]]

_PATIENCE = 30.0
_LOOK_SECONDS = 0.02
_SETTINGS = {"ui.theme": "workbench-dark"}


async def run_workbench(folder: Path, work: Work) -> None:
    """Run the program on this terminal until the work is done.

    Args:
        folder: the profile's.
        work: begins when the profile is open and the model loaded; what it raises is raised again.
    """
    paths = paths_for(folder)
    options = TuiOptions(data_dir=folder, overrides=_SETTINGS)
    app = WorkbenchApp(paths, load_settings(paths, {}, _SETTINGS), options)
    working = asyncio.create_task(_work(app, work))
    await app.run_async()
    await app.finish()
    await working


async def _work(app: WorkbenchApp, work: Work) -> None:
    # Widgets look up their app by the context of whoever calls them.
    with app._context():
        try:
            await work(app, await _opened(app))
        finally:
            app.leave()


def _workbench(app: WorkbenchApp) -> Workbench | None:
    return app.screen.workbench if app.is_running and isinstance(app.screen, MainScreen) else None


async def _opened(app: WorkbenchApp) -> Workbench:
    """Wait until the program has opened its profile and loaded the model."""
    async with asyncio.timeout(_PATIENCE):
        while (workbench := _workbench(app)) is None:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(_LOOK_SECONDS)
        reader, loaded = EventReader(workbench.store), parse_filter("core:model:loaded since 1m")
        while not await reader.newest(loaded, 1):  # noqa: ASYNC110 - nor here
            await asyncio.sleep(_LOOK_SECONDS)
    return workbench
