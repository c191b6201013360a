"""Loads the plugins that come with the workbench, from `plugins/`.

    async with bundled_plugins(parts) as plugins: ...

Each is a package `workbench.plugins.<name>` whose module has `PLUGIN`, a subclass of `Plugin`. One that
cannot be loaded is told in a notice; the others and the workbench go on.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Final

from workbench.app.plugin_host.parts import HostParts
from workbench.app.plugin_host.plugin import Plugin
from workbench.app.plugin_host.running import (
    Broken,
    Running,
    pass_load_point,
    start_bundled,
    stop_plugins,
    tell_of_broken,
)

BUNDLED: Final = ("security", "rate_limit", "cost", "caching", "retry", "metrics", "logging", "debugging")
"""The names of all bundled plugins."""


async def load_bundled(parts: HostParts, names: Sequence[str] = BUNDLED) -> list[Running]:
    """Import, start and register bundled plugins.

    Args:
        parts: what they are loaded into.
        names: folders under `plugins/`.

    Returns:
        Those that run; the caller stops their plugins with `stop_plugins`.
    """
    found: list[Running] = []
    for name, module in (await asyncio.to_thread(_import, names)).items():
        try:
            if isinstance(module, Exception):
                raise Broken(f"{type(module).__name__}: {module}")
            file = module.__file__ or ""
            await pass_load_point(parts.hooks, name, file)
            running = await start_bundled(parts, module.PLUGIN, file=file)
        except Broken as error:
            message = f"The bundled plugin {name} cannot be loaded: {error}."
            await tell_of_broken(parts, message, "Its hooks do not run.")
        else:
            await parts.hooks.add(running.hooks)
            found.append(running)
    return found


@asynccontextmanager
async def bundled_plugins(parts: HostParts, names: Sequence[str] = BUNDLED) -> AsyncIterator[list[Plugin]]:
    """Keep the bundled plugins loaded while the block runs; see `load_bundled`."""
    loaded = await load_bundled(parts, names)
    try:
        yield [plugin for running in loaded for plugin in running.plugins]
    finally:
        try:
            # While secrets are still masked: what ran last is told now.
            await parts.hooks.flush()
        finally:
            for running in reversed(loaded):
                await parts.hooks.remove(running.ids)
                await stop_plugins(parts, running.plugins)


def _import(names: Sequence[str]) -> dict[str, ModuleType | Exception]:
    """Return the modules by name, or why one cannot be imported. Blocks."""
    found: dict[str, ModuleType | Exception] = {}
    for name in names:
        whole = f"workbench.plugins.{name}"
        try:
            module = importlib.import_module(whole)
            found[name] = module if hasattr(module, "PLUGIN") else AttributeError(f"{whole} has no PLUGIN")
        except Exception as error:
            found[name] = error
    return found
