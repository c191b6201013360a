"""One turn from its message to its reply: what took how long, as it happens or as the log tells it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from workbench.app.errors import TurnError, WorkbenchError
from workbench.app.events.event import Event
from workbench.app.events.reader import EventReader, Family
from workbench.app.events.timeline import Row, build_timeline
from workbench.app.events.timeline_bars import FAILED, FINISHED, RECEIVED
from workbench.app.events.turns import find_turn, last_turn, turn_beside, turn_events
from workbench.app.events.waterfall import duration_text, figures_text, waterfall_lines
from workbench.app.text import one_line
from workbench.screens.clipboard import send_to_clipboard
from workbench.widgets.event_detail import EventDetail
from workbench.widgets.timeline_view import TimelineView

if TYPE_CHECKING:
    from workbench.app.workbench import Workbench
    from workbench.screens.main import MainScreen

_FRAME_SECONDS: Final = 1 / 15
_TICK_SECONDS: Final = 0.1
# A turn of thousands of events takes a while to lay out: so many times as long nothing is drawn after it.
_REST: Final = 10
_FLUSH_SECONDS: Final = 2.0
_SAID_SECONDS: Final = 4.0
_BUFFER: Final = 8_192
_COPY_WIDTH: Final = 120
_TITLE: Final = 200
_SHORT, _LOW, _TINY = 30, 18, 9
_KEYS: Final = (
    ("n/p", "next, previous turn"),
    ("+/-", "zoom"),
    ("enter", "event"),
    ("←/→", "move"),
    ("m", "less"),
    ("c", "copy"),
)
_SHORT_KEYS: Final = (("n/p", "turn"), *_KEYS[1:])
_BACK: Final = ("esc", "back")


class TimelineScreen(Screen[None]):
    """Shows a turn's timeline and follows it while the turn runs.

    Args:
        workbench: the open profile.
        turn_id: the turn, or a job: a correlation id.
        now: tells the time.
    """

    CSS_PATH = "timeline.tcss"
    AUTO_FOCUS = "TimelineView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "beside(1)", "Next turn of the session", id="timeline.next_turn"),
        Binding("p", "beside(-1)", "Previous turn of the session", id="timeline.previous_turn"),
        Binding("c,y", "copy", "Copy as text", id="timeline.copy"),
        Binding("escape,q", "leave", "Close the event; go back", id="timeline.leave"),
    ]

    def __init__(
        self, workbench: Workbench, turn_id: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__()
        self._workbench = workbench
        self._reader = EventReader(workbench.store)
        self._turn_id = turn_id
        self._now = now
        self._events: dict[int, Event] = {}
        self._live = False
        self._text = ""
        self._cost = self._drawn = 0.0
        self._view, self._detail = TimelineView(), EventDetail()
        self._title = Static("", id="timeline-title", markup=False)
        self._figures = Static("", id="timeline-figures", markup=False)
        self._about = Static("", id="timeline-about", markup=False)
        self._keys = Static("", id="timeline-keys", markup=False)

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._figures
        yield self._view
        yield self._detail
        yield self._about
        yield self._keys

    def on_mount(self) -> None:
        self._show_turn(self._turn_id)
        self.set_interval(_TICK_SECONDS, self._tick)

    @property
    def turn_id(self) -> str:
        """The turn that is shown."""
        return self._turn_id

    # --- where the events come from ---------------------------------------------------------------

    def _show_turn(self, turn_id: str) -> None:
        self._turn_id = turn_id
        self._close_detail()
        self.run_worker(self._follow(turn_id), name="timeline", group="timeline", exclusive=True)

    async def _follow(self, turn_id: str) -> None:
        """Show what the log has of a turn, then what comes."""
        with self._workbench.bus.subscribe("*", capacity=_BUFFER, name="timeline") as arriving:
            await self._read(turn_id, afresh=True)
            dropped = arriving.dropped
            while batch := await arriving.next_batch():
                if arriving.dropped != dropped:
                    dropped = arriving.dropped
                    await self._read(turn_id, afresh=False)
                elif new := [event for event in batch if event.correlation_id == turn_id]:
                    self._events.update((event.seq, event) for event in new)
                    self._draw()
                await asyncio.sleep(max(_FRAME_SECONDS, _REST * self._cost))

    async def _read(self, turn_id: str, *, afresh: bool) -> None:
        try:
            if self._workbench.store.writable:
                # Where the disk takes no events for now, the log's are still worth showing.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._workbench.log.flush(), _FLUSH_SECONDS)
            found = await turn_events(self._reader, turn_id)
            self._events = {event.seq: event for event in found}
            self._live = await self._runs()
            self._text = await self._question()
        except WorkbenchError as error:
            self._figures.update(Content(one_line(str(error), _TITLE)))
            return
        self._draw(afresh=afresh)

    async def _runs(self) -> bool:
        """Tell whether the turn runs here and now: it has no end, and no other has begun after it."""
        first = self._first
        if first is None or first.session_id is None or self._ended or not self._workbench.has("chat"):
            return False
        running = self._workbench.chat.is_running(first.session_id)
        return running and await turn_beside(self._reader, first.session_id, first.seq, 1) is None

    async def _question(self) -> str:
        """Return the message that the turn answers; empty when it is gone or the job has none."""
        first = self._first
        if first is None or not self._workbench.has("messages"):
            return ""
        try:
            message = await self._workbench.messages.get(str(first.payload.get("message_id", "")))
        except WorkbenchError:
            return ""
        return one_line(message.text, _TITLE)

    @property
    def _first(self) -> Event | None:
        return next((event for event in self._events.values() if event.name == RECEIVED), None)

    @property
    def _ended(self) -> bool:
        return any(event.name in (FINISHED, FAILED) for event in self._events.values())

    # --- what is shown ----------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._live and self._events and monotonic() - self._drawn >= _REST * self._cost:
            self._draw()

    def _draw(self, *, afresh: bool = False) -> None:
        started = monotonic()
        self._live = self._live and not self._ended
        timeline = build_timeline(self._events.values(), self._now() if self._live else None)
        began = timeline.began.astimezone().strftime("%Y-%m-%d %H:%M:%S") if timeline.began else ""
        title = Content.styled(self._text or ("Turn" if self._first else "Job"), "bold")
        self._title.update(title + Content.styled(f"  {began}", "$faint"))
        figures = figures_text(timeline) if timeline.rows else "The log has no events of this turn any more."
        self._figures.update(Content(figures))
        self._view.show(timeline, afresh=afresh)
        self._drawn = monotonic()
        self._cost = self._drawn - started

    @on(TimelineView.Moved)
    def _row_changed(self, event: TimelineView.Moved) -> None:
        event.stop()
        row = event.row
        self._about.update(Content(about(row) if row is not None else ""))
        found = self._events.get(row.seq) if row is not None else None
        if self._detail.is_open and found is not None and found is not self._detail.shown:
            self._detail.show(found, self._family_of)

    @on(TimelineView.Opened)
    def _row_opened(self, event: TimelineView.Opened) -> None:
        event.stop()
        found = self._events.get(event.row.seq)
        if self._detail.is_open:
            self._close_detail()
        elif found is not None:
            self._open_detail(found)

    def _open_detail(self, event: Event) -> None:
        self._detail.show(event, self._family_of)
        self.add_class("-detail")

    def _close_detail(self) -> None:
        self._detail.close()
        self.remove_class("-detail")
        self._view.focus()

    async def _family_of(self, event: Event) -> Family | None:
        try:
            return await self._reader.family(event)
        except WorkbenchError:
            return None

    @on(EventDetail.Walk)
    def _walk(self, event: EventDetail.Walk) -> None:
        """Go to a cause or an effect; one outside of the turn is shown without a row."""
        event.stop()
        if not self._view.go_to(event.seq) and (found := self._events.get(event.seq)) is not None:
            self._open_detail(found)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < _SHORT, "-short")
        self.set_class(event.size.height < _LOW, "-low")
        self.set_class(event.size.height < _TINY, "-tiny")
        self._keys.update(keys_line(event.size.width - 4))

    def say(self, text: str) -> None:
        """Say a sentence in the place of the keys for some seconds."""
        self._keys.update(Content(text))
        self.set_timer(_SAID_SECONDS, lambda: self._keys.update(keys_line(self.size.width - 4)))

    # --- what the keys do -------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Close the event, or go back."""
        if self._detail.is_open:
            self._close_detail()
        else:
            self.dismiss()

    def action_beside(self, direction: int) -> None:
        """Show the next or the previous turn of the session."""
        self.run_worker(self._go_beside(direction), name="turn beside", group="beside", exclusive=True)

    async def _go_beside(self, direction: int) -> None:
        first = self._first
        if first is None or first.session_id is None:
            self.say("It belongs to no session.")
            return
        try:
            found = await turn_beside(self._reader, first.session_id, first.seq, direction)
        except WorkbenchError as error:
            self.say(one_line(str(error), _TITLE))
            return
        if found is None:
            self.say(f"This is the session's {'last' if direction > 0 else 'first'} turn.")
        else:
            self._show_turn(found)

    async def action_copy(self) -> None:
        """Send the timeline as text to the terminal's clipboard."""
        timeline = build_timeline(self._events.values(), self._now() if self._live else None)
        lines = [self._text, figures_text(timeline), "", *waterfall_lines(timeline, _COPY_WIDTH)]
        text = "\n".join(lines).lstrip("\n") + "\n"
        try:
            self.say(await send_to_clipboard(self.app, self._workbench, text, "the timeline"))
        except WorkbenchError as error:
            self.say(one_line(str(error), _TITLE))


async def open_timeline(screen: MainScreen, turn: str = "", message_id: str | None = None) -> None:
    """Show a turn's timeline over the main screen.

    Args:
        screen: the main screen.
        turn: the turn's id, or the beginning or end of one; empty for the message's, or the session's last.
        message_id: a message of the turn.

    Raises:
        TurnError: there is no such turn.
        SessionError: there is no such message.
        StoreError: the database cannot be read.
    """
    workbench = screen.ready
    if workbench.store.writable:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(workbench.log.flush(), _FLUSH_SECONDS)
    reader = EventReader(workbench.store)
    session_id = screen.conversation.session_id
    found: str | None = None
    if turn:
        found = await find_turn(reader, turn)
    elif message_id is not None:
        # A reply that was never begun is shown under its message's id.
        found = (await workbench.messages.get(message_id.partition(":")[0])).correlation_id
    elif session_id is not None:
        found = await last_turn(reader, session_id)
    if found is None:
        raise TurnError("not_found", "There is no turn to show.", "Every message that is answered makes one.")
    await screen.app.push_screen(TimelineScreen(workbench, found))


def about(row: Row) -> str:
    """Return a row in words: what, from when to when, how long, how much."""
    parts = [row.label]
    if row.kind == "mark":
        parts.append(f"at {duration_text(row.ticks[-1] if row.ticks else row.start_ms)}")
    else:
        end = row.start_ms + row.duration_ms
        parts.append(f"{duration_text(row.start_ms)} to {'now' if row.running else duration_text(end)}")
        parts.append(f"took {duration_text(row.duration_ms)}")
    if row.tokens is not None:
        parts.append(f"{row.tokens:,} {'token' if row.tokens == 1 else 'tokens'}")
    return one_line(" · ".join([*parts, row.detail] if row.detail else parts), 400)


def keys_line(room: int) -> Content:
    """Return the keys that fit into `room` cells; the way back always stands at the right edge."""
    back = _key(*_BACK)
    for keys in (_KEYS, *(_SHORT_KEYS[:count] for count in range(len(_SHORT_KEYS), -1, -1))):
        left = Content("   ").join(_key(*key) for key in keys)
        gap = room - left.cell_length - back.cell_length
        if gap >= 2 or not keys:
            return left + Content(" " * max(0, gap)) + back
    return back


def _key(name: str, what: str) -> Content:
    return Content.styled(name, "$accent") + Content(f" {what}")
