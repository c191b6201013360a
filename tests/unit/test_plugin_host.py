"""What a plugin may use of the workbench, and that all of it is taken back."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import Any

import pytest

from workbench.app.errors import StoreError
from workbench.app.events.event import Event
from workbench.app.events.log import EventLog
from workbench.app.events.reader import EventReader
from workbench.app.hooks import points
from workbench.app.hooks.hook import Hook, HookContext
from workbench.app.hooks.results import Cancel
from workbench.app.hooks.values import MessageText
from workbench.app.paths import Paths
from workbench.app.plugin_host.plugin import Plugin
from workbench.app.store.store import Store
from workbench.plugins import hook, values
from workbench.tests.unit.plugin_kit import SOON_S, TURN, plugged


class Small(Plugin):
    """A plugin with one hook."""

    name = "small"
    version = "3"

    @hook("message:received")
    def shout(self, context: HookContext[values.MessageText]) -> Any:
        return context.change(text=context.value.text.upper())


def quiet(_context: HookContext[Any]) -> None:
    """Do nothing."""


async def test_its_methods_are_its_hooks(paths: Paths) -> None:
    async with plugged(Small, paths) as place:
        (status,) = place.hooks.statuses()
        assert (status.id, status.plugin, status.version) == ("small.shout", "small", "3")
        outcome = await place.run(points.MESSAGE_RECEIVED, MessageText(text="hello"))
        assert outcome.value.text == "HELLO"
        assert place.plugin.snapshot() == {}


async def test_its_folder_is_its_own(paths: Paths) -> None:
    async with plugged(Small, paths) as place:
        assert not (paths.data_dir / "plugins").exists()
        folder = place.plugin.host.data_dir
        assert folder.is_dir() and folder == paths.data_dir / "plugins" / "small"


async def test_hooks_that_come_later_are_its_own_and_go_with_it(paths: Paths) -> None:
    async with plugged(Small, paths) as place:
        host = place.plugin.host
        await host.add_hooks([Hook(id="small.more", point="turn:finished", function=quiet, plugin="other")])
        assert place.hooks.get("small.more").plugin == "small"
        with pytest.raises(ValueError, match="begins with small"):
            await host.add_hooks([Hook(id="other.hook", point="turn:finished", function=quiet)])
        await host.remove_hooks(["small.shout"])
        assert len(place.hooks.statuses()) == 2
        await host.close()
        assert [status.id for status in place.hooks.statuses()] == ["small.shout"]


async def test_events_and_notices_carry_their_turn(paths: Paths) -> None:
    async with plugged(Small, paths) as place:
        event = await place.plugin.host.emit("small:thing:done", {"n": 1}, TURN)
        assert event.source == "plugin.small" and event.correlation_id == TURN.correlation_id
        await place.plugin.host.notify("info", "small.done", "It is done.", scope=TURN)
        (notice,) = await place.told("core:system:notice")
        assert notice.payload["message"] == "It is done." and notice.session_id == TURN.session_id


async def test_notices_pass_the_hooks_of_notices(paths: Paths) -> None:
    def refuse(_context: HookContext[Any]) -> Cancel:
        return Cancel("not now")

    async with plugged(Small, paths) as place:
        await place.hooks.add([Hook(id="test.refuse", point="system:notice", function=refuse)])
        await place.plugin.host.notify("info", "small.done", "It is done.")
        assert await place.told("core:system:notice") == []


async def test_work_is_done_in_order_from_any_thread(paths: Paths) -> None:
    done: list[int] = []

    async def note(number: int) -> None:
        done.append(number)

    async with plugged(Small, paths) as place:
        host = place.plugin.host
        host.soon(lambda: note(1))
        thread = threading.Thread(target=host.soon, args=(lambda: note(2),))
        thread.start()
        async with asyncio.timeout(SOON_S):
            while len(done) < 2:
                await asyncio.sleep(0)
        thread.join()
        assert done == [1, 2]


async def test_work_that_fails_is_told_and_ends_nothing(paths: Paths) -> None:
    async def fail(error: Exception) -> None:
        raise error

    async with plugged(Small, paths) as place:
        place.plugin.host.soon(lambda: fail(ValueError("no")))
        place.plugin.host.soon(lambda: fail(StoreError("full", "The disk is full.")))
        place.plugin.host.begin(lambda: fail(KeyError("x")), "test")
        notices = await place.told("core:system:notice")
        assert sorted(notice.payload["message"] for notice in notices) == [
            "The plugin small failed: KeyError: 'x'",
            "The plugin small failed: The disk is full.",
            "The plugin small failed: ValueError: no",
        ]


async def test_too_much_work_is_left_out_and_counted(paths: Paths) -> None:
    done: list[None] = []

    async def note() -> None:
        done.append(None)

    async with plugged(Small, paths) as place:
        for _ in range(300):
            place.plugin.host.soon(note)
        await place.plugin.host.settled()
        assert len(done) == 256 and place.plugin.host.dropped == 44


async def test_work_does_not_run_in_the_context_of_the_hook_that_asked(paths: Paths) -> None:
    inside: ContextVar[bool] = ContextVar("inside", default=False)
    seen: list[bool] = []

    async def look() -> None:
        seen.append(inside.get())

    async with plugged(Small, paths) as place:
        token = inside.set(True)
        place.plugin.host.soon(look)
        place.plugin.host.begin(look, "look")
        await place.plugin.host.settled()
        await place.quiet()
        inside.reset(token)
        assert seen == [False, False]


async def test_what_runs_and_listens_ends_with_the_plugin(paths: Paths) -> None:
    async with plugged(Small, paths) as place:
        host = place.plugin.host
        events = host.subscribe("core:*")
        ended = asyncio.Event()

        async def for_ever() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        host.begin(for_ever, "for-ever")
        await asyncio.sleep(0)
        await host.close()
        assert ended.is_set() and events.closed
        host.soon(for_ever)
        await host.settled()


async def test_the_past_is_empty_without_a_log(paths: Paths) -> None:
    async with plugged(Small, paths) as place:
        assert [event async for event in place.plugin.host.past_events("*")] == []


async def test_the_past_is_read_from_the_log_newest_first(paths: Paths, store: Store) -> None:
    async with plugged(Small, paths, EventReader(store)) as place:
        log = EventLog(store, place.bus)
        for number in range(2_500):
            await place.bus.publish(Event(name="small:thing:done", source="t", payload={"n": number}))
        await log.flush()
        found = [event.payload["n"] async for event in place.plugin.host.past_events("small:thing:*")]
        assert found == list(range(2_499, -1, -1))
        await log.close()
