"""What the chat shows: one session with its branch, its draft and the turn that runs in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import msgspec

from workbench.app.chat import parts
from workbench.app.chat.parts import Part
from workbench.app.errors import WorkbenchError
from workbench.app.sessions.session import Message, Session, Status
from workbench.screens.turns import LiveTurn, Turns, speed_of
from workbench.screens.welcome import welcome
from workbench.widgets.activity_line import ActivityLine
from workbench.widgets.composer import Composer
from workbench.widgets.notice_bar import Banner, NoticeBar
from workbench.widgets.status_bar import StatusBar

if TYPE_CHECKING:
    from workbench.app.workbench import Workbench
    from workbench.widgets.chat_view import ChatView

_TOLD_EVERY: Final = 0.1
_CLOSE_SECONDS: Final = 12.0
_DRAFT_SECONDS: Final = 2.0


class Parts(msgspec.Struct, frozen=True):
    """The widgets around the messages."""

    composer: Composer
    activity: ActivityLine
    notices: NoticeBar
    status: StatusBar


class Conversation:
    """Sends, shows and stops; every method returns at once or soon, and long work has a task of its own.

    Args:
        widgets: where it is shown.
        on_change: called when the open session or the set of running turns is another.
        on_crash: gets an exception that nobody expected.
    """

    def __init__(
        self, widgets: Parts, on_change: Callable[[], None], on_crash: Callable[[BaseException], None]
    ) -> None:
        self._widgets = widgets
        self._on_change = on_change
        self._on_crash = on_crash
        self._workbench: Workbench | None = None
        self._chat: ChatView | None = None
        self._turns = Turns(self._take_part, self._refused, self._turn_ended, on_crash)
        self._jobs: set[asyncio.Task[None]] = set()
        # What changes the chat's messages holds this, so that a switch and a part never mix.
        self._showing = asyncio.Lock()
        self._shown: set[str] = set()
        self._queued: str | None = None
        self._sending = False
        # Counts what was shown, so that slow work can tell whether its session is still on the screen.
        self._view = 0
        self._making = asyncio.Lock()
        self._told = 0.0
        self._saved_draft = ""
        self.session: Session | None = None
        self.editing: str | None = None
        self.head: Message | None = None

    # --- what is shown -------------------------------------------------------------------------------

    @property
    def session_id(self) -> str | None:
        """The id of the open session; None before its first message."""
        return self.session.id if self.session is not None else None

    @property
    def running(self) -> LiveTurn | None:
        """The turn that runs in the open session."""
        return self._turns.running(self.session_id)

    @property
    def last_reply(self) -> str:
        """The text of the last reply, also while it grows; empty when there is none."""
        if self.running is not None and self.running.reply:
            return self.running.reply
        return self.head.text if self.head is not None and self.head.role == "assistant" else ""

    @property
    def running_sessions(self) -> frozenset[str]:
        """The ids of the sessions in which a turn runs."""
        return self._turns.sessions

    async def open(self, workbench: Workbench, chat: ChatView, session: Session | None) -> None:
        """Begin: the profile is open.

        Args:
            workbench: the open profile.
            chat: shows the messages.
            session: the session to show first.
        """
        self._workbench, self._chat = workbench, chat
        typed = self._widgets.composer.text
        await self.show(session)
        if typed:
            self._widgets.composer.put(typed)
        if self._queued is not None:
            text, self._queued = self._queued, None
            self.send(text)

    async def show(self, session: Session | None) -> None:
        """Show a session, or an empty chat for a new one.

        Raises:
            StoreError: it could not be read.
        """
        widgets = self._widgets
        async with self._showing:
            workbench = self._ready()
            self.session, self.editing = session, None
            self._view += 1
            turn = self.running
            path = await workbench.messages.path(session.head_id) if session else []
            if turn is not None:
                path = [message for message in path if message.status != "streaming"]
            await self._show_path(path)
            if turn is not None and turn.reply_id is not None:
                await self._messages.begin_reply(turn.reply_id, turn.reply, self._model())
        widgets.status.session = session.title if session else ""
        widgets.status.speed = 0.0
        self._saved_draft = session.draft if session else ""
        widgets.composer.put(self._saved_draft)
        for message in path:
            if message.role == "user":
                widgets.composer.remember(message.text)
        self._tell_turn(turn)
        self._offer_resume(turn)
        self._on_change()

    async def _show_path(self, path: list[Message]) -> None:
        self._shown = {message.id for message in path}
        self.head = path[-1] if path else None
        await self._messages.show(path)
        if not path and self._queued is None:
            workbench = self._ready()
            title, lines = welcome(workbench.models.name, workbench.paths)
            await self._messages.show_welcome(title, lines)

    def _offer_resume(self, turn: LiveTurn | None) -> None:
        head = self.head
        if turn is None and head is not None and head.role == "assistant" and head.status == "interrupted":
            self._widgets.notices.show(
                Banner("resume", "The last reply was cut off.", "ctrl+r resume", level="offer")
            )
        else:
            self._widgets.notices.hide("resume")

    # --- what the person does ------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Send a message, or the edited text of an earlier one, in the open session."""
        widgets = self._widgets
        if self._workbench is None:
            self._queue(text)
        elif self.running is not None or self._sending:
            widgets.status.say("Still answering. esc stops it; your text stays here.", "warning")
        else:
            widgets.composer.take(text)
            self._sending = True
            self.do(self._send(text, self.session, self.editing, self._view))

    def run_turn(self, run: AsyncGenerator[Part], text: str = "") -> None:
        """Run a turn that leaves the shown branch, as an answer to an earlier message does."""
        if self.session is not None and self.running is None:
            self._begin(LiveTurn(self.session.id, text, branches=True), run)

    def answer_again(self) -> None:
        """Continue the last reply if it was cut off, else make another one."""
        if self.running is not None or self.head is None:
            self._widgets.status.say("There is no finished reply to make again.", "warning")
        elif self.head.role == "assistant" and self.head.status == "interrupted":
            self.resume(self.head.id)
        else:
            self.regenerate(self.head.id)

    def regenerate(self, message_id: str) -> None:
        """Answer again what a reply answers."""
        self.run_turn(self._ready().chat.regenerate(message_id))

    def resume(self, message_id: str) -> None:
        """Continue a reply that was cut off."""
        self.run_turn(self._ready().chat.resume(message_id))

    def edit(self, message_id: str) -> None:
        """Put a message into the composer; sending it makes a new branch."""
        self.do(self._edit(message_id))

    def stop(self) -> bool:
        """End the running turn, keeping what has arrived; tell whether one ran."""
        if self._workbench is None or self.session is None or self.running is None:
            return False
        self._workbench.chat.stop(self.session.id)
        self._widgets.activity.show("Stopping")
        return True

    def cancel_edit(self) -> bool:
        """Go back from editing an earlier message to the draft; tell whether one was edited."""
        if self.editing is None:
            return False
        self.editing = None
        self._widgets.notices.hide("edit")
        self._widgets.composer.put(self._saved_draft)
        return True

    def save_draft(self) -> None:
        """Keep what is being written."""
        text = self._widgets.composer.text
        if self._workbench is not None and self.editing is None and text != self._saved_draft:
            self._saved_draft = text
            self.do(self._save_draft(text, self.session, self._view))

    async def close(self) -> None:
        """End the turns, which keeps what has arrived, and keep the draft; takes a bounded time."""
        self.save_draft()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._turns.close()
                if self._jobs:
                    await asyncio.wait(self._jobs, timeout=_DRAFT_SECONDS)
        for job in tuple(self._jobs):
            job.cancel()

    # --- the work behind it --------------------------------------------------------------------------

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in a task of its own; an error that a person can meet becomes a banner."""
        task = asyncio.create_task(self._guarded(work))
        self._jobs.add(task)
        task.add_done_callback(self._job_ended)

    def fail(self, error: WorkbenchError) -> None:
        """Show an error that belongs to no message."""
        self._widgets.notices.show(Banner(error.code, error.message, error.hint, level="error"))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except WorkbenchError as error:
            self.fail(error)

    def _job_ended(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_crash(error)

    def _queue(self, text: str) -> None:
        widgets = self._widgets
        if self._queued is not None:
            widgets.status.say("One message waits already; it goes out when the profile is open.", "warning")
            return
        self._queued = text
        widgets.composer.take(text)
        widgets.activity.show("Opening the profile; your message goes out next")

    async def _send(self, text: str, session: Session | None, edited: str | None, view: int) -> None:
        """Send to the session that was open when the person sent, whatever is shown by now."""
        workbench, widgets = self._ready(), self._widgets
        widgets.activity.show("Sending")
        try:
            session = session or await self._session_of(view)
            await self._clear_draft(workbench, session)
        except WorkbenchError:
            self._give_back(text)
            raise
        finally:
            self._sending = False
        if self._view == view:
            self.editing = None
            widgets.notices.hide("edit")
        if edited is not None:
            self._begin(LiveTurn(session.id, text, branches=True), workbench.chat.edit(edited, text))
        else:
            self._begin(LiveTurn(session.id, text), workbench.chat.send(session.id, text))

    async def _session_of(self, view: int) -> Session:
        """Return the session of a view that had none yet; it is opened unless another is shown by now."""
        async with self._making:
            if self.session is not None and self._view == view:
                return self.session
            made = await self._ready().sessions.create()
            if self._view == view:
                self.session = made
                self._on_change()
            return made

    async def _clear_draft(self, workbench: Workbench, session: Session) -> None:
        if self._saved_draft:
            self._saved_draft = ""
            await workbench.sessions.set_draft(session.id, "")

    def _begin(self, turn: LiveTurn, run: AsyncGenerator[Part]) -> None:
        self._widgets.notices.hide("resume")
        self._turns.begin(turn, run)
        self._tell_turn(turn)
        self._on_change()

    def _give_back(self, text: str) -> None:
        """Put a text that could not be sent where it came from."""
        if text and not self._widgets.composer.text.strip():
            self._widgets.composer.put(text)
        self._tell_turn(self.running)

    async def _edit(self, message_id: str) -> None:
        message = await self._ready().messages.get(message_id)
        if self.editing is None:
            self._saved_draft = self._widgets.composer.text
        self.editing = message_id
        self._widgets.composer.put(message.text)
        self._widgets.composer.focus()
        self._widgets.notices.show(
            Banner("edit", "You are editing an earlier message.", "enter sends it as a new branch", "offer")
        )

    async def _save_draft(self, text: str, session: Session | None, view: int) -> None:
        if session is None and not text.strip():
            return
        session = session or await self._session_of(view)
        await self._ready().sessions.set_draft(session.id, text)

    # --- what a turn says ----------------------------------------------------------------------------

    async def _take_part(self, turn: LiveTurn, part: Part) -> None:
        if isinstance(part, parts.TurnStarted) and turn.came_from == self.session_id != turn.session_id:
            await self.show(await self._ready().sessions.get(turn.session_id))
            self._widgets.status.say("A hook sent your message to this session.")
        async with self._showing:
            turn.take(part)
            if turn.session_id == self.session_id:
                await self._show_part(turn, part)

    async def _show_part(self, turn: LiveTurn, part: Part) -> None:
        chat = self._messages
        match part:
            case parts.TextDelta():
                chat.append(part.text)
                if monotonic() - self._told < _TOLD_EVERY:
                    return
            case parts.TextRewritten():
                await chat.rewrite(part.text)
            case parts.TurnStarted():
                await self._show_question(turn, part.message_id)
            case parts.ReplyStarted():
                await chat.begin_reply(part.message_id, part.text, self._model())
            case parts.Notice():
                await chat.add_notice(part.message)
            case parts.ReplyFinished():
                status: Status = "cancelled" if part.reason == "cancelled" else "complete"
                if part.text is not None:
                    await chat.rewrite(part.text)
                await chat.finish(part.message_id, status, part.usage, None, part.reason)
                self._widgets.status.speed = speed_of(part.usage)
            case parts.ReplyFailed():
                await self._show_failure(turn, part)
        if isinstance(part, parts.ReplyFinished | parts.ReplyFailed):
            await self._note_head(part.message_id or turn.message_id)
        else:
            self._tell_turn(turn)

    async def _show_question(self, turn: LiveTurn, message_id: str) -> None:
        if turn.branches:
            await self._show_path(await self._ready().messages.path(message_id))
        elif message_id not in self._shown:
            self._shown.add(message_id)
            await self._messages.begin_user(message_id, turn.text)

    async def _show_failure(self, turn: LiveTurn, part: parts.ReplyFailed) -> None:
        """Say what went wrong where the reply stands, or where it would stand."""
        chat = self._messages
        if part.message_id is None:
            await chat.begin_reply(f"{turn.message_id}:failed", "", self._model())
        await chat.finish(None, "interrupted" if turn.reply else "failed", None, part.error)

    def _model(self) -> str:
        models = self._ready().models
        return models.loaded.file.name if models.loaded is not None else models.name

    async def _note_head(self, message_id: str | None) -> None:
        if message_id is not None:
            self._shown.add(message_id)
            self.head = await self._ready().messages.get(message_id)

    async def _refused(self, turn: LiveTurn, error: WorkbenchError) -> None:
        """Say why a turn did not begin, and give the text back if it was not stored."""
        self.fail(error)
        if turn.session_id == self.session_id and turn.message_id is None:
            self._give_back(turn.text)

    def _turn_ended(self, turn: LiveTurn) -> None:
        if turn.session_id == self.session_id:
            self._tell_turn(None)
            self._offer_resume(None)
        self._on_change()

    def tell_loading(self, model: str, fraction: float | None, *, asked: bool) -> None:
        """Show how loading the model goes on, when somebody asked for it or the running turn waits for it."""
        turn = self.running
        if turn is not None and turn.stage in ("waiting", "loading"):
            turn.stage, turn.model, turn.fraction = "loading", model, fraction
            self._tell_turn(turn)
        elif asked and turn is None:
            self._widgets.activity.show(f"Loading {model}", fraction)

    def tell_loaded(self) -> None:
        """Take away what `tell_loading` showed."""
        self._tell_turn(self.running)

    def _tell_turn(self, turn: LiveTurn | None) -> None:
        self._told = monotonic()
        if turn is None:
            self._widgets.activity.show("")
        else:
            self._widgets.activity.show(turn.doing, turn.fraction, "esc stop")

    @property
    def _messages(self) -> ChatView:
        if self._chat is None:
            raise RuntimeError("the profile is not open yet")
        return self._chat

    def _ready(self) -> Workbench:
        if self._workbench is None:
            raise RuntimeError("the profile is not open yet")
        return self._workbench
