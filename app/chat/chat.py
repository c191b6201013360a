"""The chat: send, edit, regenerate, continue and stop; one turn at a time in each session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from time import perf_counter

import msgspec

from workbench.app.chat.parts import Part
from workbench.app.chat.stop import Stopped, unless_stopped
from workbench.app.chat.turn import Turn, TurnServices
from workbench.app.config.settings import Settings
from workbench.app.errors import SessionError, TurnError, UsageError
from workbench.app.events.ids import new_id
from workbench.app.hooks import points
from workbench.app.hooks.hook import Scope
from workbench.app.hooks.hooks import cancelled
from workbench.app.hooks.results import Cancel, Redirect, Replace
from workbench.app.hooks.values import MessageText
from workbench.app.sessions.session import Message
from workbench.app.sessions.sessions import Sessions
from workbench.app.text import storable


class _Received(msgspec.Struct, frozen=True):
    """A message as hooks left it: its text, the session it goes to if another, the reply if they gave one."""

    text: str
    session_id: str = ""
    given: str | None = None


class Chat:
    """Runs turns.

    Args:
        sessions: the profile's sessions.
        services: what turns work with.
    """

    def __init__(self, sessions: Sessions, services: TurnServices) -> None:
        self._sessions = sessions
        self._services = services
        # What stops the turn of each session that is answering.
        self._stops: dict[str, asyncio.Event] = {}

    def apply(self, settings: Settings) -> None:
        """Work with these settings from the next turn on."""
        self._services = msgspec.structs.replace(self._services, settings=settings)

    def is_running(self, session_id: str) -> bool:
        """Tell whether a turn runs in a session."""
        return session_id in self._stops

    def stop(self, session_id: str) -> bool:
        """End the turn that runs in a session, keeping what has arrived; False when none runs."""
        stop = self._stops.get(session_id)
        if stop is not None:
            stop.set()
        return stop is not None

    async def send(self, session_id: str, text: str) -> AsyncGenerator[Part]:
        """Store a message at the end of the session's shown branch and answer it.

        Yields:
            The turn's parts; the last is `ReplyFinished` or `ReplyFailed`.

        Raises:
            SessionError: there is no such session.
            TurnError: `turn.busy`, or `turn.cancelled`: it was stopped before the message was kept.
            HookError: `hook.cancelled`: a hook refused the message.
            UsageError: the text is empty.
            StoreError: the message could not be kept.
        """
        session = await self._sessions.get(session_id)
        async with aclosing(self._ask(session.id, session.head_id, text)) as run:
            async for part in run:
                yield part

    async def edit(self, message_id: str, text: str) -> AsyncGenerator[Part]:
        """Send another text in the place of a user's message, as a new branch; see `send`."""
        message = await self._services.messages.get(message_id)
        if message.role != "user":
            raise SessionError("bad_request", "Only your own messages can be edited.", "Choose one of yours.")
        async with aclosing(self._ask(message.session_id, message.parent_id, text)) as run:
            async for part in run:
                yield part

    async def regenerate(self, message_id: str) -> AsyncGenerator[Part]:
        """Answer again, as a new branch, what a reply answers (or a user's message itself); see `send`."""
        question, _ = await self._question_of(message_id)
        async with aclosing(self._answer(question)) as run:
            async for part in run:
                yield part

    async def resume(self, message_id: str) -> AsyncGenerator[Part]:
        """Continue a reply that was cut off, as a new branch that begins with its text; see `send`."""
        question, reply = await self._question_of(message_id)
        if reply is not None and reply.status not in ("interrupted", "cancelled"):
            raise SessionError("bad_request", "That reply was not cut off.", "Regenerate it instead.")
        async with aclosing(self._answer(question, reply.text if reply else "")) as run:
            async for part in run:
                yield part

    async def _question_of(self, message_id: str) -> tuple[Message, Message | None]:
        """Return the user's message that a message is or answers, and the reply if it is one."""
        message = await self._services.messages.get(message_id)
        if message.role == "user":
            return message, None
        if message.role != "assistant" or message.parent_id is None:
            raise SessionError("bad_request", "Only replies can be made again.", "Choose a reply.")
        return await self._services.messages.get(message.parent_id), message

    async def _ask(self, session_id: str, parent_id: str | None, text: str) -> AsyncGenerator[Part]:
        if not text.strip():
            raise UsageError("bad_input", "The message is empty.", "Write something.")
        correlation_id = new_id()
        with self._turn_of(session_id) as stop:
            received = await self._receive(Scope(session_id, correlation_id), text, stop)
            if received.session_id in ("", session_id):
                async with aclosing(
                    self._store_and_answer(received, session_id, parent_id, correlation_id, stop)
                ) as run:
                    async for part in run:
                        yield part
                return
        other = await self._sessions.get(received.session_id)
        with self._turn_of(other.id) as stop:
            async with aclosing(
                self._store_and_answer(received, other.id, other.head_id, correlation_id, stop)
            ) as run:
                async for part in run:
                    yield part

    async def _receive(self, scope: Scope, text: str, stop: asyncio.Event) -> _Received:
        """Let hooks see a message before it is stored.

        Raises:
            HookError: `hook.cancelled`.
            TurnError: `turn.cancelled`: it was stopped meanwhile.
        """
        hooks = self._services.hooks
        value = MessageText(text=storable(text))
        try:
            outcome = await unless_stopped(hooks.run(points.MESSAGE_RECEIVED, value, scope), stop)
        except Stopped:
            raise _stopped() from None
        match outcome.decision:
            case Cancel():
                raise cancelled(outcome)
            case Redirect(to):
                return _Received(outcome.value.text, to)
            case Replace(result):
                return _Received(outcome.value.text, "", str(result))
        return _Received(outcome.value.text)

    async def _store_and_answer(
        self,
        received: _Received,
        session_id: str,
        parent_id: str | None,
        correlation_id: str,
        stop: asyncio.Event,
    ) -> AsyncGenerator[Part]:
        began = perf_counter()
        adding = self._services.messages.add(
            session_id, parent_id, "user", storable(received.text), correlation_id
        )
        try:
            message = await unless_stopped(adding, stop)
        except Stopped:
            raise _stopped() from None
        turn = Turn(
            self._services,
            message,
            stop,
            correlation_id,
            given=received.given,
            stored_in=perf_counter() - began,
        )
        async with aclosing(turn.run()) as run:
            async for part in run:
                yield part

    async def _answer(self, question: Message, prefix: str = "") -> AsyncGenerator[Part]:
        with self._turn_of(question.session_id) as stop:
            turn = Turn(self._services, question, stop, new_id(), prefix)
            async with aclosing(turn.run()) as run:
                async for part in run:
                    yield part

    @contextmanager
    def _turn_of(self, session_id: str) -> Iterator[asyncio.Event]:
        """Keep other turns out of a session; gives what stops this one."""
        if session_id in self._stops:
            raise TurnError("busy", "This session is still answering.", "Wait, or stop the reply first.")
        self._stops[session_id] = stop = asyncio.Event()
        try:
            with self._services.hooks.operation("turn"):
                yield stop
        finally:
            del self._stops[session_id]


def _stopped() -> TurnError:
    return TurnError("cancelled", "The turn was stopped before the message was kept.")
