"""Keeps the messages of a session as a tree: new branches are added, nothing is overwritten."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from workbench.app.errors import SessionError
from workbench.app.events.ids import new_id
from workbench.app.events.rows import from_microseconds, microseconds
from workbench.app.sessions.session import Message, Role, Status
from workbench.app.sessions.sessions import UNTITLED, make_title
from workbench.app.store.store import Store
from workbench.app.store.writer import Statement

_COLUMNS: Final = (
    "id, session_id, parent_id, role, status, text, created, finished, model, correlation_id, meta"
)
# Only constants become SQL here; every value is a parameter.
_SELECT: Final = f"SELECT {_COLUMNS} FROM messages"  # noqa: S608
_INSERT: Final = f"INSERT INTO messages ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_PATH: Final = (
    "WITH RECURSIVE path (depth, message, parent) AS ("  # noqa: S608
    " SELECT 0, id, parent_id FROM messages WHERE id = ?"
    " UNION ALL SELECT depth + 1, m.id, m.parent_id FROM messages AS m JOIN path ON m.id = path.parent"
    " WHERE depth + 1 < ?)"
    f" SELECT {_COLUMNS} FROM path JOIN messages ON id = message ORDER BY depth DESC"
)
_DEPTH: Final = (
    "WITH RECURSIVE path (parent) AS (SELECT parent_id FROM messages WHERE id = ?"
    " UNION ALL SELECT m.parent_id FROM messages AS m JOIN path ON m.id = path.parent)"
    " SELECT count(*) FROM path"
)
_FINISH: Final = (
    "UPDATE messages SET text = ?, status = ?, finished = ?, meta = ? WHERE id = ? AND status = 'streaming'"
    " RETURNING 1"
)
_TOUCH: Final = "UPDATE sessions SET updated = ? WHERE id = (SELECT session_id FROM messages WHERE id = ?)"
_EVERYTHING: Final = 1_000_000


class Messages:
    """The messages of one profile's sessions.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self, session_id: str, parent_id: str | None, role: Role, text: str, correlation_id: str | None = None
    ) -> Message:
        """Add a finished message below `parent_id`, make it the session's head and return it.

        The session's title follows its first message until somebody renames it.

        Raises:
            StoreError: it was not kept.
        """
        now = datetime.now(UTC)
        message = Message(
            id=new_id(),
            session_id=session_id,
            parent_id=parent_id,
            role=role,
            status="complete",
            text=text,
            created=now,
            finished=now,
            correlation_id=correlation_id,
        )
        await self._store.write_all(
            [
                *_insert(message),
                (
                    "UPDATE sessions SET title = ? WHERE id = ? AND title = ?",
                    (make_title(text), session_id, UNTITLED),
                ),
            ]
        )
        return message

    async def begin_reply(
        self,
        session_id: str,
        parent_id: str,
        *,
        model: str,
        correlation_id: str,
        text: str = "",
        message_id: str | None = None,
    ) -> Message:
        """Add a reply that is about to stream, make it the session's head and return it.

        Args:
            session_id: its session.
            parent_id: the message that it answers.
            model: name of the model that writes it.
            correlation_id: the turn.
            text: what it begins with, when an interrupted reply is continued.
            message_id: its id, for a caller that must know it even when this is cancelled; a new one if None.

        Raises:
            StoreError: it was not kept.
        """
        reply = Message(
            id=message_id or new_id(),
            session_id=session_id,
            parent_id=parent_id,
            role="assistant",
            status="streaming",
            text=text,
            created=datetime.now(UTC),
            model=model,
            correlation_id=correlation_id,
        )
        await self._store.write_all(
            [*_insert(reply), ("UPDATE sessions SET model = ? WHERE id = ?", (model, session_id))]
        )
        return reply

    async def set_model(self, message_id: str, model: str) -> None:
        """Note that another model writes a streaming reply.

        Raises:
            StoreError: it was not kept.
        """
        await self._store.write("UPDATE messages SET model = ? WHERE id = ?", (model, message_id))

    async def save_partial(self, message_id: str, text: str) -> None:
        """Keep what a streaming reply has so far.

        Raises:
            StoreError: it was not kept.
        """
        await self._store.write(
            "UPDATE messages SET text = ? WHERE id = ? AND status = 'streaming'", (text, message_id)
        )

    async def finish(self, message_id: str, text: str, status: Status, meta: dict[str, Any]) -> bool:
        """End a streaming reply; False when there is none of that id, as after its session was deleted.

        Args:
            message_id: the reply.
            text: all of it.
            status: how it ended.
            meta: usage, timings, the error.

        Raises:
            StoreError: it was not kept.
        """
        now = microseconds(datetime.now(UTC))
        values = (text, status, now, msgspec.json.encode(meta).decode(), message_id)
        return bool(await self._store.write_all([(_TOUCH, (now, message_id)), (_FINISH, values)]))

    async def get(self, message_id: str) -> Message:
        """Return a message.

        Raises:
            SessionError: `session.not_found`.
        """
        rows = await self._store.read(_SELECT + " WHERE id = ?", (message_id,))
        if not rows:
            raise SessionError("not_found", f"There is no message {message_id!r}.")
        return _message(rows[0])

    async def path(self, head_id: str | None, limit: int = _EVERYTHING) -> list[Message]:
        """Return the branch that ends with `head_id`, oldest first; at most the newest `limit` messages."""
        if head_id is None:
            return []
        return [_message(row) for row in await self._store.read(_PATH, (head_id, limit))]

    async def depth(self, head_id: str | None) -> int:
        """Return how many messages the branch that ends with `head_id` has."""
        if head_id is None:
            return 0
        return int((await self._store.read(_DEPTH, (head_id,)))[0][0])

    async def siblings(self, message: Message) -> list[Message]:
        """Return the versions that stand at a message's place, itself too, oldest first."""
        rows = await self._store.read(
            _SELECT + " WHERE session_id = ? AND parent_id IS ? AND role = ? ORDER BY id",
            (message.session_id, message.parent_id, message.role),
        )
        return [_message(row) for row in rows]

    async def newest_leaf(self, message_id: str) -> str:
        """Return the id of the newest message that has no answer below `message_id`."""
        rows = await self._store.read(
            "WITH RECURSIVE below (id) AS (SELECT ? UNION ALL"
            " SELECT m.id FROM messages AS m JOIN below ON m.parent_id = below.id)"
            " SELECT max(id) FROM below WHERE id NOT IN"
            " (SELECT parent_id FROM messages WHERE parent_id IN (SELECT id FROM below))",
            (message_id,),
        )
        return str(rows[0][0])

    async def show(self, message: Message) -> str:
        """Make the branch through a message the one that its session shows; return the new head's id.

        Raises:
            StoreError: it was not kept.
        """
        head = await self.newest_leaf(message.id)
        await self._store.write("UPDATE sessions SET head_id = ? WHERE id = ?", (head, message.session_id))
        return head

    async def recover(self) -> list[Message]:
        """Mark replies that an earlier process left unfinished as interrupted, and return them.

        Call it once when the profile is opened, before any turn.

        Raises:
            StoreError: the marks were not kept.
        """
        rows = await self._store.read(_SELECT + " WHERE status = 'streaming'")
        if rows:
            await self._store.write(
                "UPDATE messages SET status = 'interrupted', finished = ? WHERE status = 'streaming'",
                (microseconds(datetime.now(UTC)),),
            )
        return [msgspec.structs.replace(_message(row), status="interrupted") for row in rows]


def _insert(message: Message) -> list[Statement]:
    """Return the statements that add a message and make it its session's head."""
    created = microseconds(message.created)
    values = (
        message.id,
        message.session_id,
        message.parent_id,
        message.role,
        message.status,
        message.text,
        created,
        microseconds(message.finished) if message.finished else None,
        message.model,
        message.correlation_id,
        msgspec.json.encode(message.meta).decode(),
    )
    return [
        (_INSERT, values),
        (
            "UPDATE sessions SET head_id = ?, updated = ? WHERE id = ?",
            (message.id, created, message.session_id),
        ),
    ]


def _message(row: tuple[Any, ...]) -> Message:
    return Message(
        id=row[0],
        session_id=row[1],
        parent_id=row[2],
        role=row[3],
        status=row[4],
        text=row[5],
        created=from_microseconds(row[6]),
        finished=from_microseconds(row[7]) if row[7] is not None else None,
        model=row[8],
        correlation_id=row[9],
        meta=msgspec.json.decode(row[10]),
    )
