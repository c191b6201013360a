"""What a session and a message are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Status = Literal["complete", "streaming", "cancelled", "interrupted", "failed"]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation.

    Args:
        id: UUIDv7 text.
        title: what a list shows; the first message's beginning until it is renamed.
        created: when it was made, UTC.
        updated: when a message was last added, UTC.
        head_id: newest message of the branch that is shown; None before the first message.
        model: name of the model that answered last.
        draft: text that was being written.
        messages: how many messages it has over all branches.
    """

    id: str
    title: str
    created: datetime
    updated: datetime
    head_id: str | None = None
    model: str | None = None
    draft: str = ""
    messages: int = 0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a session's tree.

    Args:
        id: UUIDv7 text.
        session_id: its session.
        parent_id: the message before it; None for a first message.
        role: who speaks.
        status: `streaming` while it grows, then how it ended.
        text: what was said.
        created: when it was begun, UTC.
        finished: when it ended, UTC.
        model: name of the model that wrote it.
        correlation_id: the turn it belongs to.
        meta: usage, timings and the error, as JSON-able data.
    """

    id: str
    session_id: str
    parent_id: str | None
    role: Role
    status: Status
    text: str
    created: datetime
    finished: datetime | None = None
    model: str | None = None
    correlation_id: str | None = None
    meta: dict[str, Any] = {}
