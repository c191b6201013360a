"""The main screen: sessions, chat, composer, events, and what the keys do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static, TextArea

from workbench.app.errors import UsageError
from workbench.screens.clipboard import send_to_clipboard
from workbench.screens.command_runner import CommandRunner
from workbench.screens.conversation import Conversation, Parts
from workbench.screens.layout import Layout, Wish, arrange
from workbench.widgets.activity_line import ActivityLine
from workbench.widgets.completion_menu import CompletionMenu, Suggestion
from workbench.widgets.composer import Composer
from workbench.widgets.notice_bar import NoticeBar
from workbench.widgets.session_list import SessionList
from workbench.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from workbench.app.config.settings import Settings
    from workbench.app.paths import Paths
    from workbench.app.sessions.session import Session
    from workbench.app.workbench import Workbench
    from workbench.screens.breaks import BreakWatch
    from workbench.screens.dialogs import Dialogs
    from workbench.screens.following import Following
    from workbench.screens.hooks import View
    from workbench.widgets.chat_view import ChatView
    from workbench.widgets.events_pane import EventsPane

_DRAFT_SECONDS: Final = 1.0
_MOST_SESSIONS: Final = 200
PLACEHOLDER: Final = "Ask something, or / for a command"


class MainScreen(Screen[None]):
    """Where everything happens.

    Args:
        paths: the profile.
        settings: how it looks.
    """

    CSS_PATH = "main.tcss"
    AUTO_FOCUS = "Composer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "palette", "Commands: all that can be done", id="palette"),
        Binding("ctrl+n", "new_session", "New session", id="session.new"),
        Binding("ctrl+s", "sessions", "Sessions: show, go there, hide", id="view.sessions"),
        Binding("ctrl+e", "events", "Events: show or hide", id="view.events"),
        Binding("ctrl+t", "hooks", "Hooks and traces", id="view.hooks"),
        Binding("ctrl+r", "again", "Answer again, or go on where it was cut off", id="reply.again"),
        Binding("ctrl+y", "copy", "Copy the last reply", id="reply.copy"),
        Binding("escape", "escape", "Stop the reply; close; step back", id="step.back"),
    ]

    def __init__(self, paths: Paths, settings: Settings) -> None:
        super().__init__()
        self.paths = paths
        self.workbench: Workbench | None = None
        self.commands = CommandRunner(self)
        self._dialogs: Dialogs | None = None
        self._settings = settings
        self._wish = Wish()
        self._layout = Layout()
        self._draft_timer: Timer | None = None
        self._following: Following | None = None
        self._breaks: BreakWatch | None = None
        self._chat: ChatView | None = None
        self._events: EventsPane | None = None
        self._composer, self._menu = Composer(PLACEHOLDER), CompletionMenu()
        self._activity, self._notices = ActivityLine(), NoticeBar()
        self._status, self._sessions = StatusBar(), SessionList()
        self.conversation = Conversation(
            Parts(self._composer, self._activity, self._notices, self._status),
            on_change=self._sessions_changed,
            on_crash=self.crashed,
        )

    def compose(self) -> ComposeResult:
        # Only what the first picture needs; `furnish` puts in the rest.
        with Horizontal(id="columns"):
            yield self._sessions
            with Vertical(id="talk"):
                yield self._composer
        yield self._status

    def on_mount(self) -> None:
        self._status.model = self._settings.model.name
        self._status.worker = "starting"

    # --- the profile ---------------------------------------------------------------------------------

    @property
    def ready(self) -> Workbench:
        """The open profile.

        Raises:
            UsageError: it is still being opened.
        """
        if self.workbench is None:
            raise UsageError("bad_option", "The profile is still being opened.", "Try again in a moment.")
        return self.workbench

    @property
    def dialogs(self) -> Dialogs:
        """The dialogs; made at first use, as starting needs none."""
        if self._dialogs is None:
            from workbench.screens.dialogs import Dialogs

            self._dialogs = Dialogs(self)
        return self._dialogs

    async def furnish(self) -> None:
        """Put in what has nothing to show before the profile is open, after the first picture."""
        from workbench.widgets.chat_view import ChatView
        from workbench.widgets.events_pane import EventsPane

        self._chat, self._events = ChatView(), EventsPane()
        small = Static("Too small; 40×9 shows more", id="too-small", markup=False)
        above = (small, self._chat, self._notices, self._activity, self._menu)
        await self.query_one("#talk").mount(*above, before=0)
        await self.query_one("#columns").mount(self._events)
        await self._sessions.furnish()

    async def opened(self, workbench: Workbench, session: Session | None) -> None:
        """Begin to work: the profile is open.

        Args:
            workbench: the open profile.
            session: the session to show first.

        Raises:
            StoreError: the session could not be read.
        """
        from workbench.screens.breaks import BreakWatch
        from workbench.screens.following import Following

        self.workbench = workbench
        if self._chat is None or self._events is None:
            raise RuntimeError("the panes are not there yet")
        self._events.attach(workbench)
        self._following = Following(self, workbench)
        self._following.start()
        self._breaks = BreakWatch(self.app, workbench, self.crashed)
        self._breaks.start()
        await self.conversation.open(workbench, self._chat, session)
        await self.refresh_sessions()
        self.conversation.do(self._following.load_model())

    async def closed(self) -> None:
        """End what runs, before the profile is closed; takes a bounded time. Safe to call twice."""
        if self._events is not None:
            await self._events.detach()
        await self.conversation.close()
        if self._following is not None:
            await self._following.close()
        if self._breaks is not None:
            await self._breaks.close()

    async def load_model(self, name: str) -> None:
        """Load another model and show how far it is.

        Raises:
            ModelError, WorkerError: it cannot be loaded.
        """
        if self._following is not None:
            await self._following.load_model(name)

    async def show_timeline(self, turn: str = "", message_id: str | None = None) -> None:
        """Show what a turn took: that of a message, one by its id, or the open session's last.

        Raises:
            TurnError, SessionError: there is no such turn or message.
        """
        from workbench.screens.timeline import open_timeline

        await open_timeline(self, turn, message_id)

    async def show_hooks(self, view: View = "hooks") -> None:
        """Show the hooks, or their traces.

        Raises:
            UsageError: the profile is still being opened.
        """
        from workbench.screens.hooks import open_hooks

        await open_hooks(self, view)

    def take_settings(self, key: str, settings: Settings) -> None:
        """Take the settings in force after one of them has changed."""
        self._settings = settings
        if key == "ui.theme":
            self.dialogs.preview_theme(settings.ui.theme)
        elif key == "model.name" and self.workbench is not None:
            self._status.model = self.workbench.models.name
        self._arrange()

    # --- sessions ------------------------------------------------------------------------------------

    async def open_session(self, session_id: str) -> None:
        """Show another session.

        Raises:
            SessionError: there is no such session.
        """
        self.conversation.save_draft()
        await self.conversation.show(await self.ready.sessions.get(session_id))
        if self._layout.alone:
            self._wish = msgspec.structs.replace(self._wish, side=False)
            self._arrange()
        self._composer.focus()

    async def refresh_sessions(self) -> None:
        """Show the sessions as they are now."""
        if self.workbench is None or not self.is_attached:
            return
        sessions = await self.workbench.sessions.list(_MOST_SESSIONS)
        conversation = self.conversation
        self._sessions.show(sessions, conversation.session_id, conversation.running_sessions)
        for session in sessions:
            if session.id == conversation.session_id:
                self._status.session = session.title

    def _sessions_changed(self) -> None:
        if self.workbench is not None and self.is_running:
            self.conversation.do(self.refresh_sessions())

    # --- what is said --------------------------------------------------------------------------------

    def say(self, text: str, level: str = "info") -> None:
        """Say a sentence in the status bar for some seconds."""
        self._status.say(text, level)

    async def narrate(self, line: str) -> None:
        """Tell how a command goes on."""
        self.say(line)

    @property
    def answer_columns(self) -> int | None:
        """Cells of a line of a command's answer; None while the chat is out of sight."""
        return self._chat.columns if self._chat is not None else None

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show a command's answer in the chat; it is no message."""
        if self._chat is not None:
            self.conversation.do(self._chat.add_notice("\n".join(lines)))

    def write(self, text: str) -> None:
        """Put a text into the composer, to go on from there."""
        composer = self._composer
        composer.put(text)
        composer.focus()

    def give_back(self, text: str) -> None:
        """Put a text into the composer unless something new stands there."""
        if not self._composer.text.strip():
            self.write(text)

    def crashed(self, error: BaseException) -> None:
        """End the program with an error that is its own fault; the way in writes the report."""
        if isinstance(error, Exception):
            self.app._handle_exception(error)

    # --- the composer --------------------------------------------------------------------------------

    @on(Composer.Submitted)
    def _submitted(self, event: Composer.Submitted) -> None:
        event.stop()
        text = event.text
        composer = self._composer
        if self._menu.chosen is not None and self._menu.moved:
            self._complete(0)
        elif text.startswith("/") and not text.startswith("//"):
            self._menu.show(())
            composer.completing = False
            composer.take(text)
            self.commands.run_line(text)
        else:
            self.conversation.send(text[1:] if text.startswith("//") else text)

    @on(Composer.Complete)
    def _asked_to_complete(self, event: Composer.Complete) -> None:
        event.stop()
        self._complete(event.step)

    @on(TextArea.Changed)
    def _text_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._keep_draft_soon()
        text = event.text_area.text
        if text.startswith("/") and "\n" not in text:
            self.conversation.do(self._suggest(text))
        elif self._menu.is_shown:
            self._show_suggestions(())

    def _complete(self, step: int) -> None:
        chosen = self._menu.chosen
        composer = self._composer
        if step:
            self._menu.move(step)
        elif chosen is not None:
            composer.put(f"{composer.text[: chosen.start]}{chosen.text} ")
        elif composer.text.startswith("/"):
            self.conversation.do(self._suggest(composer.text))

    async def _suggest(self, text: str) -> None:
        found = await self.commands.suggestions(text)
        if self._composer.text == text:
            self._show_suggestions(found)

    def _show_suggestions(self, found: Sequence[Suggestion]) -> None:
        self._menu.show(found)
        self._composer.completing = bool(found)

    def _keep_draft_soon(self) -> None:
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._draft_timer = self.set_timer(_DRAFT_SECONDS, self.conversation.save_draft)

    # --- messages of the panes -----------------------------------------------------------------------

    @on(SessionList.Chosen)
    def _session_chosen(self, event: SessionList.Chosen) -> None:
        event.stop()
        self.conversation.do(self.open_session(event.session_id))

    @on(SessionList.Asked)
    def _session_asked(self, event: SessionList.Asked) -> None:
        event.stop()
        ask = self.dialogs.rename_session if event.what == "rename" else self.dialogs.delete_session
        self.conversation.do(ask(event.session_id))

    def on_chat_view_copy(self, event: ChatView.Copy) -> None:
        event.stop()
        self._copy(event.text, event.what)

    def on_events_pane_copy(self, event: EventsPane.Copy) -> None:
        event.stop()
        self._copy(event.text, event.what)

    def on_events_pane_said(self, event: EventsPane.Said) -> None:
        event.stop()
        self.say(event.text, event.level)

    def on_events_pane_entered(self, event: EventsPane.Entered) -> None:
        event.stop()
        self._status.hints = event.hints

    def on_events_pane_timeline_requested(self, event: EventsPane.TimelineRequested) -> None:
        event.stop()
        self.conversation.do(self.show_timeline(event.turn))

    def on_chat_view_edit_requested(self, event: ChatView.EditRequested) -> None:
        event.stop()
        self.conversation.edit(event.message_id)

    def on_chat_view_regenerate_requested(self, event: ChatView.RegenerateRequested) -> None:
        event.stop()
        self.conversation.regenerate(event.message_id)

    def on_chat_view_resume_requested(self, event: ChatView.ResumeRequested) -> None:
        event.stop()
        self.conversation.resume(event.message_id)

    def on_chat_view_timeline_requested(self, event: ChatView.TimelineRequested) -> None:
        event.stop()
        self.conversation.do(self.show_timeline(message_id=event.message_id))

    # --- keys ----------------------------------------------------------------------------------------

    def action_palette(self) -> None:
        """Open the command palette."""
        self.conversation.do(self.dialogs.palette())

    async def action_new_session(self) -> None:
        """Go on in a new session; it is kept with its first message."""
        self.conversation.save_draft()
        self.conversation.do(self.conversation.show(None))
        self._composer.focus()

    def action_hooks(self) -> None:
        """Show the hooks and their traces."""
        self.conversation.do(self.show_hooks())

    def action_again(self) -> None:
        """Answer again, or go on where the reply was cut off."""
        self.conversation.answer_again()

    def action_copy(self) -> None:
        """Send the last reply to the terminal's clipboard."""
        reply = self.conversation.last_reply
        if reply:
            self._copy(reply, "the reply")
        else:
            self.say("There is no reply to copy yet.", "warning")

    def action_sessions(self) -> None:
        """Show the sessions and go there; hide them when the focus is there already."""
        if self._chat is None:
            return
        rows = self._sessions.list
        self._wish = msgspec.structs.replace(self._wish, side=not (self._layout.side and rows.has_focus))
        self._arrange()
        if self._layout.side:
            rows.focus()
        else:
            self._composer.focus()

    def action_events(self) -> None:
        """Show or hide the events: beside the chat on a wide terminal, else in its place."""
        wish = self._wish
        if self._layout.wide:
            self._wish = msgspec.structs.replace(wish, events=not wish.events)
        else:
            self._wish = msgspec.structs.replace(wish, instead=not wish.instead)
        self._arrange()
        if self._events is not None and not self._layout.talk:
            self._events.focus()
        elif not self._layout.events:
            self._composer.focus()

    def action_escape(self) -> None:
        """Close the suggestions, stop the reply, end an edit, dismiss a banner, or step to the composer."""
        composer = self._composer
        if self._menu.is_shown:
            self._show_suggestions(())
        elif self.conversation.stop() or self.conversation.cancel_edit() or self._notices.dismiss():
            return
        elif not self._layout.talk:
            self._wish = msgspec.structs.replace(self._wish, instead=False, side=None)
            self._arrange()
            composer.focus()
        elif composer.has_focus and self._chat is not None:
            self._chat.focus()
        else:
            composer.focus()

    def _copy(self, text: str, what: str) -> None:
        self.conversation.do(self._send(text, what))

    async def _send(self, text: str, what: str) -> None:
        self.say(await send_to_clipboard(self.app, self.workbench, text, what))

    # --- layout --------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size.width, event.size.height)

    def _arrange(self, columns: int = 0, lines: int = 0) -> None:
        size = self.app.size
        side_by_side = self._settings.ui.side_by_side_columns
        self._layout = arrange(columns or size.width, lines or size.height, side_by_side, self._wish)
        for name, wanted in self._layout.classes().items():
            self.set_class(wanted, name)
        self._status.back = None if self._layout.talk else ("esc", "chat")
        if self.focused is not None and not self.focused.display:
            self._composer.focus()
