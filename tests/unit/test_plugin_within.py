"""Plugins whose hooks cause what they look at: none calls itself for ever, and no work ends the program."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from workbench.app.hooks import points
from workbench.app.hooks.event_screen import screen_events
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.values import MessageText
from workbench.app.paths import Paths
from workbench.app.plugin_host.plugin import Plugin
from workbench.tests.unit.plugin_kit import TURN, Plugged, plugged

Context = HookContext[Any]
MANY = 200


class Quiet(Plugin):
    """A plugin without hooks."""

    name = "quiet"


async def own_hook(place: Plugged[Quiet], point: str, function: Any) -> None:
    await place.plugin.host.add_hooks([Hook(id="quiet.hook", point=point, function=function)])


async def settle(place: Plugged[Quiet]) -> None:
    for _ in range(MANY):
        await asyncio.sleep(0)
    await asyncio.wait_for(place.plugin.host.settled(), 5)


async def test_a_hook_that_puts_off_an_event_for_each_event_does_not_look_at_its_own(paths: Paths) -> None:
    async with plugged(Quiet, paths) as place:
        host = place.plugin.host
        screen_events(place.bus, place.hooks)

        async def tell() -> None:
            await host.emit("quiet:thing:seen")

        await own_hook(place, "event:publish", lambda _context: host.soon(tell))
        with place.bus.subscribe("quiet:*") as seen:
            await place.bus.emit("my:thing:seen", source="test")
            await settle(place)
            assert seen.lag == 1


async def test_a_hook_whose_work_fails_for_each_notice_is_told_of_once(paths: Paths) -> None:
    async with plugged(Quiet, paths) as place:
        host = place.plugin.host

        async def fails() -> None:
            raise ValueError("no good")

        await own_hook(place, "system:notice", lambda _context: host.soon(fails))
        with place.bus.subscribe("core:system:notice") as notices:
            await host.notify("info", "a.b", "Hello.")
            await settle(place)
            told = [event.payload["code"] for event in await notices.next_batch()]
    assert sorted(told) == ["a.b", "hook.raised"]


async def test_a_hook_that_tells_something_for_each_notice_tells_it_once(paths: Paths) -> None:
    async with plugged(Quiet, paths) as place:
        host = place.plugin.host

        async def echoes(_context: Context) -> None:
            await host.notify("info", "a.echo", "And again.")

        await own_hook(place, "system:notice", echoes)
        with place.bus.subscribe("core:system:notice") as notices:
            await host.notify("info", "a.b", "Hello.")
            told = [event.payload["code"] for event in await notices.next_batch()]
    assert told == ["a.echo", "a.b"]


def exits() -> None:
    sys.exit(7)


def interrupts() -> None:
    raise KeyboardInterrupt


def cancels() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("what", [exits, interrupts, cancels])
async def test_whatever_work_does_what_follows_is_done(paths: Paths, what: Any) -> None:
    done: list[str] = []

    async def first() -> None:
        what()

    async def second() -> None:
        done.append("second")

    async with plugged(Quiet, paths) as place:
        place.plugin.host.begin(first, "first")
        place.plugin.host.soon(first)
        place.plugin.host.soon(second)
        await settle(place)
        await place.run(points.MESSAGE_RECEIVED, MessageText(text="hello"), TURN)
        assert done == ["second"]


async def test_nothing_begins_after_the_plugin_has_ended(paths: Paths) -> None:
    async with plugged(Quiet, paths) as place:
        host = place.plugin.host
    host.begin(asyncio.Event().wait, "late")
    assert [task for task in asyncio.all_tasks() if task.get_name() == "plugin-quiet-late"] == []
