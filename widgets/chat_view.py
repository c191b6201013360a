"""The conversation: messages, the reply that streams, and what can be done with a message."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message as TextualMessage
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from workbench.app.chat.parts import Usage
from workbench.app.sessions.session import Message, Status
from workbench.widgets.chat_entry import ChatEntry, Kind, entry_of, safe
from workbench.widgets.markdown_blocks import load_parser
from workbench.widgets.message_view import MessageView, columns_in
from workbench.widgets.reply_feed import ReplyFeed
from workbench.widgets.transcript import Transcript

# A step within a message that is taller than the screen, in lines.
_STEP = 3
_CUT_OFF = ("cancelled", "interrupted", "failed")


class ChatView(Widget):
    """Shows one branch of a session and the reply that streams into it.

    The DOM is bounded: only the messages around the reader are mounted, one widget each.
    """

    DEFAULT_CSS = """
    ChatView {
        layers: base over;
        width: 1fr;
        height: 1fr;
    }
    ChatView > #new-text {
        layer: over;
        dock: bottom;
        width: auto;
        height: 1;
        margin: 0 2;
        padding: 0 1;
        background: $background;
        color: $accent;
        text-style: bold reverse;
        display: none;
    }
    ChatView.-unseen > #new-text {
        display: block;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "previous message", id="chat.previous", show=False),
        Binding("down,j", "step(1)", "next message", id="chat.next", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", id="chat.page_up", show=False),
        Binding("pagedown,ctrl+d,space", "page(1)", "page down", id="chat.page_down", show=False),
        Binding("home,g", "first", "first message", id="chat.first", show=False),
        Binding("end,G", "last", "newest message", id="chat.last", show=False),
        Binding("c,y", "copy", "copy", id="chat.copy"),
        Binding("e", "edit", "edit", id="chat.edit"),
        Binding("r", "regenerate", "answer again", id="chat.regenerate"),
        Binding("u", "resume", "continue", id="chat.resume"),
        Binding("t", "timeline", "what its turn took", id="chat.timeline"),
        Binding("escape", "deselect", "deselect", id="chat.deselect", show=False),
    ]

    at_bottom: reactive[bool] = reactive(True)

    class Copy(TextualMessage):
        """A message's text is wanted on the clipboard; `what` says what it is."""

        def __init__(self, text: str, what: str) -> None:
            super().__init__()
            self.text = text
            self.what = what

    class _Request(TextualMessage):
        def __init__(self, message_id: str) -> None:
            super().__init__()
            self.message_id = message_id

    class EditRequested(_Request):
        """A user's message is to be edited and sent again."""

    class RegenerateRequested(_Request):
        """A message is to be answered again."""

    class ResumeRequested(_Request):
        """A reply that was cut off is to be continued."""

    class TimelineRequested(_Request):
        """The timeline of a message's turn is wanted."""

    class LinkClicked(TextualMessage):
        """A link was clicked; nothing has been opened."""

        def __init__(self, address: str) -> None:
            super().__init__()
            self.address = address

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._transcript = Transcript()
        self._feed = ReplyFeed(self._draw, self.set_timer)
        self._streaming: ChatEntry | None = None
        self._numbered = 0

    def compose(self) -> ComposeResult:
        yield self._transcript
        yield Static(Content("↓ new text"), id="new-text")

    def on_mount(self) -> None:
        self.watch(self._transcript, "following", self._follow_changed)

    def focus(self, scroll_visible: bool = True) -> ChatView:
        """Focus the messages; see `Widget`."""
        self._transcript.focus(scroll_visible)
        return self

    # --- what is shown ----------------------------------------------------------------------------

    async def show(
        self, messages: Sequence[Message], versions: dict[str, tuple[int, int]] | None = None
    ) -> None:
        """Show a branch from its end.

        Args:
            messages: the branch, oldest first.
            versions: for messages that have others at their place: which of how many each is.
        """
        self._end_stream()
        others = versions or {}
        entries = [entry_of(message, others.get(message.id, (1, 1))) for message in messages]
        await self._transcript.show([entry for entry in entries if entry.text or entry.kind == "reply"])
        self.refresh_bindings()

    async def show_welcome(self, title: str, lines: Sequence[str]) -> None:
        """Show a greeting until the first message."""
        await self._add("welcome", "\n".join([title, "", *lines]))

    async def begin_user(self, message_id: str, text: str) -> None:
        """Add what the person said, and go to it."""
        await self._remove_welcome()
        await self._transcript.go_last()
        await self._transcript.add(ChatEntry(message_id, "user", safe(text)))
        # While the model thinks is the time to load what its answer will need.
        await asyncio.to_thread(load_parser)

    async def begin_reply(self, message_id: str, text: str = "", model: str = "") -> None:
        """Add a reply that is about to stream.

        Args:
            message_id: the reply.
            text: what it begins with, when one is continued.
            model: name of the model that writes it.
        """
        self._end_stream()
        entry = ChatEntry(message_id, "reply", safe(text), "streaming", model=model)
        self._streaming = entry
        await self._transcript.add(entry)
        self.refresh_bindings()

    def append(self, text: str) -> None:
        """Add text to the reply that streams; it is drawn a few times a second, while somebody looks."""
        if self._streaming is None or not text:
            return
        self._streaming.append(safe(text))
        self._feed.touch()
        if not self.at_bottom:
            self.add_class("-unseen")

    async def rewrite(self, text: str) -> None:
        """Show another text in the place of the reply that streams."""
        entry = self._streaming
        if entry is None:
            return
        entry.rewrite(safe(text))
        view = self._transcript.view_of(entry.key)
        if view is not None:
            view.start_again()

    async def finish(
        self,
        message_id: str | None,
        status: Status,
        usage: Usage | None = None,
        error: dict[str, Any] | None = None,
        reason: str = "",
    ) -> None:
        """End a reply and say how it ended.

        Args:
            message_id: the reply; None for the one that streams.
            status: how it ended.
            usage: what it took.
            error: `WorkbenchError.to_dict()` of what ended it.
            reason: stop, length, context or cancelled.
        """
        key = message_id or (self._streaming.key if self._streaming else "")
        if self._streaming is not None and self._streaming.key == key:
            self._end_stream()
        entry = self._transcript.entry_of(key)
        if entry is None:
            return
        entry.status, entry.usage, entry.error, entry.reason = status, usage, error, reason
        view = self._transcript.view_of(key)
        if view is not None:
            view.refresh_entry()
        self.refresh_bindings()

    @property
    def columns(self) -> int | None:
        """Cells of a line of text; None while the chat is out of sight."""
        shown = self._transcript
        # What is added may bring the scroll bar.
        bar = 0 if shown.show_vertical_scrollbar else shown.styles.scrollbar_size_vertical
        width = shown.scrollable_content_region.width - bar
        return columns_in(width) if width > 0 else None

    async def add_notice(self, text: str) -> None:
        """Add something that the person should know; it is no message and is not kept."""
        await self._add("notice", text)

    # --- streaming --------------------------------------------------------------------------------

    def _draw(self) -> None:
        view = self._transcript.view_of(self._streaming.key) if self._streaming else None
        if view is not None:
            view.catch_up()

    def _end_stream(self) -> None:
        entry, self._streaming = self._streaming, None
        self._feed.reset()
        if entry is None:
            return
        if entry.status == "streaming":
            entry.status = "interrupted"
        view = self._transcript.view_of(entry.key)
        if view is not None:
            view.catch_up()

    def _follow_changed(self, following: bool) -> None:
        self.at_bottom = following
        self._feed.hold(not following)
        if following:
            self.remove_class("-unseen")

    # --- choosing a message -----------------------------------------------------------------------

    async def action_step(self, direction: int) -> None:
        """Choose the next or previous message; within one that is taller than the screen, scroll first."""
        transcript = self._transcript
        index = self._index()
        view = transcript.view_of(self._transcript.selected) if self._transcript.selected else None
        place = transcript.place_of(view) if view is not None else None
        if place is not None:
            top, bottom = transcript.scroll_offset.y, transcript.scroll_offset.y + transcript.size.height
            hidden = bottom < place[1] if direction > 0 else top > place[0]
            if hidden and top < place[1] and bottom > place[0]:
                transcript.scroll_relative(y=_STEP * direction, animate=False, immediate=True)
                return
        if index is None:
            index = len(transcript.entries) if direction < 0 else self._first_visible() - 1
        while 0 <= (index := index + direction) < len(transcript.entries):
            if transcript.entries[index].kind in ("user", "reply"):
                await self._choose(index, direction)
                return
        if direction > 0:
            await transcript.go_last()

    async def action_page(self, direction: int) -> None:
        """Scroll by one screen."""
        height = max(1, self._transcript.size.height - 2)
        self._transcript.scroll_relative(y=height * direction, animate=False, immediate=True)

    async def action_first(self) -> None:
        """Go to the first message."""
        await self._transcript.go_first()

    async def action_last(self) -> None:
        """Go to the newest text and follow it."""
        await self._transcript.go_last()

    def action_deselect(self) -> None:
        """Choose no message."""
        self._mark(None)

    def action_copy(self) -> None:
        """Ask for the chosen message, or the newest reply, to be copied."""
        entry = self._target("reply", "user")
        if entry is not None:
            self.post_message(self.Copy(entry.text, "the reply" if entry.kind == "reply" else "your message"))

    def action_edit(self) -> None:
        """Ask for the chosen message of the person to be edited."""
        entry = self._target("user")
        if entry is not None:
            self.post_message(self.EditRequested(entry.key))

    def action_regenerate(self) -> None:
        """Ask for another answer."""
        entry = self._target("reply", "user")
        if entry is not None:
            self.post_message(self.RegenerateRequested(entry.key))

    def action_resume(self) -> None:
        """Ask for the rest of a reply that was cut off."""
        entry = self._target("reply")
        if entry is not None and entry.status in _CUT_OFF:
            self.post_message(self.ResumeRequested(entry.key))

    def action_timeline(self) -> None:
        """Ask for the timeline of the chosen message's turn, or the newest one's."""
        entry = self._target("reply", "user")
        if entry is not None:
            self.post_message(self.TimelineRequested(entry.key))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say which keys have something to do; see `DOMNode`."""
        if action == "deselect":
            return self._transcript.selected is not None
        if action in ("copy", "timeline"):
            return True if self._target("reply", "user") else None
        if action in ("edit", "regenerate", "resume") and self._streaming is not None:
            return None
        if action == "edit":
            return True if self._target("user") else None
        if action == "regenerate":
            return True if self._target("reply", "user") else None
        if action == "resume":
            entry = self._target("reply")
            return entry is not None and entry.status in _CUT_OFF
        return True

    @on(MessageView.Chosen)
    def _message_clicked(self, event: MessageView.Chosen) -> None:
        event.stop()
        if event.view.entry.kind in ("user", "reply"):
            self._mark(event.view.entry.key)

    @on(MessageView.LinkClicked)
    def _link_clicked(self, event: MessageView.LinkClicked) -> None:
        event.stop()
        self.post_message(self.LinkClicked(event.address))

    @on(events.Click, "#new-text")
    async def _marker_clicked(self, event: events.Click) -> None:
        event.stop()
        await self._transcript.go_last()

    def _target(self, *kinds: str) -> ChatEntry | None:
        """Return the chosen message if it is of a kind; with none chosen the newest that is."""
        if self._transcript.selected is not None:
            chosen = self._transcript.entry_of(self._transcript.selected)
            return chosen if chosen is not None and chosen.kind in kinds else None
        return next((entry for entry in reversed(self._transcript.entries) if entry.kind in kinds), None)

    def _index(self) -> int | None:
        keys = [entry.key for entry in self._transcript.entries]
        return keys.index(self._transcript.selected) if self._transcript.selected in keys else None

    def _first_visible(self) -> int:
        top = self._transcript.scroll_offset.y
        for index, entry in enumerate(self._transcript.entries):
            view = self._transcript.view_of(entry.key)
            place = self._transcript.place_of(view) if view is not None else None
            if place is not None and place[1] > top:
                return index
        return 0

    async def _choose(self, index: int, direction: int) -> None:
        view = await self._transcript.mount_near(index)
        self._mark(view.entry.key)
        self._transcript.scroll_to_widget(view, animate=False, top=direction > 0, force=True, immediate=True)

    def _mark(self, key: str | None) -> None:
        self._transcript.select(key)
        self.refresh_bindings()

    # --- what is no message -----------------------------------------------------------------------

    def _add(self, kind: Kind, text: str) -> AwaitComplete:
        self._numbered += 1
        return self._transcript.add(ChatEntry(f"{kind} {self._numbered}", kind, safe(text)))

    async def _remove_welcome(self) -> None:
        if any(entry.kind == "welcome" for entry in self._transcript.entries):
            await self._transcript.show([e for e in self._transcript.entries if e.kind != "welcome"])
