"""Keeps the sessions: make, find, list, rename, delete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from workbench.app.errors import SessionError
from workbench.app.events.bus import EventBus
from workbench.app.events.ids import new_id
from workbench.app.events.rows import from_microseconds, microseconds
from workbench.app.hooks import points
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import Hooks
from workbench.app.hooks.values import SessionTitle
from workbench.app.sessions.session import Session
from workbench.app.store.store import Store
from workbench.app.text import storable

TITLE_LENGTH: Final = 60
_TITLE_SOURCE: Final = 1_000  # characters that are looked at for a title
UNTITLED: Final = "New session"
_SELECT: Final = (
    "SELECT id, title, created, updated, head_id, model, draft,"
    " (SELECT count(*) FROM messages WHERE session_id = sessions.id) FROM sessions"
)


class Sessions:
    """The sessions of one profile.

    Args:
        store: where they are kept.
        bus: where changes are told.
        hooks: what is asked before a session is made, renamed or deleted.
    """

    def __init__(self, store: Store, bus: EventBus, hooks: Hooks | None = None) -> None:
        self._hooks = hooks or Hooks(bus)
        self._store = store
        self._bus = bus

    async def create(self, title: str = "") -> Session:
        """Make an empty session.

        Raises:
            StoreError: it could not be kept.
            HookError: `hook.cancelled`.
        """
        title = (await self._hooks.apply(points.SESSION_CREATE, SessionTitle(title=title))).title
        now = datetime.now(UTC)
        session = Session(id=new_id(), title=make_title(title), created=now, updated=now)
        await self._store.write(
            "INSERT INTO sessions (id, title, created, updated) VALUES (?, ?, ?, ?)",
            (session.id, session.title, microseconds(now), microseconds(now)),
        )
        await self._bus.emit(
            "core:session:created", {"title": session.title}, source="sessions", session_id=session.id
        )
        return session

    async def get(self, session_id: str) -> Session:
        """Return the session whose id is, or begins or ends with, `session_id`.

        Raises:
            SessionError: `session.not_found` or `session.ambiguous`.
        """
        session_id = storable(session_id)
        rows = await self._store.read(_SELECT + " WHERE id = ?", (session_id,))
        if not rows and len(session_id) >= 4:
            rows = await self._store.read(
                _SELECT + " WHERE substr(id, 1, ?) = ? OR substr(id, -?) = ? LIMIT 2",
                (len(session_id), session_id, len(session_id), session_id),
            )
        if not rows:
            raise SessionError(
                "not_found", f"There is no session {session_id!r}.", "`workbench sessions list` shows them."
            )
        if len(rows) > 1:
            raise SessionError(
                "ambiguous",
                f"More than one session begins or ends with {session_id!r}.",
                "Write more of the id.",
            )
        return _session(rows[0])

    async def list(self, limit: int = 100) -> list[Session]:
        """Return the sessions, newest first, at most `limit`."""
        rows = await self._store.read(_SELECT + " ORDER BY updated DESC, id DESC LIMIT ?", (limit,))
        return [_session(row) for row in rows]

    async def latest(self) -> Session | None:
        """Return the session that was used last, None when there is none."""
        found = await self.list(limit=1)
        return found[0] if found else None

    async def count(self) -> int:
        """Return how many sessions there are."""
        return int((await self._store.read("SELECT count(*) FROM sessions"))[0][0])

    async def rename(self, session_id: str, title: str) -> Session:
        """Give a session another title and return it.

        Raises:
            SessionError: `session.not_found`, or `session.bad_request` for an empty title.
            HookError: `hook.cancelled`.
        """
        session = await self.get(session_id)
        if not title.strip():
            raise SessionError("bad_request", "A session's title cannot be empty.", "Write a title.")
        wanted = SessionTitle(title=title, session_id=session.id)
        title = (await self._hooks.apply(points.SESSION_RENAME, wanted, Scope(session.id))).title
        await self._store.write("UPDATE sessions SET title = ? WHERE id = ?", (make_title(title), session.id))
        await self._changed(session.id, "title")
        return await self.get(session.id)

    async def set_draft(self, session_id: str, draft: str) -> None:
        """Keep the text that is being written, so that it is there again after a restart."""
        await self._store.write("UPDATE sessions SET draft = ? WHERE id = ?", (storable(draft), session_id))

    async def delete(self, session_id: str) -> Session:
        """Delete a session with its messages and return what it was.

        Raises:
            SessionError: `session.not_found` or `session.ambiguous`.
            HookError: `hook.cancelled`.
        """
        session = await self.get(session_id)
        doomed = SessionTitle(title=session.title, session_id=session.id)
        await self._hooks.apply(points.SESSION_DELETE, doomed, Scope(session.id))
        # Untied first: SQLite follows a chain of parents to its end, and refuses long ones.
        untie = "UPDATE messages SET parent_id = NULL WHERE session_id = ?"
        delete = "DELETE FROM sessions WHERE id = ?"
        await self._store.write_all([(untie, (session.id,)), (delete, (session.id,))])
        await self._bus.emit(
            "core:session:deleted", {"title": session.title}, source="sessions", session_id=session.id
        )
        return session

    async def _changed(self, session_id: str, *fields: str) -> None:
        await self._bus.emit(
            "core:session:changed", {"fields": list(fields)}, source="sessions", session_id=session_id
        )


def make_title(text: str) -> str:
    """Return the first line of `text`, cut at a word to `TITLE_LENGTH` characters."""
    lines = storable(text.lstrip()[:_TITLE_SOURCE]).splitlines()
    line = " ".join(lines[0].split()) if lines else ""
    if not line:
        return UNTITLED
    if len(line) <= TITLE_LENGTH:
        return line
    cut = line[: TITLE_LENGTH - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[20:] else cut) + "…"


def _session(row: tuple[Any, ...]) -> Session:
    return Session(
        id=row[0],
        title=row[1],
        created=from_microseconds(row[2]),
        updated=from_microseconds(row[3]),
        head_id=row[4],
        model=row[5],
        draft=row[6],
        messages=row[7],
    )
