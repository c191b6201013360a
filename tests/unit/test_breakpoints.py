"""Breakpoints: pauses, answers, conditions, and the plugin that has hooks only where they stand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from workbench.app.errors import EventError, HookError
from workbench.app.hooks import points
from workbench.app.hooks.hook import HookContext
from workbench.app.hooks.results import Cancel, Continue, Modified
from workbench.app.hooks.run import Outcome
from workbench.app.hooks.values import MessageText, TurnFacts
from workbench.app.paths import Paths
from workbench.plugins.debugging.plugin import DebuggingPlugin
from workbench.tests.unit.plugin_kit import SOON_S, TURN, Plugged, plugged

HELLO = MessageText(text="hello")
Place = Plugged[DebuggingPlugin]


async def stop_at(place: Place, point: str, when: str = "") -> None:
    """Set a breakpoint and wait for its hook."""
    place.breakpoints.set(point, when)
    await place.breakpoints.applied()


def begin(place: Place, value: MessageText = HELLO) -> asyncio.Task[Outcome[MessageText]]:
    return asyncio.create_task(place.run(points.MESSAGE_RECEIVED, value))


async def paused(place: Place) -> str:
    """Wait until something waits and return its id."""
    async with asyncio.timeout(SOON_S):
        while not place.breakpoints.pending():
            await asyncio.sleep(0)
    return place.breakpoints.pending()[0].pause_id


async def test_without_a_breakpoint_there_is_no_hook(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        assert place.hooks.statuses() == []
        await stop_at(place, "message:received")
        (status,) = place.hooks.statuses()
        assert (status.id, status.where, status.priority) == ("debugging.pause@message:received", "task", 0)
        assert place.plugin.snapshot() == {"breakpoints": ["message:received"], "waiting": 0}
        place.breakpoints.clear()
        await place.breakpoints.applied()
        assert place.hooks.statuses() == []


@pytest.mark.parametrize(
    ("answer", "text", "decision"),
    [
        (Continue(), "hello", None),
        (Modified({"text": "hi"}), "hi", None),
        (Modified(MessageText(text="ho")), "ho", None),
        (Cancel("no"), "hello", Cancel("no")),
    ],
)
async def test_a_pause_waits_and_takes_its_answer(
    paths: Paths, answer: Any, text: str, decision: Cancel | None
) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received")
        running = begin(place)
        pause_id = await paused(place)
        (pause,) = place.breakpoints.pending()
        assert (pause.point, pause.value, pause.scope) == ("message:received", HELLO, TURN)
        assert pause.answers == ("continue", "modified", "cancel")
        place.breakpoints.answer(pause_id, answer)
        outcome = await running
        assert (outcome.value.text, outcome.decision) == (text, decision)
        assert place.breakpoints.pending() == ()


async def test_pauses_and_their_ends_are_told(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        events = place.bus.subscribe("core:hook:*")
        await stop_at(place, "message:received")
        running = begin(place)
        place.breakpoints.answer(await paused(place), Continue())
        await running
        told = {event.name: event for event in await events.next_batch()}
        assert told["core:hook:paused"].payload["value"] == {"text": "hello", "message_id": ""}
        assert told["core:hook:paused"].correlation_id == TURN.correlation_id
        assert told["core:hook:resumed"].payload["outcome"] == "continue"


async def test_answers_that_make_no_sense_leave_it_waiting(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "turn:finished")
        facts = TurnFacts(message_id="m")
        running = asyncio.create_task(place.run(points.TURN_FINISHED, facts))
        pause_id = await paused(place)
        assert place.breakpoints.pending()[0].answers == ("continue",)
        for answer, code in ((Cancel("no"), "hook.bad_result"), (Modified({}), "hook.bad_result")):
            with pytest.raises(HookError) as caught:
                place.breakpoints.answer(pause_id, answer)
            assert caught.value.code == code
        place.breakpoints.answer(pause_id, Continue())
        with pytest.raises(HookError) as caught:
            place.breakpoints.answer(pause_id, Continue())
        assert caught.value.code == "hook.not_found"
        await running


async def test_a_value_that_does_not_fit_is_refused(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received")
        running = begin(place)
        pause_id = await paused(place)
        with pytest.raises(HookError) as caught:
            place.breakpoints.answer(pause_id, Modified({"text": 3}))
        assert caught.value.code == "hook.bad_value"
        place.breakpoints.answer(pause_id, Continue())
        assert (await running).value == HELLO


async def test_a_condition_says_when_it_stops(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received", 'payload.text ~ "secret"')
        assert (await place.run(points.MESSAGE_RECEIVED, HELLO)).value == HELLO
        running = begin(place, MessageText(text="a SECRET"))
        place.breakpoints.answer(await paused(place), Cancel("not that"))
        assert (await running).decision == Cancel("not that")


async def test_what_nobody_answers_goes_on_and_says_so(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths, debugging__wait_s=0.01) as place:
        await stop_at(place, "message:received")
        assert (await place.run(points.MESSAGE_RECEIVED, HELLO)).value == HELLO
        (notice,) = await place.told("core:system:notice")
        assert notice.payload["code"] == "hook.timeout"
        assert place.breakpoints.pending() == ()


async def test_the_end_of_a_turn_ends_its_pause(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received")
        running = begin(place)
        await paused(place)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert place.breakpoints.pending() == ()
        (resumed,) = await place.told("core:hook:resumed")
        assert resumed.payload["outcome"] == "cancelled"


async def test_clearing_lets_go_on_what_waits(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received")
        await stop_at(place, "turn:finished")
        running = begin(place)
        await paused(place)
        place.breakpoints.clear("turn:finished")
        assert len(place.breakpoints.pending()) == 1
        place.breakpoints.clear("message:received")
        assert (await running).value == HELLO
        assert place.breakpoints.list() == ()


async def test_stopping_the_plugin_lets_go_on_what_waits(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received")
        running = begin(place)
        await paused(place)
    assert (await running).value == HELLO


async def test_a_person_may_take_their_time(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        await stop_at(place, "message:received")
        (status,) = place.hooks.statuses()
        assert place.hooks.get(status.id).deadline is None


async def test_wrong_points_and_conditions_are_refused(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        for point, code in (("message:recieved", "unknown_point"), ("event:publish", "no_breakpoint")):
            with pytest.raises(HookError) as caught:
                place.breakpoints.set(point)
            assert caught.value.code == f"hook.{code}"
        with pytest.raises(EventError):
            place.breakpoints.set("message:received", "payload.text ~")
        assert place.breakpoints.list() == ()


async def test_a_pause_without_a_breakpoint_is_none(paths: Paths) -> None:
    async with plugged(DebuggingPlugin, paths) as place:
        context = HookContext("message:received", HELLO)
        assert await place.breakpoints.pause(context) is None
