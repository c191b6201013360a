"""What hooks at `event:publish` do to events: masks hold whatever other hooks do, and none asks itself."""

from __future__ import annotations

from typing import Any

import msgspec

from workbench.app.hooks.event_screen import screen_events
from workbench.app.hooks.hook import Hook, HookContext
from workbench.tests.unit.hook_kit import Bench, bench

Context = HookContext[Any]
SECRET = "hunter2"
NOTICE = {"level": "info", "code": "a.b", "message": f"It is {SECRET}.", "hint": ""}


def masks(context: Context) -> Any:
    text = msgspec.json.encode(context.value.payload).decode()
    if SECRET not in text:
        return None
    return context.change(payload=msgspec.json.decode(text.replace(SECRET, "***")))


async def screened(it: Bench, *others: Any) -> None:
    screen_events(it.bus, it.hooks)
    await it.hooks.add(
        Hook(id=f"t.{each.__name__}", point="event:publish", function=each, plugin="t") for each in others
    )
    await it.hooks.add(
        [Hook(id="t.masks", point="event:publish", function=masks, priority=900, trusted=True)]
    )


async def test_a_hook_that_breaks_a_payload_does_not_undo_what_is_masked() -> None:
    def breaks(context: Context) -> Any:
        if context.value.name == "core:system:notice":
            return context.change(payload={**context.value.payload, "level": 5, "message": 7})
        return None

    async with bench() as it:
        await screened(it, breaks)
        event = await it.bus.emit("core:system:notice", NOTICE, source="test")
    assert event.payload == {**NOTICE, "message": "It is ***."}


async def test_a_field_that_cannot_be_masked_does_not_keep_the_others_from_it() -> None:
    async with bench() as it:
        await screened(it)
        facts = {"characters": 5, "message_id": SECRET}
        await it.bus.emit("core:chat:message_received", facts, source="test")

        def masks_a_number(context: Context) -> Any:
            payload = context.value.payload
            return (
                context.change(payload={**payload, "characters": "***"}) if "characters" in payload else None
            )

        await it.hooks.add(
            [Hook(id="t.number", point="event:publish", function=masks_a_number, trusted=True, priority=950)]
        )
        event = await it.bus.emit("core:chat:message_received", facts, source="test")
    assert event.payload == {"characters": 5, "message_id": "***"}


async def test_what_a_hook_publishes_or_fails_with_while_it_looks_at_an_event_is_masked() -> None:
    async with bench() as it:

        async def echoes(context: Context) -> None:
            if context.value.name == "my:thing:seen":
                await it.bus.emit("my:echo:made", context.value.payload, source="test")

        def raises(context: Context) -> None:
            if context.value.name == "my:thing:seen":
                raise ValueError(context.value.payload["text"])

        with it.bus.subscribe("*") as everything:
            await screened(it, echoes, raises)
            for _ in range(3):
                await it.bus.emit("my:thing:seen", {"text": SECRET}, source="test")
            await it.hooks.flush()
            events = await everything.next_batch()
    names = [event.name for event in events]
    assert names.count("my:echo:made") == 3
    assert "core:hook:breaker_changed" in names
    assert not any(SECRET in msgspec.json.encode(event.payload).decode() for event in events)
