"""What the tests of the chat share: whole turns, and conversations of any length."""

from __future__ import annotations

from collections.abc import AsyncIterator

from workbench.app.chat.parts import Part, ReplyStarted, TextDelta
from workbench.app.store.store import Store

_COLUMNS = "id, session_id, parent_id, role, status, text, created, finished, meta"


async def parts_of(turn: AsyncIterator[Part]) -> list[Part]:
    """Return all parts of a turn."""
    return [part async for part in turn]


def text_of(parts: list[Part]) -> str:
    """Return the reply that came in these parts."""
    return "".join(part.text for part in parts if isinstance(part, ReplyStarted | TextDelta))


async def add_chain(store: Store, session_id: str, count: int, text: str = "word and more") -> str:
    """Add messages, each the answer to the one before, as the branch that the session shows; return the last.

    Args:
        store: the open store.
        session_id: an empty session.
        count: how many, an even number to end with a reply.
        text: of each message.
    """
    ids = [f"{session_id}-{number:06d}" for number in range(count)]
    rows = [
        (name, session_id, parent, ("user", "assistant")[number % 2], "complete", text, number, number, "{}")
        for number, (name, parent) in enumerate(zip(ids, [None, *ids], strict=False))
    ]
    await store.append(f"INSERT INTO messages ({_COLUMNS})", rows)
    await store.write("UPDATE sessions SET head_id = ? WHERE id = ?", (ids[-1], session_id))
    return ids[-1]
