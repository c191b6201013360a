"""The plugins of an open workbench."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from workbench.app.config.settings import Settings
from workbench.app.events.bus import EventBus
from workbench.app.events.reader import EventReader
from workbench.app.hooks.breakpoints import Breakpoints
from workbench.app.hooks.hooks import Hooks
from workbench.app.paths import Paths
from workbench.app.plugin_host.bundled import bundled_plugins
from workbench.app.plugin_host.hook_files import HookFiles
from workbench.app.plugin_host.parts import HostParts, Notify
from workbench.app.plugin_host.plugin import Plugin, PluginHost, PluginParts


class Plugins(msgspec.Struct, frozen=True, eq=False):
    """What is loaded.

    Args:
        breakpoints: what stops at points.
        bundled: the plugins that come with the workbench.
        files: the person's own files of hooks; None where nothing is loaded.
    """

    breakpoints: Breakpoints
    bundled: tuple[Plugin, ...] = ()
    files: HookFiles | None = None


@asynccontextmanager
async def open_plugins(
    *,
    hooks: Hooks,
    bus: EventBus,
    paths: Paths,
    reader: EventReader,
    settings: Callable[[], Settings],
    notify: Notify,
) -> AsyncIterator[Plugins]:
    """Keep the bundled plugins and the files of the hooks folder loaded while the block runs.

    Args:
        hooks: where their hooks are registered.
        bus: where it is told what was loaded.
        paths: the profile.
        reader: asks the event log.
        settings: returns the settings in force.
        notify: says something to the person.
    """
    breakpoints = Breakpoints(bus)
    parts = PluginParts(
        bus=bus, hooks=hooks, paths=paths, settings=settings, breakpoints=breakpoints, reader=reader
    )
    host_parts = HostParts(
        hooks=hooks,
        bus=bus,
        notify=notify,
        host_for=lambda name: PluginHost(name, parts),
    )
    async with (
        bundled_plugins(host_parts) as bundled,
        HookFiles(_folder(settings(), paths), host_parts, watch=settings().hooks.watch) as files,
    ):
        yield Plugins(breakpoints, tuple(bundled), files)


def _folder(settings: Settings, paths: Paths) -> Path:
    chosen = settings.hooks.folder
    return Path(chosen).expanduser() if chosen else paths.data_dir / "hooks"
