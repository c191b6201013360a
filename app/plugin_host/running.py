"""What runs under one name: plugins and plain hooks, started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from workbench.app.errors import HookError
from workbench.app.hooks.hook import Hook, HookContext, hooks_in
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.points import PLUGIN_LOAD
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.values import PluginFile
from workbench.app.plugin_host.parts import HostParts
from workbench.app.plugin_host.plugin import Plugin, PluginHost
from workbench.app.text import storable

START_SECONDS: Final = 5.0
"""How long a plugin may take to start, and to stop."""


class Broken(Exception):
    """Something cannot be loaded; the text says why.

    Args:
        message: one sentence without its full stop.
        line: the line in the file, 0 when there is none.
    """

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class Running(msgspec.Struct, frozen=True, eq=False):
    """What runs under one name.

    Args:
        name: the plugin's name.
        version: the plugin's version.
        hooks: its hooks, in the order of their definition.
        plugins: its plugins with state.
    """

    name: str
    version: str
    hooks: tuple[Hook, ...]
    plugins: tuple[Plugin, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its hooks."""
        return frozenset(hook.id for hook in self.hooks)


async def tell_of_broken(parts: HostParts, message: str, hint: str, *, level: str = "error") -> None:
    """Say that something could not be loaded, or holds nothing.

    Args:
        parts: where it is said.
        message: what happened.
        hint: what follows, or what to do.
        level: info, warning or error.
    """
    error = HookError("file_broken", storable(message), hint)
    await parts.notify(level, error.code, error.message, error.hint)


async def pass_load_point(hooks: Hooks, name: str, file: str) -> None:
    """Ask the hooks whether something may be loaded.

    Raises:
        Broken: one does not want it.
    """
    asked = await hooks.run(PLUGIN_LOAD, PluginFile(name=name, path=file))
    if isinstance(asked.decision, Cancel):
        raise Broken(f"the hook {asked.hook} does not want it: {asked.decision.reason}")


async def start_bundled(parts: HostParts, kind: type[Plugin], *, file: str) -> Running:
    """Make and start a plugin that is part of the workbench.

    Args:
        parts: what it is loaded into.
        kind: the plugin's class.
        file: the file it comes from.

    Raises:
        Broken: it raised, or did not start in time.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            plugin = kind(parts.host_for(kind.name))
            await plugin.start()
    except TimeoutError:
        raise Broken(f"it did not start within {START_SECONDS:.0f} seconds") from None
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}") from error
    hooks = hooks_in(plugin, kind.name, kind.version, file=file, trusted=True)
    return Running(kind.name, kind.version, tuple(hooks), (plugin,))


async def start_plugins(
    parts: HostParts, kinds: Iterable[type[Plugin]], name: str, *, file: str
) -> tuple[Plugin, ...]:
    """Make and start the plugins of a file, contained as hooks are.

    Args:
        parts: what they are loaded into.
        kinds: their classes.
        name: what the file calls itself.
        file: the file.

    Raises:
        Broken: one raised, blocked or did not start in time; those before it are stopped.
    """
    started: list[Plugin] = []
    try:
        for kind in kinds:
            host = parts.host_for(name)
            try:
                await _contained(parts.hooks, partial(_begin, kind, host, started), file)
            except BaseException:
                await host.close()
                raise
    except BaseException:
        await stop_plugins(parts, started, file=file)
        raise
    return tuple(started)


async def _begin(kind: type[Plugin], host: PluginHost, started: list[Plugin]) -> None:
    plugin = kind(host)
    await plugin.start()
    started.append(plugin)


async def stop_plugins(parts: HostParts, plugins: Sequence[Plugin], *, file: str = "") -> None:
    """Stop plugins, the last one first; one that fails is told in a notice."""
    for plugin in reversed(plugins):
        try:
            await _contained(parts.hooks, plugin.stop, file)
        except Broken as error:
            message = f"The plugin {type(plugin).__name__} did not stop well: {error}."
            await parts.notify("warning", "hook.raised", message, "")
        finally:
            await plugin.host.close()


async def _contained(hooks: Hooks, call: Callable[[], Awaitable[None]], file: str) -> None:
    """Run a part of a plugin as a hook runs: with a deadline, and whatever it does.

    Raises:
        Broken: it failed.
    """

    async def run(_context: HookContext[Any]) -> None:
        await call()

    hook = Hook(id=f"load {file}", point=PLUGIN_LOAD.name, function=run, deadline=START_SECONDS, file=file)
    answer = await hooks.try_hook(hook, PluginFile(name="", path=file))
    if answer.failure is not None:
        raise Broken(answer.failure.message, answer.failure.line)
