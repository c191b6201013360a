"""The events pane: what happens, as it happens, and everything that has happened."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, on
from textual.binding import Binding, BindingType
from textual.message import Message

from workbench.app.errors import StoreError
from workbench.app.events.event import Event, to_json
from workbench.widgets.event_detail import EventDetail
from workbench.widgets.event_list import EventList
from workbench.widgets.event_pins import EventPins
from workbench.widgets.events_view import EventsView

if TYPE_CHECKING:
    from textual.worker import Worker

    from workbench.widgets.event_prompt import EventPrompt, Question

HINTS: Final = (("/", "filter"), ("enter", "details"), ("space", "pause"))
"""The keys of the pane that a status bar should show."""
_NO_CURSOR: Final = "Choose an event first, with ↑."


class EventsPane(EventsView):
    """The events, with the keys to find one's way in them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "ask('filter')", "Filter", id="events.filter"),
        Binding("t", "ask('time')", "Go to a time", id="events.time"),
        Binding("o", "only('turn')", "Only this turn; again for all", id="events.turn"),
        Binding("p", "pin", "Pin, so that it stays in view; again to unpin", id="events.pin"),
        Binding("P", "only('pins')", "Only what is pinned; again for all", id="events.pins"),
        Binding("left_square_bracket", "walk('cause')", "Go to what caused it", id="events.cause"),
        Binding("right_square_bracket", "walk('effect')", "Go to what it caused", id="events.effect"),
        Binding("w", "timeline", "What its turn took, as a waterfall", id="events.timeline"),
        Binding("c,y", "copy", "Copy as JSON", id="events.copy"),
        Binding("x", "ask('export')", "Export what the filter shows; again cancels", id="events.export"),
        Binding("question_mark", "app.keys", "All keys", id="events.help"),
        Binding("escape", "close", "Close the details, drop the filter", id="events.close", show=False),
    ]

    class Copy(Message):
        """An event is wanted on the clipboard; `what` says what it is."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text = text
            self.what = what

    class Said(Message):
        """Something to tell the reader for a moment; `level` is info, warning or error."""

        def __init__(self, text: str, level: str = "info") -> None:
            super().__init__()
            self.text = text
            self.level = level

    class TimelineRequested(Message):
        """The timeline of a turn or job is wanted."""

        def __init__(self, turn: str) -> None:
            super().__init__()
            self.turn = turn

    class Entered(Message):
        """The focus came into the pane, or left it; `hints` are the keys that matter there."""

        def __init__(self, hints: tuple[tuple[str, str], ...]) -> None:
            super().__init__()
            self.hints = hints

    _prompt: EventPrompt | None = None
    _exporting: Worker[None] | None = None
    # From when the line was asked for until it has the focus.
    _opening = False

    # --- what the keys do -------------------------------------------------------------------------

    def action_ask(self, kind: str) -> None:
        """Ask for a filter, a time or a file to export to; an export that runs is cancelled instead."""
        from workbench.widgets import event_questions as questions

        feed, filters = self._feed, self._filters
        if feed is None or filters is None:
            return
        if kind == "time":
            self._open_prompt(questions.time_question(self._now))
        elif kind == "filter":
            self._open_prompt(questions.filter_question(filters.text, filters.earlier, feed.cache.events()))
        elif self._exporting is not None and not self._exporting.is_finished:
            self._exporting.cancel()
        else:
            self._open_prompt(questions.export_question(len(feed.rows), self._now()))

    def action_only(self, what: str) -> None:
        """Show only the turn of the event under the cursor, or only what is pinned; or all again."""
        filters = self._filters
        if filters is None:
            return
        if filters.shows_only(what):
            filters.drop()
        elif what == "pins":
            if not self._pins.seqs:
                self._say("Nothing is pinned: p pins the event under the cursor.")
                return
            filters.only(what, " or ".join(f"seq == {seq}" for seq in self._pins.seqs))
        elif (turn := self._turn()) is not None:
            filters.only(what, turn_filter(turn))
        else:
            return
        self._apply()

    def action_timeline(self) -> None:
        """Ask for the timeline of the turn that the event under the cursor belongs to."""
        turn = self._turn()
        if turn is not None:
            self.post_message(self.TimelineRequested(turn))

    def action_pin(self) -> None:
        """Keep the event under the cursor in view, or no more."""
        event = self._list.current
        if event is None:
            self._say(_NO_CURSOR)
            return
        self._pins.toggle(event)
        self._list.pin(set(self._pins.seqs))

    def action_walk(self, direction: str) -> None:
        """Go to what caused the event under the cursor, or to the first event that it caused."""
        event = self._list.current
        if event is not None:
            self._walk_by(self._walk(event, direction))
        else:
            self._say(_NO_CURSOR)

    def action_copy(self) -> None:
        """Ask for the event under the cursor to be copied as JSON."""
        event = self._list.current
        if event is None:
            self._say(_NO_CURSOR)
        else:
            self.post_message(self.Copy(to_json(event).decode(), "the event"))

    def action_close(self) -> None:
        """Close the details; without them, go back from a turn to the filter, and from that to everything."""
        if self._detail.is_open:
            if self._detail.has_focus_within:
                self._list.focus()
            self._detail.close()
        elif self._filters is not None:
            self._filters.drop()
            self._apply()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say which keys have something to do; see `DOMNode`."""
        if action == "close":
            return self._detail.is_open or bool(self._filters is not None and self._filters.text)
        return True

    # --- filters and places -----------------------------------------------------------------------

    def _apply(self) -> None:
        """Show what the filter in force lets through, and stay at the reader's place in it."""
        if self._feed is None or self._filters is None:
            return
        self._list.keep_place()
        self._feed.show(self._filters.filter)
        self.set_class(bool(self._filters.text), "-filtered")
        self.refresh_bindings()
        self._tell()

    def _go_to(self, event: Event) -> None:
        """Go to an event; a filter that hides it goes."""
        feed, filters = self._feed, self._filters
        if feed is None or filters is None:
            return
        if not feed.shows(event):
            filters.use("")
            self._apply()
            self._say("The filter hides that event and is off now; / and ↑ bring it back.")
        self._list.go_to(event.seq)

    async def _walk(self, event: Event, direction: str) -> None:
        family = await self._feed.family(event) if self._feed is not None else None
        found = (family.causes if direction == "cause" else family.effects) if family is not None else []
        if found:
            self._go_to(found[0])
        elif family is not None:
            self._say("No known event caused it." if direction == "cause" else "It caused no other event.")

    async def _go_to_number(self, seq: int) -> None:
        feed = self._feed
        if feed is not None and (found := await feed.event(seq)) is not None:
            self._go_to(found)

    async def _go_to_time(self, time: datetime) -> None:
        if self._feed is None:
            return
        try:
            seq = await self._feed.reader.seq_at(time)
        except StoreError as error:
            self._fault(error)
            return
        if seq > self._feed.last:
            self._list.follow()
            self._say("Nothing has happened since then.")
        else:
            self._list.go_to(seq)

    # --- the line that asks -----------------------------------------------------------------------

    def _open_prompt(self, question: Question) -> None:
        from workbench.widgets.event_prompt import EventPrompt

        self._close_prompt()
        self._prompt, self._opening = EventPrompt(question), True
        self.add_class("-asking")
        self.mount(self._prompt, after=self._head)

    def _close_prompt(self) -> None:
        if self._prompt is not None:
            # Out of sight at once: its removal takes a frame of its own.
            self._prompt.display = False
            self._prompt.remove()
            self._prompt, self._opening = None, False
            self.remove_class("-asking")
            self._list.focus()

    def on_event_prompt_entered(self, event: EventPrompt.Entered) -> None:
        from workbench.widgets.event_questions import read_time

        event.stop()
        if event.kind == "filter" and self._filters is not None:
            # The search begins before the screen is laid out anew.
            self._filters.use(event.text)
            self._apply()
        self._close_prompt()
        if event.kind == "time" and event.text:
            self._walk_by(self._go_to_time(read_time(event.text, self._now())))
        elif event.kind == "export":
            self._export(event.text)

    def _export(self, text: str) -> None:
        from workbench.widgets.event_export import export
        from workbench.widgets.event_questions import read_target

        if self._feed is not None and self._filters is not None:
            path, format_ = read_target(text)
            work = export(self._feed, self._filters.filter, path, format_, self._tell_job, self._say)
            self._exporting = self.run_worker(work, name="events pane, export")

    def on_event_prompt_left(self, event: EventPrompt.Left) -> None:
        event.stop()
        self._close_prompt()

    # --- what the parts tell ----------------------------------------------------------------------

    @on(EventList.Opened)
    def _open_or_close_detail(self, event: EventList.Opened) -> None:
        event.stop()
        if self._detail.is_open:
            self.action_close()
        elif (current := self._list.current) is not None:
            self._show_detail(current)

    @on(EventDetail.Walk)
    def _walk_from_detail(self, event: EventDetail.Walk) -> None:
        event.stop()
        self._walk_by(self._go_to_number(event.seq))

    @on(EventPins.Chosen)
    def _pin_chosen(self, event: EventPins.Chosen) -> None:
        event.stop()
        self._walk_by(self._go_to_number(event.seq))

    @on(events.Click, "#events-filter")
    def _filter_clicked(self, event: events.Click) -> None:
        event.stop()
        self.action_ask("filter")

    async def on_key(self, event: events.Key) -> None:
        """Let keys that come in one burst with `/` go into the line, as if it had the focus already."""
        if self._opening and self._prompt is not None:
            event.stop()
            await self._prompt.take_key(event)
            return
        active = self.screen.active_bindings.get(event.key)
        if active is not None and active.node is self and active.binding.action.startswith("ask("):
            event.stop()
            await self.run_action(active.binding.action)

    def on_descendant_focus(self) -> None:
        self._opening = self._opening and self._list.has_focus
        self.post_message(self.Entered(HINTS))

    def on_descendant_blur(self) -> None:
        self.post_message(self.Entered(()))

    def _say(self, text: str, level: str = "info") -> None:
        self.post_message(self.Said(text, level))

    def _turn(self) -> str | None:
        """Return the turn of the event under the cursor; when there is none, say why."""
        event = self._list.current
        if event is None:
            self._say(_NO_CURSOR)
        elif event.correlation_id is None:
            self._say("This event belongs to no turn or job.")
        return event.correlation_id if event is not None else None

    def _walk_by(self, work: Coroutine[Any, Any, None]) -> None:
        self.run_worker(work, name="events pane, walk", exclusive=True, group="walk")


def turn_filter(correlation_id: str) -> str:
    """Return the filter for one turn or job."""
    from workbench.app.events.filter.format import format_filter
    from workbench.app.events.filter.syntax import Compare

    return format_filter(Compare(("turn",), "==", correlation_id))
