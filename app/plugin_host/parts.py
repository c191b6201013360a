"""What loading plugins needs of the workbench."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from workbench.app.events.bus import EventBus
from workbench.app.hooks.hooks import Hooks
from workbench.app.plugin_host.plugin import PluginHost

Notify = Callable[[str, str, str, str], Awaitable[None]]
"""Says something to the person: level, code, message, hint."""


class HostParts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The parts of a workbench that bundled plugins and files of hooks are loaded into.

    Args:
        hooks: where hooks are registered.
        bus: where it is told what was loaded and what was not.
        notify: says something to the person.
        host_for: makes what a plugin of this name may use.
    """

    hooks: Hooks
    bus: EventBus
    notify: Notify
    host_for: Callable[[str], PluginHost]
