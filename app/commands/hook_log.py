"""What the log tells of the hooks of the process that has the profile open."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from workbench.app.config.settings import HookSettings
    from workbench.app.events.event import Event
    from workbench.app.events.reader import EventReader
    from workbench.app.hooks.entry import HookStatus

_OPENED: Final = "core:store:opened"
_QUIET: Final = ("continue", "skipped")


async def statuses_in_log(reader: EventReader, settings: HookSettings) -> list[HookStatus]:
    """Return the hooks that are registered since the profile was opened, by point.

    The figures count the runs that left a trace, which runs without an answer at the points that are passed
    the most do not; shares are not known. Hooks that bundled plugins add while they run are found only
    when they were switched or moved.

    Args:
        reader: asks the log.
        settings: which bundled hooks run, and in which order, as long as the log says nothing else.

    Raises:
        StoreError: the log cannot be read.
    """
    from workbench.app.events.filter.syntax import All, AnyOf, Compare, Name
    from workbench.app.hooks.points import POINTS

    opened = await reader.newest(Name(_OPENED), 1)
    since = Compare(("seq",), ">", opened[0].seq if opened else 0)
    kinds = ("registered", "removed", "changed", "breaker_changed", "ran")
    names = AnyOf(tuple(Name(f"core:hook:{kind}") for kind in kinds))
    found = await asyncio.to_thread(_bundled, settings)
    async for event in reader.each(All((names, since))):
        _take(found, event)
    places = {name: place for place, name in enumerate(POINTS)}
    return sorted(found.values(), key=lambda hook: (places.get(hook.point, len(places)), hook.priority))


def _bundled(settings: HookSettings) -> dict[str, HookStatus]:
    """Return the hooks that the bundled plugins define, by id. Blocks."""
    from workbench.app.hooks.hook import hooks_in
    from workbench.app.hooks.preferences import read_preferences
    from workbench.app.plugin_host.bundled import BUNDLED

    chosen = read_preferences(settings.disabled, settings.priorities)
    found: dict[str, HookStatus] = {}
    for name in BUNDLED:
        plugin = importlib.import_module(f"workbench.plugins.{name}").PLUGIN
        for hook in hooks_in(plugin, plugin.name, plugin.version):
            facts = {
                "hook": hook.id,
                "point": hook.point,
                "plugin": hook.plugin,
                "version": hook.version,
                "priority": chosen.priorities.get(hook.id, hook.priority),
                "enabled": hook.id not in chosen.disabled,
            }
            found[hook.id] = _status(facts)
    return found


def _take(found: dict[str, HookStatus], event: Event) -> None:
    facts = event.payload
    match event.name.rpartition(":")[2]:
        case "registered":
            found[facts["hook"]] = _status(facts)
        case "removed":
            found.pop(facts["hook"], None)
        case "changed":
            found.setdefault(facts["hook"], _status(facts))
            _change(found, facts["hook"], state=_state(facts), priority=facts["priority"])
        case "breaker_changed":
            state = "enabled" if facts["state"] == "closed" else facts["state"]
            _change(found, facts["hook"], state=state, reason=facts.get("reason", ""))
        case "ran":
            for run in facts["runs"]:
                _count(found, run)


def _status(facts: dict[str, Any]) -> HookStatus:
    from workbench.app.hooks.entry import HookStatus

    return HookStatus(
        id=facts["hook"],
        point=facts["point"],
        plugin=facts["plugin"],
        version=facts["version"],
        priority=facts["priority"],
        state=_state(facts),
        where="",
    )


def _state(facts: dict[str, Any]) -> str:
    return "enabled" if facts["enabled"] else "disabled"


def _change(found: dict[str, HookStatus], hook: str, **changes: Any) -> None:
    if hook in found:
        found[hook] = msgspec.structs.replace(found[hook], **changes)


def _count(found: dict[str, HookStatus], run: dict[str, Any]) -> None:
    known = found.get(run["hook"])
    if known is None:
        return
    runs, took = known.runs + 1, float(run["duration_ms"])
    total = known.total_ms + took
    failed = run["result"] == "failed"
    error = run.get("error") or {}
    _change(
        found,
        run["hook"],
        runs=runs,
        failures=known.failures + failed,
        changes=known.changes + (not failed and run["result"] not in _QUIET),
        total_ms=round(total, 3),
        mean_us=round(total * 1000 / runs, 1),
        max_ms=max(known.max_ms, took),
        last_error=f"{error.get('code')}: {error.get('message')}" if failed else known.last_error,
    )
