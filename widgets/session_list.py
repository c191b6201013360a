"""The sessions at the left edge."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from workbench.app.sessions.session import Session
from workbench.widgets.row_list import Row, RowList


def local_now() -> datetime:
    """Return the present time where the person is."""
    return datetime.now().astimezone()


def when(moment: datetime, now: datetime) -> str:
    """Return a moment in at most six characters: the time today, the weekday this week, else the date."""
    local = moment.astimezone(now.tzinfo)
    days = (now.date() - local.date()).days
    if days <= 0:
        return f"{local:%H:%M}"
    if days < 7:
        return f"{local:%a}"
    return f"{local.day} {local:%b}" if local.year == now.year else f"{local:%Y}"


class SessionList(Vertical):
    """All sessions, newest first.

    Args:
        now: gives the present time.
    """

    DEFAULT_CSS = """
    SessionList {
        background: $side;
        padding: 1 1 0 2;
        & #session-heading { color: $muted; text-style: $muted-style; padding: 0 0 1 2; height: 2; }
        & RowList { height: 1fr; background: transparent; scrollbar-background: $side; }
    }
    """

    class Chosen(Message):
        """The person wants to open a session."""

        def __init__(self, session_id: str) -> None:
            super().__init__()
            self.session_id = session_id

    class Asked(Message):
        """The person wants to do something with a session; `what` is rename or delete."""

        def __init__(self, what: str, session_id: str) -> None:
            super().__init__()
            self.what = what
            self.session_id = session_id

    def __init__(self, now: Callable[[], datetime] = local_now) -> None:
        super().__init__()
        self._now = now
        self._sessions: list[Session] = []
        self._open: str | None = None
        self._live: frozenset[str] = frozenset()

    async def furnish(self) -> None:
        """Put the rows in; until then, only the background is there."""
        await self.mount(Static("Sessions", id="session-heading", markup=False), SessionRows())

    @property
    def list(self) -> RowList:
        """The rows, to focus them."""
        return self.query_one(RowList)

    def show(self, sessions: Sequence[Session], open_id: str | None, running: Collection[str]) -> None:
        """Show the sessions.

        Args:
            sessions: newest first.
            open_id: the one that the chat shows.
            running: ids of those in which a turn runs.
        """
        self._sessions, self._open, self._live = list(sessions), open_id, frozenset(running)
        now = self._now()
        moved = open_id if not self.list.has_focus else None
        self.list.show([self._row(session, now) for session in sessions], moved)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.post_message(self.Chosen(event.row.id))

    def _row(self, session: Session, now: datetime) -> Row:
        runs = session.id in self._live
        is_open = session.id == self._open
        return Row(
            id=session.id,
            label=session.title,
            right="live" if runs else when(session.updated, now),
            mark="▍" if is_open else "",
            strong=is_open,
            live=runs,
        )


class SessionRows(RowList):
    """The rows of the session list, with keys for what one can do with a session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", id="sessions.open"),
        Binding("r,f2", "ask('rename')", "Rename", id="sessions.rename"),
        Binding("d,delete", "ask('delete')", "Delete", id="sessions.delete"),
    ]

    def action_ask(self, what: str) -> None:
        """Ask to do something with the session under the cursor."""
        if self.row is not None:
            self.post_message(SessionList.Asked(what, self.row.id))
