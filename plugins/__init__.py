"""What plugins and files of hooks import: `from workbench.plugins import hook, Modified`."""

from __future__ import annotations

from workbench.app.events.event import Event
from workbench.app.hooks import points, values
from workbench.app.hooks.composites import FirstMatch, Parallel, Sequential, Voting
from workbench.app.hooks.hook import Hook, HookContext, Scope, hook
from workbench.app.hooks.results import (
    Cache,
    Cancel,
    Continue,
    Fork,
    Modified,
    Redirect,
    Replace,
    Result,
    Retry,
    Skipped,
)
from workbench.app.plugin_host.plugin import Plugin, PluginHost

__all__ = [
    "Cache",
    "Cancel",
    "Continue",
    "Event",
    "FirstMatch",
    "Fork",
    "Hook",
    "HookContext",
    "Modified",
    "Parallel",
    "Plugin",
    "PluginHost",
    "Redirect",
    "Replace",
    "Result",
    "Retry",
    "Scope",
    "Sequential",
    "Skipped",
    "Voting",
    "hook",
    "points",
    "values",
]
