"""A turn with fixed times, as its events stand in the log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from workbench.app.events.event import Event
from workbench.app.workbench import Workbench

BEGAN = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
TURN = "01a1f99c-86e3-7338-a286-778f16f48235"
_RUN = {
    "hook": "security.mask_secrets@message:received",
    "plugin": "security",
    "version": "1.0.0",
    "started_ms": 0.05,
    "duration_ms": 0.7,
    "result": "modified",
}
_POINT = {"point": "message:received", "duration_ms": 0.8, "outcome": "modified", "runs": [_RUN]}
# Name, its time in ms after the message, payload; the names leave out `core:`.
_HAPPENED: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("chat:message_received", 0, {"message_id": "", "characters": 22}),
    ("hook:ran", 0.9, _POINT),
    ("model:loading", 1.5, {"name": "guide", "path": "guide.gguf"}),
    ("worker:request_finished", 184.0, {"worker": "llm", "method": "load", "duration_ms": 180.2}),
    (
        "model:loaded",
        184.2,
        {"name": "guide", "path": "guide.gguf", "context": 2048, "load_ms": 30.4},
    ),
    ("chat:step_finished", 184.4, {"step": "load", "duration_ms": 183.1, "detail": "guide"}),
    ("worker:request_finished", 186.0, {"worker": "llm", "method": "count", "duration_ms": 1.3}),
    ("chat:prompt_built", 188.0, {"tokens": 27, "context": 2048, "messages": 2, "trimmed_messages": 0}),
    (
        "chat:step_finished",
        188.2,
        {"step": "prompt", "duration_ms": 3.6, "tokens": 27, "detail": "2 sent"},
    ),
    ("chat:step_finished", 206.0, {"step": "prefill", "duration_ms": 16.4, "tokens": 27}),
    ("chat:reply_started", 206.5, {"message_id": "m2", "first_token_ms": 17.6}),
    *(
        (
            "chat:reply_progress",
            206.5 + 34 * part,
            {"message_id": "m2", "characters": 68 * part, "tokens": 20 * part, "tokens_per_second": 608.0},
        )
        for part in (1, 2, 3)
    ),
    ("tool:failed", 330.0, {"name": "files", "duration_ms": 22.0, "outcome": "timeout"}),
    ("chat:step_finished", 342.6, {"step": "decode", "duration_ms": 136.5, "tokens": 83}),
    ("worker:request_finished", 343.0, {"worker": "llm", "method": "generate", "duration_ms": 153.4}),
    ("chat:step_finished", 346.0, {"step": "store", "duration_ms": 2.6, "detail": "reply"}),
    (
        "chat:reply_finished",
        346.2,
        {
            "message_id": "m2",
            "reason": "stop",
            "characters": 280,
            "prompt_tokens": 27,
            "cached_tokens": 0,
            "reply_tokens": 83,
            "first_token_ms": 17.6,
            "duration_ms": 154.0,
            "tokens_per_second": 608.0,
        },
    ),
)


def turn_of(
    turn: str = TURN,
    *,
    session_id: str = "s1",
    message_id: str = "m1",
    after_ms: float = 0,
    first_seq: int = 1,
) -> list[Event]:
    """Return the events of a turn that began so long after `BEGAN`."""
    began = BEGAN + timedelta(milliseconds=after_ms)
    found: list[Event] = []
    for number, (name, at, payload) in enumerate(_HAPPENED):
        told = {**payload, "message_id": message_id} if payload.get("message_id") == "" else payload
        found.append(
            Event(
                name=f"core:{name}",
                source="chat",
                payload=told,
                session_id=session_id,
                correlation_id=turn,
                parent_id=f"{turn}-0" if number else None,
                id=f"{turn}-{number}",
                seq=1 + number,
                time=began + timedelta(milliseconds=at),
            )
        )
    return found


async def publish(workbench: Workbench, events: Iterable[Event]) -> None:
    """Put events into the log as if they had happened."""
    await workbench.bus.publish_many(events)
    await workbench.log.flush()
